"""Whole sweeps on a real store: finished once, killed, repeated, two at a time, crashing, diverging."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from maskbench.tracking.known import read_sqlite
from maskbench.tracking.store import Store
from maskbench.tracking.table import planned_table, runs_table

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


def sweep(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "maskbench", "sweep", *overrides],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    output, _ = process.communicate(timeout=200)
    assert process.returncode == code, output
    return output


def finished(folder: Path) -> list[str]:
    return [run.key for run in read_sqlite(folder / "mlflow.db", STUDY) if run.key and run.status == "FINISHED"]


def numbers(folder: Path) -> pd.DataFrame:
    """All that a finished run measured, but for its costs, in the order of the keys."""
    table = runs_table(Store(f"sqlite:///{folder / 'mlflow.db'}", STUDY))
    table = table[table["status"] == "FINISHED"].set_index("key").sort_index()
    return table[sorted(c for c in table if "/" in c and not c.startswith("cost/"))]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    output = finish(sweep(folder, *GRID, "train.epochs=30"))
    assert f"{RUNS} runs: {RUNS} new" in output
    assert "3 unmasked partners added" in output
    return folder


def test_every_run_is_finished_once_with_its_partner(undisturbed: Path) -> None:
    keys = finished(undisturbed)
    assert len(keys) == len(set(keys)) == RUNS
    table = runs_table(Store(f"sqlite:///{undisturbed / 'mlflow.db'}", STUDY))
    assert set(table["pair_key"]) == set(table.loc[table["mask"] == "none", "key"])
    for _, pair in table.groupby("pair_key"):
        assert pair[["hash/split", "hash/init", "hash/batches"]].nunique().eq(1).all()
    assert table["seed"].dtype.kind == "i"
    assert table.loc[table["mask"] != "none", "rate"].isin([0.1, 0.5]).all()


def test_the_plan_is_kept_with_the_parent_run(undisturbed: Path) -> None:
    store = Store(f"sqlite:///{undisturbed / 'mlflow.db'}", STUDY)
    planned = planned_table(store)
    assert planned is not None
    assert set(planned["key"]) == set(finished(undisturbed))
    parents = [run for run in store.known() if run.tags["kind"] == "sweep"]
    assert [run.status for run in parents] == ["FINISHED"]
    children = store.client.search_runs([store.experiment_id], f"tags.mlflow.parentRunId = '{parents[0].run_id}'")
    assert len(children) == RUNS


def test_repeating_trains_nothing(undisturbed: Path) -> None:
    before = finished(undisturbed)
    started = time.monotonic()
    output = finish(sweep(undisturbed, *GRID, "train.epochs=30"))
    assert "nothing to do" in output
    assert time.monotonic() - started < 30
    assert finished(undisturbed) == before


def wait_for(folder: Path, runs: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            if len(finished(folder)) >= runs:
                return
        except sqlite3.OperationalError:
            pass  # the store is being made
        time.sleep(0.1)
    pytest.fail(f"the sweep ended before it was disturbed: {process.communicate()[0]}")


def test_a_killed_sweep_goes_on_with_the_same_numbers(tmp_path: Path, undisturbed: Path) -> None:
    process = sweep(tmp_path, *GRID, "train.epochs=30")
    wait_for(tmp_path, 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(finished(tmp_path)) < RUNS
    finish(sweep(tmp_path, *GRID, "train.epochs=30"))
    keys = finished(tmp_path)
    assert len(keys) == len(set(keys)) == RUNS
    pd.testing.assert_frame_equal(numbers(tmp_path), numbers(undisturbed), check_exact=True)
    assert not [run for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.status == "RUNNING"]


def test_workers_end_when_only_the_sweep_is_killed(tmp_path: Path) -> None:
    process = sweep(tmp_path, *GRID, "train.epochs=300000", "hydra.launcher.workers=1", "tracking.flush_seconds=0.1")
    until = time.monotonic() + 60
    running: list[str] = []
    while not running and time.monotonic() < until:
        time.sleep(0.2)
        if (tmp_path / "mlflow.db").exists():
            try:
                running = [r.run_id for r in read_sqlite(tmp_path / "mlflow.db", STUDY) if r.key and r.running]
            except sqlite3.OperationalError:
                continue
    process.kill()
    process.communicate()
    time.sleep(2)
    assert [run.stale for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.run_id in running] == [True]
    done = subprocess.run(
        [sys.executable, "-m", "maskbench", "clean", "--study", STUDY],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "2 run(s)" in done.stdout  # the training and its sweep
    assert not [run for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.status == "RUNNING"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_does_its_bookkeeping(tmp_path: Path, number: signal.Signals) -> None:
    process = sweep(tmp_path, *GRID, "train.epochs=300", "hydra.launcher.workers=1")
    wait_for(tmp_path, 1, process)
    os.kill(process.pid, number)
    output = finish(process, code=130)
    assert "the same command goes on" in output
    assert "Traceback" not in output
    statuses = {run.status for run in read_sqlite(tmp_path / "mlflow.db", STUDY)}
    assert statuses == {"FINISHED", "KILLED"}


def test_two_sweeps_at_once_on_a_fresh_store_both_end_complete(tmp_path: Path, undisturbed: Path) -> None:
    both = [sweep(tmp_path, *GRID, "train.epochs=30", "hydra.launcher.workers=1") for _ in range(2)]
    for process in both:
        finish(process)
    keys = finished(tmp_path)
    assert len(keys) == len(set(keys)) == RUNS
    pd.testing.assert_frame_equal(numbers(tmp_path), numbers(undisturbed), check_exact=True)


CRASHES = """
import os, time
from torch import nn

def crashing(description, how="none"):
    if how == "exit":
        os._exit(7)
    if how == "system_exit":
        raise SystemExit(3)
    if how == "raise":
        raise RuntimeError("no such luck")
    if how == "hang":
        time.sleep(600)
    return nn.Sequential(nn.Flatten(), nn.Linear(description.features.size, description.outputs))
"""


def test_failing_runs_cost_nothing_but_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(CRASHES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    output = finish(
        sweep(
            tmp_path, "study=t", "data=wine", "model=linear", "model._target_=mine.crashing", "train.epochs=2",
            "+model.how=none,exit,system_exit,raise,hang", "hydra.launcher.time_limit=20",
        ),
        code=1,
    )  # fmt: skip
    runs = {run.status: 0 for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.key}
    for run in read_sqlite(tmp_path / "mlflow.db", STUDY):
        runs[run.status] = runs.get(run.status, 0) + bool(run.key)
    assert runs == {"FINISHED": 1, "FAILED": 4}, output
    for reason in ("exit code 7", "SystemExit: 3", "RuntimeError: no such luck", "longer than the limit of 20"):
        assert reason in output
    assert "4 failed" in output


def test_a_diverging_run_fails_and_the_others_finish(tmp_path: Path) -> None:
    output = finish(sweep(tmp_path, "study=t", "data=diabetes", "train.epochs=3", "train.lr=1e-3,1e30"), code=1)
    assert "diverged: the train loss became" in output
    statuses = sorted(run.status for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.key)
    assert statuses == ["FAILED", "FINISHED"]
    again = finish(sweep(tmp_path, "study=t", "data=diabetes", "train.epochs=3", "train.lr=1e-3,1e30"), code=1)
    assert "2 runs: 1 failed, 1 finished" in again


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_other_launchers_train_the_same_runs(tmp_path: Path, undisturbed: Path, launcher: str) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="pip install maskbench[joblib]")
    finish(sweep(tmp_path, *GRID, "train.epochs=30", f"hydra/launcher={launcher}"))
    pd.testing.assert_frame_equal(numbers(tmp_path), numbers(undisturbed), check_exact=True)


def test_our_launcher_under_hydras_own_sweeper(tmp_path: Path) -> None:
    finish(sweep(tmp_path, "study=t", "data=wine", "train.epochs=2", "seed=0,1", "hydra/sweeper=basic"))
    assert len(finished(tmp_path)) == 2


def test_a_sweep_over_stores_or_experiments_is_refused(tmp_path: Path) -> None:
    assert "do not sweep over study" in finish(sweep(tmp_path, "study=a,b"), code=2)
    assert "experiment takes one choice" in finish(sweep(tmp_path, "experiment=quickstart,null"), code=2)
