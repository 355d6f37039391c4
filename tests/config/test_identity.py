"""Identity: equal science has one key, any other science another, and the partner's key is the partner's."""

from __future__ import annotations

import math
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from maskbench.config import identity
from maskbench.config.build import dataset_of
from maskbench.config.identity import canonical, code_version, identify, partner, run_key, settings
from maskbench.config.schema import Config, MaskConfig
from tests.helpers import composer, home, options

BASE = ["data=digits_tab", "mask=gaussian_noise"]
SCIENCE = [
    "data=wine",
    "data=digits",
    "preprocess=none",
    "model=linear",
    "model.width=64",
    "model.depth=3",
    "model.dropout=0.5",
    "mask=bernoulli",
    "mask=none",
    "mask.rate=0.31",
    "mask.rate=0",
    "mask.fill.std=2",
    "mask.fill.mode=scale",
    "mask.pattern.shared=true",
    "mask/schedule=cosine",
    "mask.compounding=true",
    "train.epochs=41",
    "train.batch_size=65",
    "train.lr=1.1e-3",
    "train.weight_decay=0",
    "train.patience=3",
    "evaluate.rates=[0.1,0.3]",
    "~evaluate.corruptions.bernoulli",
    "evaluate.corruptions.gaussian_noise.fill.std=2",
    "seed=1",
    "split_seed=0",
    "split_seed=1",
    "+model.bias=true",
]
NOT_SCIENCE = [
    "study=another",
    "tracking.uri=sqlite:///elsewhere.db",
    "tracking.flush_seconds=1",
    "tracking.sweep=abc",
    "tracking.parent=def",
    "compute.threads=2",
    "compute.device=cpu",
]


@pytest.fixture(scope="module")
def ours():
    return composer()


def key(ours, *overrides: str) -> str:
    return identify(ours.compose([*BASE, *overrides])).key


def test_every_scientific_setting_has_a_key_of_its_own(ours):
    keys = [key(ours), *(key(ours, override) for override in SCIENCE)]
    assert len(set(keys)) == len(keys)


def test_every_leaf_of_the_science_moves_the_key(ours):
    """Not by a list that can be forgotten: each number of the config is changed in turn."""
    config = ours.compose(BASE)
    base = run_key(config)
    leaves = [path for path in walk(asdict(config)) if path[0] in identity.SCIENCE and "card" not in path]
    assert len(leaves) > 25
    for path in leaves:
        changed = ours.compose(BASE)
        poke(changed, path)
        if path[0] == "data":
            changed.data["_target_"] = config.data["_target_"]  # the data are still loaded
            changed.data["layout"] = "image"
        assert run_key(changed) != base, path


def walk(node, path=()):
    if isinstance(node, dict):
        for name, value in node.items():
            yield from walk(value, (*path, name))
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        for place, value in enumerate(node):
            yield from walk(value, (*path, place))
    else:
        yield path


def poke(config: Config, path) -> None:
    holder = config
    for name in path[:-1]:
        holder = holder[name] if isinstance(holder, (dict, list)) else getattr(holder, name)
    if isinstance(holder, (dict, list)):
        holder[path[-1]] = other(holder[path[-1]])
    else:
        setattr(holder, path[-1], other(getattr(holder, path[-1])))


def other(value):
    if isinstance(value, str):
        return value + "x"
    return 17 if value is None or isinstance(value, list) else value + 1


def test_what_is_no_science_leaves_the_key(ours):
    assert {key(ours, override) for override in NOT_SCIENCE} == {key(ours)}
    assert {path[0] for path in walk(asdict(ours.compose(BASE)))} - set(identity.SCIENCE) == {
        "tracking",
        "compute",
        "study",
    }


@pytest.mark.parametrize("name", [name for name in options("mask") if name != "none"])
def test_the_pair_key_is_the_key_of_the_run_with_mask_none(ours, name):
    chosen = home(name)
    masked = identify(ours.compose([*chosen, "seed=3", "train.lr=0.1"]))
    unmasked = identify(ours.compose([*chosen[:2], "mask=none", "seed=3", "train.lr=0.1"]))
    assert masked.pair_key == unmasked.key == unmasked.pair_key != masked.key


def test_a_partner_differs_in_the_mask_only(ours):
    config = ours.compose([*BASE, "seed=3"])
    found, before = asdict(partner(config)), asdict(config)
    assert found.pop("mask") == asdict(MaskConfig())
    before.pop("mask")
    assert found == before


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (["model.dropout=0"], ["model.dropout=0.0"]),
        (["mask.rate=1"], ["mask.rate=1.0"]),
        (["mask.fill.std=1"], ["mask.fill.std=1.0"]),
        (["evaluate.rates=[0.5,1]"], ["evaluate.rates=[0.5,1.0]"]),
        (["train.lr=0.001"], ["train.lr=1e-3"]),
        (["seed=0"], []),
        (["mask.rate=0.3", "seed=2"], ["seed=2", "mask.rate=0.30"]),
        (["mask=none", "mask.rate=0.9"], ["mask=none"]),
        (["mask=none", "mask/fill=noise"], ["mask=none", "mask.rescale=inverted"]),
    ],
)
def test_the_same_science_said_otherwise_has_the_same_key(ours, one, two):
    assert key(ours, *one) == key(ours, *two)


def test_large_and_odd_numbers_keep_their_difference(ours):
    assert key(ours, "+model.x=1") != key(ours, "+model.x=true") != key(ours, "+model.x='1'")
    assert key(ours, "+model.x=0.1") != key(ours, "+model.x=0.10000000000000002")
    assert len({key(ours, f"+model.x={value}") for value in ("null", "0", "false", "''", "[]")}) == 5


def test_the_data_themselves_are_part_of_the_key(ours, monkeypatch):
    before = key(ours)

    class Other:
        fingerprint = "another content under the same name"
        description = dataset_of(ours.compose(BASE)).description

    monkeypatch.setattr(identity, "dataset_of", lambda _: Other)
    assert identify(canonical(ours.compose(BASE))).key != before


def test_a_file_may_move(ours, tmp_path):
    rows = "\n".join(["a,b", *(f"{number},{'yes' if number % 3 else 'no'}" for number in range(0, 90, 2))])
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text(rows)
    (tmp_path / "there" / "y.csv").write_text(rows.replace("88,", "87,"))
    own = "data.target=b", "model=mlp"
    one, moved, other = (
        identify(ours.compose(["data=csv", f"data.path='{tmp_path / name}'", *own]))
        for name in ("here/x.csv", "there/x.csv", "there/y.csv")
    )
    assert one.key == moved.key != other.key
    assert one.settings["data.path"] != moved.settings["data.path"]


def test_keys_are_those_of_the_stores_out_there(ours, monkeypatch):
    """A change here trains everything anew; then say so in the release notes."""
    assert key(ours) == key(composer())
    monkeypatch.setattr(identity, "dataset_of", lambda _: SimpleNamespace(fingerprint="x"))
    assert run_key(ours.compose(BASE)) == "1ae38ffb68badf34"
    assert run_key(partner(ours.compose(BASE))) == "46360a75251739c9"


def test_settings_are_flat_with_short_names_first(ours):
    found = settings(ours.compose([*BASE, "seed=4", "model.width=7"]))
    assert list(found)[:6] == ["data", "model", "mask", "fill", "rate", "seed"]
    assert [found[name] for name in list(found)[:6]] == ["digits_tab", "mlp", "gaussian_noise", "noise", 0.3, 4]
    assert (found["model.width"], found["train.lr"], found["mask.fill.std"]) == (7, 1e-3, 1.0)
    assert found["data.layout"] == "columns"
    assert "train.split_seed" not in found
    assert not {"data.name", "model.name", "mask.name", "mask.fill.name", "mask.rate"} & set(found)
    assert found["mask.pattern._target_"] == "maskbench.masks.bernoulli.Bernoulli"
    assert all(value is None or isinstance(value, (str, int, float, bool)) for value in found.values())
    assert not any(isinstance(value, float) and math.isnan(value) for value in found.values())


def test_settings_of_an_unmasked_run_say_nothing_of_a_mask(ours):
    found = settings(ours.compose(["mask=none"]))
    assert (found["mask"], found["fill"], found["rate"]) == ("none", None, None)
    assert not any(name.startswith("mask.") for name in found)


def test_settings_differ_where_the_evaluation_or_the_split_does(ours):
    base = settings(ours.compose(BASE))
    rates = settings(ours.compose([*BASE, "evaluate.rates=[0.5]"]))
    assert {name for name in base if base[name] != rates[name]} == {"evaluate.digest"}
    assert settings(ours.compose([*BASE, "split_seed=3"]))["train.split_seed"] == 3


def test_the_name_of_a_run_for_people(ours):
    assert identify(ours.compose([*BASE, "seed=2"])).name == "digits_tab mlp gaussian_noise 0.3 s2"
    assert identify(ours.compose(["mask=none"])).name == "digits mlp none s0"


def test_the_code_version_follows_the_source_that_decides_numbers(tmp_path, monkeypatch):
    for file in ("config/identity.py", "masks/a.py", "data/b.py", "models/c.py", "training.py", "report/d.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("1")
    monkeypatch.setattr(identity, "__file__", str(tmp_path / "config/identity.py"))

    def version() -> str:
        code_version.cache_clear()
        return code_version()

    versions = [version()]
    for file in ("masks/a.py", "data/b.py", "models/c.py", "training.py"):
        (tmp_path / file).write_text("2")
        versions.append(version())
    assert len(set(versions)) == 5
    (tmp_path / "report/d.py").write_text("2")
    assert version() == versions[-1]
    code_version.cache_clear()
