"""From overrides to jobs."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from maskbench.errors import ConfigError
from maskbench.sweep.expand import expand, params_of, zip_groups


def jobs(*overrides: str, zipped: tuple[tuple[str, ...], ...] = ()) -> list[tuple[str, ...]]:
    return list(expand(OverridesParser.create().parse_overrides(list(overrides)), zipped))


def test_every_combination_once() -> None:
    assert jobs("a=1,2", "b=x,y") == [("a=1", "b=x"), ("a=1", "b=y"), ("a=2", "b=x"), ("a=2", "b=y")]
    assert jobs("seed=range(3)") == [("seed=0",), ("seed=1",), ("seed=2",)]
    assert jobs() == [()]


def test_a_later_override_replaces_an_earlier_sweep() -> None:
    assert jobs("mask=bernoulli,block", "seed=1,2", "mask=feature") == [
        ("mask=feature", "seed=1"),
        ("mask=feature", "seed=2"),
    ]


def test_keys_of_a_group_move_together() -> None:
    assert jobs("seed=0,1", "+a=1,2", "b=x", "c=y,z", zipped=(("a", "c"),)) == [
        ("seed=0", "+a=1", "c=y", "b=x"),
        ("seed=0", "+a=2", "c=z", "b=x"),
        ("seed=1", "+a=1", "c=y", "b=x"),
        ("seed=1", "+a=2", "c=z", "b=x"),
    ]


def test_a_group_stands_where_its_first_key_does() -> None:
    assert jobs("a=1,2", "b=x,y", "c=1,2", zipped=(("c", "a"),)) == [
        ("c=1", "a=1", "b=x"),
        ("c=1", "a=1", "b=y"),
        ("c=2", "a=2", "b=x"),
        ("c=2", "a=2", "b=y"),
    ]


def test_groups_combine_with_each_other() -> None:
    found = jobs("a=1,2", "b=1,2", "c=1,2,3", "d=1,2,3", "e=1,2,3", zipped=(("b", "a"), ("c", "d", "e")))
    assert len(found) == 2 * 3
    for a, b, c, d, e in found:
        assert a[1:] == b[1:]
        assert c[1:] == d[1:] == e[1:]


@pytest.mark.parametrize(
    ("overrides", "group", "says"),
    [
        (("a=1,2", "b=1,2,3"), ("a", "b"), r"zip=\[\[a,b\]\]: keys that move together .*a has 2, b has 3"),
        (("model=1,2", "b=1,2"), ("modl", "b"), "modl is not swept. Did you mean 'model'?"),
        (("a=1,2", "b=1"), ("a", "b"), "b is not swept"),
        (("a=1,2", "b=1,2", "b=3"), ("a", "b"), "b is not swept"),
    ],
)
def test_groups_that_cannot_move_together(overrides: tuple[str, ...], group: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        jobs(*overrides, zipped=(group,))


@pytest.mark.parametrize(
    ("override", "says"), [("train.lr=interval(0,1)", "only lists"), ("seed=range(0)", "it has no value")]
)
def test_sweeps_that_cannot_be_are_refused(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        jobs(override)


def test_the_groups_of_a_config_are_read() -> None:
    assert zip_groups([["data", "model"], ["a", "b"]]) == (("data", "model"), ("a", "b"))
    assert zip_groups(None) == zip_groups([]) == ()


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (["data", "model"], "give groups of swept keys"),
        ("data,model", "give groups"),
        ([["data"]], "give groups"),
        ([["data", 1]], "give groups"),
        ([["a", "b"], ["c", "a"]], "a stands twice"),
        ([["a", "a"]], "a stands twice"),
    ],
)
def test_what_is_no_group_is_refused(node: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        zip_groups(node)


def test_params_are_overrides() -> None:
    assert params_of({"mask": "a,b", "mask.rate": 0.3}) == ["mask=a,b", "mask.rate=0.3"]
    assert params_of(None) == []
    with pytest.raises(ConfigError, match="give names and values"):
        params_of("mask=a,b")
