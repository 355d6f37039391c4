"""Flags apart from what Hydra reads."""

from __future__ import annotations

import pickle
import re
import shlex

import pytest
from hydra._internal.utils import get_args_parser

from maskbench.errors import ConfigError
from maskbench.sweep.asked import HYDRAS, OURS, Asked, command_line, flags_of


def test_flags_stand_anywhere() -> None:
    flags = flags_of(["data=wine", "--seeds", "3", "mask=a,b", "--only=failed,new", "--list", "-cd", "menu", "+x=-1"])
    assert (flags.seeds, flags.only, flags.list_runs, flags.config_dir) == (3, "failed,new", True, "menu")
    assert flags.rest == ("data=wine", "mask=a,b", "+x=-1")
    assert flags.for_hydra() == [
        "--config-dir", "menu", "data=wine", "mask=a,b", "+x=-1", "seed=range(3)", "hydra.sweeper.only=[failed,new]",
    ]  # fmt: skip


def test_hydras_own_flags_pass() -> None:
    args = ["-c", "job", "--package", "x", "--info=all", "a=1"]
    flags = flags_of(args)
    assert flags.for_hydra() == args == list(flags.rest)
    assert (flags.seeds, flags.only, flags.list_runs, flags.config_dir) == (None, None, False, None)


def test_hydra_has_no_other_flags() -> None:
    known = {name for action in get_args_parser()._actions for name in action.option_strings}
    assert known == {*HYDRAS, "--config-dir", "-cd"}
    assert not {*OURS, "--list"} & known - {"--config-dir"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--seeds", "0"], "--seeds 0: give a whole number above 0, for example --seeds 10"),
        (["--seeds", "-3"], "--seeds -3: give"),
        (["--seeds", "2.5"], "--seeds 2.5: give"),
        (["--seeds", "²"], "--seeds ²: give"),
        (["--seeds=range(3)"], "--seeds range(3): give"),
        (["--seeds"], "--seeds: expected one argument; for example --seeds 10"),
        (["--list=x"], "--list: "),
        (["--seeds", "3", "seed=1"], "--seeds 3 and seed= say the same thing twice"),
        (["++seed=1", "--seeds=3"], "--seeds 3 and seed= say the same thing twice"),
        (["--seed", "3"], "unknown flag --seed. Did you mean '--seeds'?"),
        (["--onyl=failed"], "unknown flag --onyl. Did you mean '--only'?"),
    ],
)
def test_flags_that_cannot_be_are_refused_in_one_line(args: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as error:
        flags_of(args)
    assert len(str(error.value).splitlines()) == 1


def test_split_seed_is_another_setting() -> None:
    assert flags_of(["--seeds", "3", "split_seed=1"]).seeds == 3


def test_the_command_can_be_copied() -> None:
    args = ["seed=range(3)", "--only", "failed,missing", "hydra.launcher.workers=2", "study=a b"]
    assert shlex.split(command_line(args)) == ["maskbench", "sweep", *args]


def test_a_launcher_can_send_the_task_to_other_processes() -> None:
    asked = Asked("maskbench sweep a=1", (("b=1",),))
    assert pickle.loads(pickle.dumps(asked)) == asked
