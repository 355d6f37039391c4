"""Sweeps whose store is locked, full or read-only, or whose clock is set back: nothing is lost, doubled or wrong."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.system.sweeps import (
    RUNS,
    SOME,
    STUDY,
    assert_complete,
    finish,
    finished,
    known,
    orphans,
    start,
    sweep,
    wait_for,
    wait_until,
)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "mlflow.db", timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def test_a_store_that_is_locked_for_long_loses_nothing(tmp_path: Path, reference: pd.DataFrame) -> None:
    patient, hasty, cleaned = (tmp_path / name for name in ("patient", "hasty", "cleaned"))
    patient.mkdir()
    hasty.mkdir()
    waits = sweep(patient, *SOME, "hydra.launcher.time_limit=15")  # the wait for the store does not count
    gives_up = sweep(hasty, *SOME, "tracking.patience_seconds=1")
    wait_for(patient, 1, waits)
    wait_for(hasty, 1, gives_up)
    outbox = hasty / "mlflow.db.outbox"
    with locked(patient), locked(hasty):  # until MLflow has given up, which takes it 20 s
        wait_until(lambda: bool([*outbox.glob("*.json")]), gives_up)
        os.killpg(gives_up.pid, signal.SIGKILL)
        gives_up.communicate()
        time.sleep(2)
    kept = len([*outbox.glob("*.json")])
    shutil.copytree(hasty, cleaned)

    assert "Traceback" not in finish(waits)
    assert_complete(patient, reference)
    before = len(finished(cleaned))
    for delivered in (kept, 0):
        output = finish(start(cleaned, "clean", "--study", STUDY, "--deliver"))
        assert f"{delivered} record(s) of study 't' delivered" in output
    assert len(finished(cleaned)) == before + kept
    assert f"{kept} records delivered" in finish(sweep(hasty, *SOME))
    assert not [*outbox.glob("*")]
    assert_complete(hasty, reference)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    try:
        remount(folder, f"size={size}", kind="-ttmpfs")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs the right to mount a small file system: {error}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str, kind: str = "") -> None:
    how = [kind, "-o", options, "tmpfs"] if kind else ["-o", f"remount,{options}"]
    subprocess.run(["mount", *how, str(folder)], check=True, capture_output=True)


def said_in_one_line(output: str, what: str, to_do: str) -> None:
    assert "Traceback" not in output
    assert [line for line in output.splitlines() if what in line and to_do in line], output


def test_a_full_disk_and_one_that_cannot_be_written_are_named(
    tmp_path: Path, reference: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "small"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with mounted(folder, "1500k"):
        said_in_one_line(finish(sweep(folder, *SOME), code=2), "disk is full", "free some space")
        assert len(finished(folder)) < RUNS
        remount(folder, "size=50m")
        finish(sweep(folder, *SOME))
        assert_complete(folder, reference)
        remount(folder, "ro")
        assert "nothing to do" in finish(sweep(folder, *SOME))
        said_in_one_line(finish(sweep(folder, *SOME, "seed=9"), code=2), "read-only", "change its permissions")
        assert not orphans(folder)


CLOCK = """
import os, time
import psutil
def set_back(clock):
    return lambda: clock() - 86400 * os.path.exists(os.environ["SET_BACK"])
time.time, psutil.boot_time = set_back(time.time), set_back(psutil.boot_time)
psutil._pslinux.boot_time = psutil.boot_time
"""


def test_a_clock_that_is_set_back_doubles_nothing(
    tmp_path: Path, reference: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    sweeps = []
    behind = [tmp_path / "first_is_behind", tmp_path / "second_is_behind"]
    behind[1].touch()
    for file in behind:
        monkeypatch.setenv("SET_BACK", str(file))
        sweeps.append(sweep(tmp_path, *SOME, "hydra.launcher.time_limit=60", "hydra.launcher.workers=1"))
    wait_for(tmp_path, 5, sweeps[0])
    behind[0].touch()
    behind[1].unlink()  # one clock is set back, the other forward, in the middle of runs
    for process in sweeps:
        finish(process)
    assert {run.status for run in known(tmp_path)} == {"FINISHED"}
    assert any(later.started < earlier.started - 80_000_000 for earlier in known(tmp_path) for later in known(tmp_path))
    assert_complete(tmp_path, reference)
