"""Plans and sweeps as a user asks for them: flags, several experiments, exclusions, more seeds, only what failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maskbench.tracking.known import read_sqlite

EXPERIMENT = """# @package _global_
study: {name}
train:
  epochs: 2
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      data: wine,diabetes
      model: linear,mlp
      mask: {mask}
      seed: range(2)
    zip: [[data, model]]
    exclude:
      - {{data: diabetes, seed: 1}}
"""


def maskbench(folder: Path, *args: str, code: int = 0) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "maskbench", *args], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return (done.stderr if code else done.stdout).splitlines()


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two experiments of a user's own menu were swept by one command."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "menu" / "experiment").mkdir(parents=True)
    for name, mask in (("one", "feature"), ("two", "knockout")):
        (folder / "menu" / "experiment" / f"{name}.yaml").write_text(EXPERIMENT.format(name=name, mask=mask))
    said = maskbench(folder, "sweep", "experiment=one,two", "--config-dir", "menu", "hydra.launcher.workers=1")
    assert said.count("6 runs: 6 new") == 2
    assert said.count("3 unmasked partners added, 0 duplicates removed, 1 combination excluded") == 2
    assert said[-2:] == ["next: maskbench report --study 'one'", "next: maskbench report --study 'two'"]
    return folder


def runs(folder: Path, study: str, kind: str = "run") -> list[dict[str, str]]:
    known = read_sqlite(folder / "mlflow.db", study)
    return [{"status": run.status, **run.tags} for run in known if run.tags["kind"] == kind]


def test_one_command_trains_several_studies(swept: Path) -> None:
    for study in ("one", "two"):
        assert [run["status"] for run in runs(swept, study)] == ["FINISHED"] * 6
    keys = [{run["key"] for run in runs(swept, study)} for study in ("one", "two")]
    assert len(keys[0] & keys[1]) == 3  # each study has its own partners
    commands = [run["note"] for study in ("one", "two") for run in runs(swept, study, "sweep")]
    assert commands == ["maskbench sweep experiment=one,two --config-dir menu hydra.launcher.workers=1"] * 2


def test_a_plan_says_how_long_it_takes(swept: Path) -> None:
    said = maskbench(
        swept, "plan", "--config-dir", "menu", "experiment=one", "--seeds", "3", "hydra.launcher.workers=3", "--list"
    )
    assert said[1] == "10 runs: 6 finished, 4 new"
    assert said[3] == "to train: 4"
    assert said[4].startswith("estimated time: 1 s with 3 workers (from ")
    assert [line.split()[0] for line in said[5:]] == [*["finished"] * 4, *["new"] * 2, *["finished"] * 2, *["new"] * 2]


def test_more_seeds_of_a_finished_study(swept: Path) -> None:
    said = maskbench(swept, "sweep", "--seeds", "3", "study=two")
    assert said[0] == "repeats maskbench sweep experiment=one,two hydra.launcher.workers=1 'seed=range(3)'"
    assert said[2] == "10 runs: 6 finished, 4 new"
    assert len(runs(swept, "two")) == 10
    assert {run["status"] for run in runs(swept, "two")} == {"FINISHED"}
    assert len(runs(swept, "one")) == 6
    assert runs(swept, "two", "sweep")[-1]["note"] == "maskbench sweep --seeds 3 study=two"
    assert maskbench(swept, "plan", "--seeds", "4", "study=two")[2] == "14 runs: 10 finished, 4 new"


def test_only_what_failed_is_trained_again(swept: Path) -> None:
    diverging = ("study=f", "data=diabetes", "train.epochs=2", "train.lr=1e-3,1e30")
    maskbench(swept, "sweep", *diverging, "hydra.launcher.workers=1", code=1)
    wider = (*diverging[:-1], "train.lr=1e-3,1e30,1e-2")
    said = maskbench(swept, "plan", *wider, "--only", "failed", "--list")
    assert said[1:4] == [
        "3 runs: 1 failed, 1 finished, 1 new",
        "0 unmasked partners added, 0 duplicates removed, 1 unfinished run left out by --only",
        "to train: 1",
    ]
    failed = next(line for line in said if line.startswith("  failed "))
    assert ": diverged: the train loss became" in failed
    said = maskbench(swept, "sweep", *wider, "--only=missing", "hydra.launcher.workers=1")
    assert "to train: 1" in said
    assert sorted(run["status"] for run in runs(swept, "f")) == ["FAILED", "FINISHED", "FINISHED"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("--seeds", "--seeds: expected one argument"),
        ("--seeds 3 study=nowhere", "study 'nowhere' has no sweep in sqlite:///"),
        ("--only fialed", "unknown word 'fialed'. Did you mean 'failed'?"),
        ("--sedes 3", "unknown flag --sedes. Did you mean '--seeds'?"),
        ("experiment=quickstart,quikstart", "unknown choice experiment=quikstart. Did you mean 'quickstart'?"),
        ("data=wine hydra.sweeper.exclude=[{dat:wine}]", "no run has a setting 'dat'. Did you mean 'data'?"),
        ("hydra.sweeper.exlude=[]", "unknown setting 'hydra.sweeper.exlude'. Did you mean 'exclude'?"),
        ("mask=feature seed=0,1 train.lr=", "train.lr"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, args: str, says: str) -> None:
    (line,) = maskbench(tmp_path, "plan", *args.split(), code=2)
    assert line.startswith("maskbench: error: ")
    assert says in line
    assert not (tmp_path / "mlflow.db").exists()


def test_the_flags_are_shown_with_hydras_help(tmp_path: Path) -> None:
    said = maskbench(tmp_path, "sweep", "--help", "--seeds", "3")
    assert any(line.startswith("--only WORDS") for line in said)
    assert any("bernoulli" in line for line in said)
    assert "--only" not in "".join(maskbench(tmp_path, "sweep", "--cfg", "job"))
