"""Repeating a study's own sweeps with other seeds."""

from __future__ import annotations

import pytest

from maskbench.errors import ConfigError
from maskbench.sweep.asked import flags_of
from maskbench.sweep.repeat import repeated, repeats
from maskbench.tracking.store import Store


@pytest.mark.parametrize(
    ("args", "whether"),
    [
        ("--seeds 3 study=a", True),
        ("study=a --seeds 3 tracking.uri=sqlite:///x.db hydra.launcher.workers=2 hydra/launcher=basic", True),
        ("--seeds 3 study=a --only failed --config-dir menu", True),
        ("--seeds 3", False),
        ("study=a", False),
        ("--seeds 3 study=a mask=block", False),
        ("--seeds 3 study=a split_seed=1", False),
        ("--seeds 3 study=a --config-name other", False),
        ("--seeds 3 experiment=a", False),
    ],
)
def test_a_study_and_a_number_of_seeds_alone_repeat_it(args: str, whether: bool) -> None:
    assert repeats(flags_of(args.split())) is whether


def swept(uri: str, note: str, status: str = "FINISHED", study: str = "a") -> None:
    store = Store(uri, study)
    store.close(store.open_sweep(note + status, note), status)


def test_the_sweeps_of_a_study_are_repeated(uri: str) -> None:
    where = f"tracking.uri={uri}"
    swept(uri, "maskbench sweep data=wine 'mask=block, feature' seed=1,2 study=a tracking.uri=sqlite:///gone.db")
    swept(uri, "maskbench sweep --seeds 5 --only new data=digits study=a hydra.launcher.workers=3 --config-dir mine")
    swept(uri, "maskbench sweep --seeds 5 data=digits hydra.launcher.workers=3 study=a", status="KILLED")
    swept(uri, "maskbench sweep --seeds 7 study=a")  # repeats others itself
    swept(uri, "maskbench sweep 'unclosed")
    swept(uri, "maskbench sweep --seeds none")
    swept(uri, "make all")
    swept(uri, "maskbench sweep data=wine study=b", study="b")
    flags, commands = repeated(flags_of(["--seeds", "9", "study=a", where, "hydra.launcher.workers=2"]))
    own = ("seed=range(9)", where, "hydra.launcher.workers=2")
    assert commands == (
        ("data=wine", "mask=block, feature", "study=a", *own),
        ("data=digits", "study=a", "hydra.launcher.workers=3", *own),
    )
    assert flags.config_dir == "mine"


def test_a_sweep_with_failures_is_repeated_and_equal_ones_once(uri: str) -> None:
    swept(uri, "maskbench sweep data=wine seed=1 study=a", status="FAILED")
    swept(uri, "maskbench sweep data=wine seed=1,2 study=a")
    _, commands = repeated(flags_of(["--seeds", "2", "study=a", f"tracking.uri={uri}"]))
    assert commands == (("data=wine", "study=a", "seed=range(2)", f"tracking.uri={uri}"),)


@pytest.mark.parametrize("status", ["KILLED", "RUNNING", None])
def test_without_a_sweep_that_ended_there_is_nothing_to_repeat(uri: str, status: str | None) -> None:
    if status is not None:
        swept(uri, "maskbench sweep data=wine study=a", status=status)
    with pytest.raises(ConfigError, match=r"study 'a' has no sweep in .* say what to sweep"):
        repeated(flags_of(["--seeds", "2", "study=a", f"tracking.uri={uri}"]))


def test_several_studies_are_refused() -> None:
    with pytest.raises(ConfigError, match="one study at a time"):
        repeated(flags_of(["--seeds", "2", "study=a,b"]))


def test_different_menus_are_refused_unless_one_is_given(uri: str) -> None:
    swept(uri, "maskbench sweep --config-dir one data=wine study=a")
    swept(uri, "maskbench sweep --config-dir two data=digits study=a")
    args = ["--seeds", "2", "study=a", f"tracking.uri={uri}"]
    with pytest.raises(ConfigError, match="used --config-dir one and two; give the one"):
        repeated(flags_of(args))
    folder = uri.removeprefix("sqlite:///").rpartition("/")[0]
    flags, commands = repeated(flags_of(["--config-dir", folder, *args]))
    assert (flags.config_dir, len(commands)) == (folder, 2)
