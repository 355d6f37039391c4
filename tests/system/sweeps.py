"""Whole sweeps as a user starts them, what they left in the store, and the processes they are made of."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

from maskbench.tracking.known import Known, read_sqlite
from maskbench.tracking.store import Store
from maskbench.tracking.table import runs_table

STUDY = "t"
GRID = (
    "study=t",
    "data=wine",
    "model=linear",
    "mask=bernoulli,feature",
    "mask.rate=0.1,0.5",
    "seed=range(3)",
    "evaluate.rates=[0.5]",
)
RUNS = 2 * 2 * 3 + 3
SOME = (*GRID, "train.epochs=200")
"""Runs of a few tenths of a second."""


def start(folder: Path, command: str, *arguments: str) -> subprocess.Popen[str]:
    """A command of ours in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "maskbench", command, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def sweep(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    return start(folder, "sweep", *overrides)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """All that it printed, once it has ended with this code."""
    output, _ = process.communicate(timeout=200)
    assert process.returncode == code, output
    return output


def known(folder: Path) -> list[Known]:
    """What is in the store of a folder, sweeps included."""
    return read_sqlite(folder / "mlflow.db", STUDY)


def finished(folder: Path) -> list[str]:
    return [run.key for run in known(folder) if run.key and run.status == "FINISHED"]


def numbers(folder: Path) -> pd.DataFrame:
    """All that a finished run measured, but for its costs, in the order of the keys."""
    table = runs_table(Store(f"sqlite:///{folder / 'mlflow.db'}", STUDY))
    table = table[table["status"] == "FINISHED"].set_index("key").sort_index()
    return table[sorted(c for c in table if "/" in c and not c.startswith("cost/"))]


def log_of(folder: Path, run: Known) -> str:
    return (folder / "mlartifacts" / STUDY / run.run_id / "artifacts" / "log.txt").read_text()


def wait_for(folder: Path, runs: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many runs are finished while the sweep goes on."""
    wait_until(lambda: len(finished(folder)) >= runs, process)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            if condition():
                return
        except sqlite3.OperationalError:
            pass  # the store is being made
        time.sleep(0.05)
    pytest.fail(f"the sweep ended before it was disturbed: {process.communicate()[0]}")


def processes(folder: Path) -> list[psutil.Process]:
    """All that work in this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def server_of(process: subprocess.Popen[str]) -> psutil.Process | None:
    """The process that a sweep's workers come from."""
    for child in psutil.Process(process.pid).children():
        if "multiprocessing.forkserver" in " ".join(child.cmdline()):
            return child
    return None


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    server = server_of(process)
    return server.children() if server else []


def orphans(folder: Path, seconds: float = 5) -> list[psutil.Process]:
    """The processes that still work in the folder after this time."""
    until = time.monotonic() + seconds
    while (left := processes(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def assert_complete(folder: Path, reference: pd.DataFrame) -> None:
    """Each run of the grid is finished once, with the reference's numbers, and nothing is left open."""
    keys = finished(folder)
    assert len(keys) == len(set(keys)) == RUNS
    assert not [run for run in known(folder) if run.status == "RUNNING"]
    pd.testing.assert_frame_equal(numbers(folder), reference, check_exact=True)
