"""The command line as a user meets it: every error is one line with exit code 2, and nothing is stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MASKBENCH = [sys.executable, "-m", "maskbench"]
SMALL = ("data=wine", "model=linear", "train.epochs=2", "evaluate.rates=[0.5]")


def maskbench(folder: Path, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*MASKBENCH, *args], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["mask=bernuli"], ["unknown choice mask=bernuli", "Did you mean 'bernoulli'?", "exact_count"]),
        (["mask=3"], ["a choice is a name", "mask"]),
        (["evaluate.rates=[0.001]"], ["evaluate.rates=[0.001]", "whole per cents"]),
        (["mask.rat=0.1"], ["unknown setting 'mask.rat'", "Did you mean 'rate'?"]),
        (["mak=bernoulli"], ["unknown setting 'mak'", "Did you mean 'mask'?"]),
        (["+mask.foo=1"], ["unknown setting 'mask.foo'"]),
        (["mask=bernoulli", "mask.rate=1.5"], ["mask.rate=1.5", "share from 0 to 1"]),
        (["train.epochs=abc"], ["train.epochs=abc", "Integer"]),
        (["model.width=wide"], ["model.width=wide", "int"]),
        (["mask=block", "data=wine"], ["mask 'block' on data 'wine'", "image", "bernoulli"]),
        (["model=cnn", "data=wine"], ["model 'cnn' takes image", "wine", "model=mlp"]),
        (["data=cifar"], ["unknown choice data=cifar", "digits"]),
        (["study=../x"], ["study=../x", "letters"]),
        (["mask=none", "mask.rate=0.3"], ["none", "rate"]),
        (["tracking.uri=nowhere"], ["nowhere", "sqlite:///"]),
        (["tracking.uri=sqlite:////no/such/folder/mlflow.db"], ["/no/such/folder", "create it"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_bad_input_is_one_line(tmp_path: Path, command: str, overrides: list[str], says: list[str]) -> None:
    if command != "run" and overrides == ["mask=none", "mask.rate=0.3"]:
        pytest.skip("in a sweep `none` stands beside masks that have rates")
    done = maskbench(tmp_path, command, *overrides, code=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("maskbench: error: ")
    assert all(part in lines[0] for part in says), lines[0]
    assert not (tmp_path / "mlflow.db").exists()


def test_full_error_asks_for_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    done = maskbench(tmp_path, "run", "mask=bernuli", code=1)
    assert "Traceback" in done.stderr


def test_run_says_what_became_of_it(tmp_path: Path) -> None:
    assert maskbench(tmp_path, "run", *SMALL).stdout.startswith("finished wine linear none s0 ")
    assert maskbench(tmp_path, "run", *SMALL).stdout.startswith("skipped wine linear none s0 ")


def test_a_diverged_run_fails_with_its_reason(tmp_path: Path) -> None:
    done = maskbench(tmp_path, "run", "data=diabetes", "train.lr=1e30", "train.epochs=3", code=1)
    assert "failed diabetes mlp none s0 diverged: the train loss became" in done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "shows"), [("--help", "sweep"), ("run --help", "bernoulli"), ("run --cfg job", "lr:")]
)
def test_help_and_config_are_shown(tmp_path: Path, command: str, shows: str) -> None:
    assert shows in maskbench(tmp_path, *command.split()).stdout


@pytest.mark.parametrize("command", ["report", "clean", "ui"])
def test_commands_on_no_store(tmp_path: Path, command: str) -> None:
    done = subprocess.run([*MASKBENCH, command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 2) == (command != "clean"), done.stdout + done.stderr
    assert not (tmp_path / "mlflow.db").exists()
