"""Sweeps that are killed, stopped, or whose runs fail: each run is finished once, with undisturbed numbers."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pandas as pd
import pytest

from maskbench.tracking.known import Known
from tests.system.sweeps import (
    GRID,
    SOME,
    STUDY,
    assert_complete,
    finish,
    known,
    log_of,
    orphans,
    server_of,
    sweep,
    wait_for,
    wait_until,
    workers_of,
)

ENDLESS = (*GRID, "train.epochs=100000", "tracking.flush_seconds=0.1", "hydra.launcher.workers=2")


def test_killed_at_random_moments_a_sweep_still_ends_complete(tmp_path: Path, reference: pd.DataFrame) -> None:
    draw = random.Random(0)
    often_shown = (*SOME, "tracking.flush_seconds=0.1", "hydra.launcher.retries=1")
    killed = 0
    for only_the_sweep in (False, True, False):
        process = sweep(tmp_path, *often_shown)
        wait_until(lambda process=process: bool(workers_of(process)), process)  # type: ignore[misc]
        time.sleep(draw.uniform(0, 1))
        if victims := workers_of(process):  # none where it was faster than we
            draw.choice(victims).kill()
            killed += 1
        time.sleep(draw.uniform(0, 1))
        with suppress(ProcessLookupError):
            process.kill() if only_the_sweep else os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not orphans(tmp_path)
        process.communicate()
    assert killed
    finish(sweep(tmp_path, *often_shown))
    assert_complete(tmp_path, reference)


def test_workers_and_the_server_they_come_from_are_replaced(tmp_path: Path, reference: pd.DataFrame) -> None:
    process = sweep(tmp_path, *SOME, "hydra.launcher.retries=2")
    wait_for(tmp_path, 1, process)
    server = server_of(process)
    assert server is not None
    workers = server.children()
    server.kill()
    for worker in workers:
        worker.kill()
    output = finish(process)
    assert "failed and tried again" in output
    assert "Traceback" not in output
    assert_complete(tmp_path, reference)


MODELS = """
import ctypes, os, signal, time
from pathlib import Path
from torch import nn
from maskbench.tracking.writer import RunWriter

class Nan(nn.Linear):
    def forward(self, x):
        return super().forward(x) * float("nan")

def finish_and_die(writer, record, finish=RunWriter.finish):
    finish(writer, record)
    os._exit(7)

def crashing(description, how="none"):
    if how == "exit":
        print("the last words")
        os._exit(7)
    if how == "system_exit":
        raise SystemExit(3)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "memory":
        hoard = [b"x" * 2**26 for _ in range(32)]
    if how in ("hang", "memory"):
        time.sleep(600)
    if how == "raise":
        raise RuntimeError("no such luck")
    if how == "once" and not Path("tried").exists():
        Path("tried").touch()
        os._exit(7)
    if how == "late":
        RunWriter.finish = finish_and_die
    if how == "stuck" and not Path("free").exists():
        Path("stuck").touch()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock: none of its threads runs
    layer = Nan if how == "diverge" else nn.Linear
    return nn.Sequential(nn.Flatten(), layer(description.features.size, description.outputs))
"""
REASONS = {
    "exit": "exit code 7",
    "system_exit": "SystemExit: 3",
    "segfault": "killed by SIGSEGV",
    "memory": "more memory than the limit of 1500 MiB",
    "hang": "longer than the limit of 8 s",
    "raise": "RuntimeError: no such luck",
    "diverge": "diverged: the train loss became nan",
}
TRACES = {
    "exit": ("the last words",),
    "raise": ("Traceback", "mine.py"),
    "segfault": ("Segmentation fault", "mine.py"),
    "diverge": ("Diverged", "nan"),
}
MINE = ("study=t", "data=wine", "model=linear", "model._target_=mine.crashing", "train.epochs=2")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MODELS)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))


@pytest.mark.usefixtures("mine")
def test_failing_runs_cost_nothing_but_themselves(tmp_path: Path) -> None:
    hows = ",".join(["none", *REASONS, "once", "late"])
    limits = ("hydra.launcher.time_limit=8", "hydra.launcher.memory_limit=1500", "hydra.launcher.retries=1")
    output = finish(sweep(tmp_path, *MINE, f"+model.how={hows}", *limits), code=1)
    assert f"{len(REASONS)} failed" in output
    assert output.count("failed and tried again") == len({*REASONS, "once"} - {"diverge"})
    attempts: dict[str, list[Known]] = {}
    for run in known(tmp_path):
        if run.key:
            attempts.setdefault(how_of(tmp_path, run), []).append(run)
    states = {how: [run.status for run in runs] for how, runs in attempts.items()}
    twice = {how: ["FAILED", "FAILED"] for how in REASONS}
    assert states == {"none": ["FINISHED"], "late": ["FINISHED"], "once": ["FAILED", "FINISHED"]} | twice | {
        "diverge": ["FAILED"]  # it would diverge again
    }
    for how, reason in REASONS.items():
        assert reason in output
        for number, run in enumerate(attempts[how], 1):
            assert reason in run.tags["reason"]
            assert run.tags["attempt"] == str(number)
            for part in (how_words(reason), *TRACES.get(how, ())):
                assert part in log_of(tmp_path, run)


def how_of(folder: Path, run: Known) -> str:
    config = (folder / "mlartifacts" / STUDY / run.run_id / "artifacts" / "config.yaml").read_text()
    return next(line.split(": ")[1] for line in config.splitlines() if line.startswith("  how: "))


def how_words(reason: str) -> str:
    """What the log has of a reason: an exception's traceback ends otherwise."""
    return reason.removeprefix("diverged: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_puts_its_runs_in_order(tmp_path: Path, number: signal.Signals) -> None:
    process = sweep(tmp_path, *ENDLESS)
    wait_until(lambda: curves(tmp_path) == 2, process)
    for _ in range(5):  # a terminal, `timeout` and service managers signal the group, and some of them twice
        os.killpg(process.pid, number)
        time.sleep(0.01)
    output = finish(process, code=130)
    assert "the same command goes on" in output
    assert "Traceback" not in output
    assert [run.status for run in known(tmp_path)] == ["KILLED"] * 3
    for run in known(tmp_path):
        if run.key:
            assert run.tags["reason"] == "stopped"
            assert "KeyboardInterrupt" in log_of(tmp_path, run)
    assert curves(tmp_path) == 2


def curves(folder: Path) -> int:
    """How many runs have a curve in the store."""
    with closing(sqlite3.connect(folder / "mlflow.db", timeout=30)) as store:
        return int(store.execute("SELECT COUNT(DISTINCT run_uuid) FROM metrics WHERE key = 'loss/val'").fetchone()[0])


@pytest.mark.usefixtures("mine")
def test_stopped_twice_a_sweep_ends_at_once(tmp_path: Path) -> None:
    process = sweep(tmp_path, *MINE, "+model.how=stuck")
    wait_until((tmp_path / "stuck").exists, process)
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    started = time.monotonic()
    finish(process, code=130)
    assert time.monotonic() - started < 2
    assert not orphans(tmp_path, seconds=2)
    (tmp_path / "free").touch()
    finish(sweep(tmp_path, *MINE, "+model.how=stuck"))
    assert sorted(run.status for run in known(tmp_path) if run.key) == ["FINISHED", "KILLED"]
