"""The menu without a run: the shipped choices, a user's own before them, and Hydra left as it was."""

from __future__ import annotations

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType

from maskbench.config.menu import load, menu
from maskbench.errors import ConfigError
from tests.helpers import options


def choices(loader, group):
    return sorted(loader.get_group_options(group, ObjectType.CONFIG))


@pytest.mark.parametrize("group", ["mask", "mask/fill", "mask/schedule", "data", "model", "preprocess"])
def test_it_holds_what_is_shipped(group):
    assert choices(menu(), group) == options(group)


def test_a_users_choices_stand_before_the_shipped_ones(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "mine.yaml").write_text("epochs: 7\n")
    (tmp_path / "train" / "default.yaml").write_text("epochs: 9\n")
    loader = menu(tmp_path)
    assert choices(loader, "train") == sorted({*options("train"), "mine"})
    assert load(loader, ["train=mine"]).train.epochs == 7
    assert load(loader, []).train.epochs == 9
    assert load(menu(), []).train.epochs != 9


def test_a_folder_given_relatively(tmp_path, monkeypatch):
    (tmp_path / "own" / "train").mkdir(parents=True)
    (tmp_path / "own" / "train" / "mine.yaml").write_text("epochs: 7\n")
    monkeypatch.chdir(tmp_path)
    assert load(menu(type(tmp_path)("own")), ["train=mine"]).train.epochs == 7


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=f"^--config-dir=.*{name} is no folder; give the one that holds your mask/"):
        menu(tmp_path / name)


def test_hydra_is_left_as_it_was():
    menu()
    assert not GlobalHydra.instance().is_initialized()


def test_hydras_own_node_is_left_out():
    found = load(menu(), ["seed=3"])
    assert "hydra" not in found
    assert found.seed == 3
    assert load(menu(), ["mask=block"]).mask.name == "block"
