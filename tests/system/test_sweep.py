"""Whole sweeps on a real store: finished once, repeated, two at a time, diverging, with other launchers."""

from __future__ import annotations

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
from tests.system.sweeps import GRID, RUNS, STUDY, finish, finished, numbers, orphans, sweep


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
    process.wait()
    assert not orphans(tmp_path)
    process.communicate()
    assert [run.stale for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.run_id in running] == [True]
    done = subprocess.run(
        [sys.executable, "-m", "maskbench", "clean", "--study", STUDY],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "2 run(s)" in done.stdout  # the training and its sweep
    assert not [run for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.status == "RUNNING"]


def test_two_sweeps_at_once_on_a_fresh_store_both_end_complete(tmp_path: Path, undisturbed: Path) -> None:
    both = [sweep(tmp_path, *GRID, "train.epochs=30", "hydra.launcher.workers=1") for _ in range(2)]
    for process in both:
        finish(process)
    keys = finished(tmp_path)
    assert len(keys) == len(set(keys)) == RUNS
    pd.testing.assert_frame_equal(numbers(tmp_path), numbers(undisturbed), check_exact=True)


def test_a_diverging_run_fails_and_the_others_finish(tmp_path: Path) -> None:
    output = finish(sweep(tmp_path, "study=t", "data=diabetes", "train.epochs=3", "train.lr=1e-3,1e30"), code=1)
    assert "diverged: the train loss became" in output
    statuses = sorted(run.status for run in read_sqlite(tmp_path / "mlflow.db", STUDY) if run.key)
    assert statuses == ["FAILED", "FINISHED"]
    again = finish(sweep(tmp_path, "study=t", "data=diabetes", "train.epochs=3", "train.lr=1e-3,1e30"), code=1)
    assert "2 runs: 1 failed, 1 finished" in again


@pytest.mark.parametrize(
    ("launcher", "fewer"),
    [("basic", ()), ("joblib", ()), ("submitit_local", ("mask=bernoulli", "mask.rate=0.1", "seed=0"))],
)
def test_other_launchers_train_the_same_runs(
    tmp_path: Path, undisturbed: Path, launcher: str, fewer: tuple[str, ...]
) -> None:
    finish(sweep(tmp_path, *GRID, "train.epochs=30", *fewer, f"hydra/launcher={launcher}"))
    there = numbers(tmp_path)
    assert len(there) == (2 if fewer else RUNS)
    pd.testing.assert_frame_equal(there, numbers(undisturbed).loc[there.index], check_exact=True)


def test_our_launcher_under_hydras_own_sweeper(tmp_path: Path) -> None:
    finish(sweep(tmp_path, "study=t", "data=wine", "train.epochs=2", "seed=0,1", "hydra/sweeper=basic"))
    assert len(finished(tmp_path)) == 2


def test_a_sweep_over_stores_is_refused(tmp_path: Path) -> None:
    output = finish(sweep(tmp_path, "tracking.uri=sqlite:///a.db,sqlite:///b.db"), code=2)
    assert "do not sweep over tracking.uri" in output
    assert not list(tmp_path.iterdir())
