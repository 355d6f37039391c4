"""Every mask of the menu has a full card, a name of its own, and a YAML that shows every setting."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_class
from omegaconf import OmegaConf

from maskbench.config.build import mask_of
from maskbench.config.compose import typed
from maskbench.config.menu import menu
from maskbench.description import KINDS
from maskbench.errors import ConfigError
from maskbench.gallery.catalogue import card_lines, entries, entry, listing
from maskbench.masks.mask import INPUT
from maskbench.masks.situations import situations
from tests.helpers import CONF, loader, options, stock

NAMES = [name for name in options("mask") if name != "none"]
FOUND = {each.name: each for each in entries(loader())}
every_name = pytest.mark.parametrize("name", NAMES)


def shipped(name: str) -> dict:
    return yaml.safe_load((CONF / "mask" / f"{name}.yaml").read_text())


def test_all_masks_are_listed_in_order():
    assert list(FOUND) == NAMES


@every_name
def test_a_card_says_everything(name):
    card = FOUND[name].card
    for field in ("hides", "rate", "use", "source"):
        text = getattr(card, field)
        assert len(text) > 5, field
        assert text == text.strip()
        assert "\n" not in text
        assert not text.endswith(".")
    assert card.shown_on in ("", *FOUND[name].kinds)
    assert set(shipped(name)["card"]) <= {"hides", "rate", "use", "source", "also", "shown_on"}


@every_name
def test_a_file_starts_with_what_it_is_and_has_its_own_name(name):
    first = (CONF / "mask" / f"{name}.yaml").read_text().splitlines()[0]
    assert first.startswith("# ")
    assert FOUND[name].config.name == name == shipped(name)["name"]


def test_no_name_is_used_twice():
    owners: dict[str, set[str]] = {}
    for each in FOUND.values():
        assert each.name not in each.card.also
        assert len(set(each.card.also)) == len(each.card.also)
        for other in (each.name, *each.card.also):
            owners.setdefault(other.lower().replace(" ", "_").replace("-", "_"), set()).add(each.name)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


@every_name
def test_every_setting_of_the_pattern_is_shown(name):
    shown = dict(shipped(name)["pattern"])
    pattern = get_class(shown.pop("_target_"))
    assert set(shown) == {field.name for field in dataclasses.fields(pattern) if not field.name.startswith("_")}


@every_name
def test_settings_shown_are_those_of_the_pattern_made(name):
    shown = OmegaConf.to_container(OmegaConf.structured(FOUND[name].config))["pattern"]
    made = FOUND[name].mask.pattern
    for key, value in shown.items():
        if key != "_target_":
            have = getattr(made, key)
            assert (list(have) if isinstance(have, tuple) else have) == value, key


@every_name
def test_kinds_are_those_of_the_data_it_accepts(name):
    accepted = {found.features.kind for found in situations(FOUND[name].mask, 1)}
    assert FOUND[name].kinds == tuple(kind for kind in KINDS if kind in accepted)
    assert accepted


@every_name
def test_each_is_the_mask_composed_alone(name):
    alone = typed(stock([f"mask={name}"])).mask
    assert FOUND[name].config == alone
    left, right = FOUND[name].mask, mask_of(alone)
    assert right is not None
    assert type(left.pattern) is type(right.pattern)
    assert str(left) == str(right)


def test_what_is_composed_at_once_does_not_matter(monkeypatch):
    monkeypatch.setattr("maskbench.gallery.catalogue.AT_ONCE", 7)
    again = {each.name: each.config for each in entries(loader())}
    assert again == {each.name: each.config for each in FOUND.values()}


def test_the_list_holds_every_mask_once_where_it_fits():
    rows = [(where, name) for where, found in listing(FOUND.values()) for name, _ in found]
    assert sorted(name for _, name in rows) == NAMES
    assert all(FOUND[name].where == where for where, name in rows)
    wheres = [where for where, _ in listing(FOUND.values())]
    assert wheres[0] == "columns, image, sequence"
    assert wheres[-1] == "inside the model"
    assert len(set(wheres)) == len(wheres)
    assert {hides for _, found in listing(FOUND.values()) for _, hides in found} == {
        e.card.hides for e in FOUND.values()
    }


@every_name
def test_card_lines(name):
    each = FOUND[name]
    first, *lines = card_lines(each, "COST")
    assert first == name
    heads = [line[2:10].strip() for line in lines]
    also = ["also"] if each.card.also else []
    assert heads == ["hides", "fits", "rate", "use", "made of", "cost", "source", *also]
    text = "\n".join(lines)
    for part in (each.card.hides, each.card.use, each.card.source, "COST", *each.card.also, each.where):
        assert part in text
    assert f"{each.config.rate:g} unless you set mask.rate" in text
    assert f"pattern {type(each.mask.pattern).__name__}" in each.parts
    assert f"fill {each.config.fill['name']}" in each.parts
    for part, says in (
        (each.config.rescale != "none", "rescale "),
        (each.config.place != INPUT, "inside the model at "),
        (each.config.compounding, "compounding"),
    ):
        assert part == (says in each.parts)


@every_name
def test_a_mask_is_found_by_any_of_its_names(name):
    for other in (name, *FOUND[name].card.also):
        assert entry(list(FOUND.values()), other).name == name


@pytest.mark.parametrize(("wrong", "hint"), [("bernuli", "bernoulli"), ("cutuot", "cutout"), ("zzzz", "")])
def test_an_unknown_mask_meets_the_nearest(wrong, hint):
    with pytest.raises(ConfigError, match=f"^there is no mask '{wrong}'") as caught:
        entry(list(FOUND.values()), wrong)
    assert ("Did you mean" in str(caught.value)) == bool(hint)
    assert f"'{hint}'" in str(caught.value) or not hint
    assert str(caught.value).endswith("All masks: maskbench masks")


OWN = """
defaults:
  - fill: zero
  - schedule: constant
  - _self_

name: {name}
pattern:
  _target_: maskbench.masks.block.Block
  side: {side}
rate: {rate}
card:
  hides: a square of my own
"""


def own(folder: Path, name: str, side: str = "null", rate: str = "0.5", called: str | None = None) -> Path:
    (folder / "mask").mkdir(exist_ok=True)
    (folder / "mask" / f"{name}.yaml").write_text(OWN.format(name=called or name, side=side, rate=rate))
    return folder


def test_a_mask_of_the_users_own_stands_among_the_others(tmp_path):
    found = entries(menu(own(tmp_path, "mine")))
    assert [each.name for each in found] == sorted([*NAMES, "mine"])
    mine = entry(found, "mine")
    assert (mine.card.hides, mine.kinds, mine.config.rate) == ("a square of my own", ("image",), 0.5)
    assert ("image", ("mine", "a square of my own")) in [(w, row) for w, rows in listing(found) for row in rows]


def test_a_mask_of_the_users_own_may_stand_for_a_shipped_one(tmp_path):
    found = entries(menu(own(tmp_path, "block")))
    assert [each.name for each in found] == NAMES
    assert entry(found, "block").card.hides == "a square of my own"


def test_a_rate_that_its_parameters_fix(tmp_path):
    mine = entry(entries(menu(own(tmp_path, "mine", side="3", rate="null"))), "mine")
    assert mine.mask.rate is None
    assert any("its own parameters fix it" in line for line in card_lines(mine, ""))
    assert not any(line.startswith("  cost") for line in card_lines(mine, ""))


def test_a_mask_may_not_be_called_none(tmp_path):
    with pytest.raises(ConfigError, match="mask 'mine' calls itself 'none'; give it a name of its own"):
        entries(menu(own(tmp_path, "mine", called="none")))
