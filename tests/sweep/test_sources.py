"""Where the jobs of a sweep come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from maskbench.config.menu import menu
from maskbench.errors import ConfigError
from maskbench.sweep.plan import Plan
from maskbench.sweep.sources import plans_of, sources

ONE = """# @package _global_
study: one
hydra:
  launcher:
    time_limit: 60
  sweeper:
    params:
      data: wine,digits
      model: linear,cnn
      seed: range(3)
    zip: [[data, model]]
    exclude:
      - {data: wine, seed: 2}
"""
TWO = """# @package _global_
study: two
hydra:
  launcher:
    time_limit: 60
  sweeper:
    params:
      data: wine
      mask: feature
      seed: range(2)
"""


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> ConfigLoader:
    """The menu with two experiments of a user, and a third that wants more time."""
    Plugins.instance()
    folder = tmp_path_factory.mktemp("menu")
    (folder / "experiment").mkdir()
    for name, text in {"one": ONE, "two": TWO, "slow": TWO.replace("60", "90").replace("two", "slow")}.items():
        (folder / "experiment" / f"{name}.yaml").write_text(text)
    return menu(Path(folder))


def settings(loader: ConfigLoader, *args: str) -> DictConfig:
    return loader.load_configuration("config", list(args), RunMode.MULTIRUN)


def plans(loader: ConfigLoader, *args: str, repeats: Sequence[Sequence[str]] = ()) -> dict[str, Plan]:
    own = settings(loader, *args)
    parts = sources(loader, own, list(own.hydra.overrides.task), repeats)
    return {plan.study: plan for plan in plans_of(parts, loader, own, frozenset(), bool(repeats))}


def names(plan: Plan) -> list[str]:
    return [run.identity.name for run in plan.runs]


OF_ONE = ["wine linear none s0", "wine linear none s1", *(f"digits cnn none s{seed}" for seed in range(3))]
OF_TWO = ["wine mlp none s0", "wine mlp feature 0.3 s0", "wine mlp none s1", "wine mlp feature 0.3 s1"]


def test_a_command_alone_is_one_source(loader: ConfigLoader) -> None:
    assert [*plans(loader, "data=wine", "mask=feature", "seed=0,1")] == ["default"]
    found = plans(loader, "experiment=one")
    assert names(found["one"]) == OF_ONE
    assert found["one"].excluded == 1


def test_experiments_are_united_each_with_its_own_settings(loader: ConfigLoader) -> None:
    found = plans(loader, "experiment=one,two")
    assert names(found["one"]) == OF_ONE
    assert names(found["two"]) == OF_TWO
    assert (found["one"].excluded, found["two"].excluded) == (1, 0)


def test_the_command_line_replaces_what_every_experiment_says(loader: ConfigLoader) -> None:
    found = plans(loader, "experiment=one,two", "seed=0", "hydra.sweeper.exclude=[{data:digits}]", "study=both")
    assert names(found["both"]) == [OF_ONE[0], *OF_TWO[:2]]
    assert found["both"].excluded == 1
    assert found["both"].warnings == ("hydra.sweeper.exclude: no run has {data: digits}, so it leaves out nothing",)


def test_runs_of_an_experiment_compose_again_from_their_overrides(loader: ConfigLoader) -> None:
    for plan in plans(loader, "experiment=one,two").values():
        assert all(f"experiment={plan.study}" in run.overrides for run in plan.runs)


def test_the_launcher_is_the_one_of_the_experiments(loader: ConfigLoader) -> None:
    own = settings(loader, "experiment=one,two")
    assert own.hydra.launcher.time_limit is None
    parts = sources(loader, own, ["experiment=one,two"], ())
    assert [part.settings.hydra.launcher.time_limit for part in parts] == [60, 60]


def test_one_sweep_has_one_launcher(loader: ConfigLoader) -> None:
    says = r"set hydra\.launcher\.time_limit to 60\.0 and 90\.0; give one .*hydra\.launcher\.time_limit="
    with pytest.raises(ConfigError, match=says):
        plans(loader, "experiment=two,slow")
    assert [*plans(loader, "experiment=two,slow", "hydra.launcher.time_limit=5")] == ["two", "slow"]
    repeats = [["data=wine", "hydra/launcher=basic"], ["data=digits"]]
    with pytest.raises(ConfigError, match="different launchers"):
        plans(loader, "study=default", repeats=repeats)


def test_an_experiment_among_the_params_is_refused(loader: ConfigLoader) -> None:
    with pytest.raises(ConfigError, match="cannot name an experiment"):
        plans(loader, "hydra.sweeper.params={experiment:'one,two'}")


def test_repeated_sweeps_are_united_in_their_own_study(loader: ConfigLoader) -> None:
    more = "hydra.sweeper.params={mask:'feature,knockout'}"
    repeats = [["experiment=one,two", "seed=range(1)"], ["study=two", "data=wine", more]]
    with pytest.raises(
        ConfigError, match=r"time_limit to 60\.0 and null; .* for example hydra\.launcher\.time_limit=60"
    ):
        plans(loader, "study=two", repeats=repeats)
    repeats[1].append("hydra.launcher.time_limit=60")
    found = plans(loader, "study=two", repeats=repeats)
    assert [*found] == ["two"]
    assert names(found["two"]) == [*OF_TWO[:2], "wine mlp knockout 0.3 s0"]
    assert found["two"].duplicates == 1


def test_a_study_that_its_sweeps_do_not_make_is_refused(loader: ConfigLoader) -> None:
    with pytest.raises(ConfigError, match="study 'gone' make no run of that study"):
        plans(loader, "study=gone", repeats=[["experiment=two"]])
