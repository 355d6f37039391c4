"""The store: claims, take-overs, what is written and read back, and errors in one line."""

from __future__ import annotations

import math
import multiprocessing
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from maskbench.errors import StoreError
from maskbench.records import Identity, Point, RunRecord
from maskbench.tracking.known import TAG
from maskbench.tracking.plans import read_plans, write_plan
from maskbench.tracking.store import Store, Taken
from maskbench.tracking.table import planned_table, runs_table
from maskbench.tracking.writer import RunWriter

SETTINGS = {"data": "1e3", "model": "mlp", "mask": "none", "fill": None, "rate": None, "seed": 4, "train.lr": 0.001}
RECORD = RunRecord(
    metrics={"test/accuracy": 0.75, "cost/peak_memory_mib": math.nan},
    curves=(Point("curve/bernoulli/accuracy", 0.5, 30), Point("curve/bernoulli/accuracy", 0.25, 90)),
    hashes={"split": "aa", "init": "bb", "batches": "cc"},
    hardware="a machine",
)


def identity(key: str = "k1") -> Identity:
    return Identity(key, "k0", SETTINGS)


@pytest.fixture
def store(uri: str) -> Store:
    return Store(uri, "a study")


def claim(store: Store, key: str = "k1") -> RunWriter:
    writer = store.claim(identity(key), 5.0, {"code": "c0"})
    assert isinstance(writer, RunWriter)
    return writer


def test_a_finished_run_reads_back_as_it_was_written(store: Store) -> None:
    writer = claim(store)
    writer.start(SETTINGS, "seed: 4\n")
    writer.watch([Point("loss/train", 2.0, 1)])
    writer.finish(RECORD)
    row = runs_table(store).iloc[0].to_dict()
    assert row["status"] == "FINISHED"
    assert (row["key"], row["pair_key"], row["code"], row["hardware"]) == ("k1", "k0", "c0", "a machine")
    assert (row["data"], row["seed"], row["train.lr"]) == ("1e3", 4, 0.001)
    assert (row["hash/split"], row["hash/init"], row["hash/batches"]) == ("aa", "bb", "cc")
    assert row["test/accuracy"] == 0.75
    assert "cost/peak_memory_mib" not in row
    assert "fill" not in row
    history = store.client.get_metric_history(writer.run_id, "curve/bernoulli/accuracy")
    assert [(point.step, point.value) for point in history] == [(30, 0.5), (90, 0.25)]
    assert store.client.get_metric_history(writer.run_id, "loss/train")[0].value == 2.0
    names = [file.path for file in store.client.list_artifacts(writer.run_id)]
    assert names == ["config.yaml"]


def test_artifacts_lie_beside_the_database_wherever_the_process_is(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    claim(store).start(SETTINGS, "seed: 4\n")
    assert list((tmp_path / "mlartifacts" / "a study").rglob("config.yaml"))
    assert not list(elsewhere.iterdir())


def test_a_key_is_trained_once(store: Store) -> None:
    writer = claim(store)
    assert store.claim(identity(), 5.0, {}) == Taken(writer.run_id, finished=False)
    writer.finish(RECORD)
    assert store.claim(identity(), 5.0, {}) == Taken(writer.run_id, finished=True)
    assert isinstance(store.claim(identity("k2"), 5.0, {}), RunWriter)


def test_a_failed_run_is_tried_again_and_says_why(store: Store) -> None:
    first = claim(store)
    first.start(SETTINGS, "")
    first.fail("diverged: the loss became nan")
    again = claim(store)
    assert [run.status for run in store.known()] == ["FAILED", "RUNNING"]
    assert store.known()[1].run_id == again.run_id
    table = runs_table(store)
    assert list(table["run_id"]) == [first.run_id]
    assert table.loc[0, "reason"] == "diverged: the loss became nan"


def _claim_and_die(uri: str) -> None:
    Store(uri, "a study").claim(identity(), 5.0, {})


def test_a_run_of_a_dead_process_is_taken_over(store: Store, uri: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=[uri])
    process.start()
    process.join()
    assert [run.stale for run in store.known()] == [True]
    writer = claim(store)
    assert {run.run_id: run.status for run in store.known()}[writer.run_id] == "RUNNING"
    assert [run.status for run in store.known()] == ["KILLED", "RUNNING"]


def test_clean_closes_only_what_is_dead(store: Store, uri: str) -> None:
    alive = claim(store, "k2")
    process = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=[uri])
    process.start()
    process.join()
    assert [run.key for run in store.close_stale("cleaned")] == ["k1"]
    assert {run.key: run.status for run in store.known()} == {"k1": "KILLED", "k2": "RUNNING"}
    alive.kill()
    assert {run.key: run.status for run in store.known()} == {"k1": "KILLED", "k2": "KILLED"}


def test_reading_without_mlflow_equals_reading_with_it(store: Store) -> None:
    claim(store, "k1").finish(RECORD)
    claim(store, "k2").fail("no")
    claim(store, "k3")
    store.open_sweep("s1", "a note")
    fast = store.known()
    store.location = type(store.location)(store.location.uri, None)
    assert store.known() == fast
    assert [run.key for run in fast] == ["k1", "k2", "k3", ""]
    assert store.known("k2") == [fast[1]]


def test_reading_a_study_loads_no_mlflow(store: Store, uri: str) -> None:
    claim(store)
    code = (
        "import sys; from maskbench.tracking.store import Store;"
        f"assert len(Store({uri!r}, 'a study').known()) == 1; assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_known_where_there_is_no_store(tmp_path: Path) -> None:
    assert Store(f"sqlite:///{tmp_path / 'none.db'}", "x").known() == []
    assert not list(tmp_path.iterdir())


def test_a_deleted_run_is_forgotten(store: Store) -> None:
    writer = claim(store)
    writer.finish(RECORD)
    store.client.delete_run(writer.run_id)
    assert store.known() == []
    assert isinstance(store.claim(identity(), 5.0, {}), RunWriter)


def test_a_sweep_keeps_its_parent_run(store: Store) -> None:
    first = store.open_sweep("s1", "maskbench sweep")
    store.close(first, "KILLED", "stopped")
    assert store.open_sweep("s1", "maskbench sweep") == first
    assert store.open_sweep("s2", "maskbench sweep") != first


def test_plans_of_all_sweeps_are_one_table(store: Store) -> None:
    assert planned_table(store) is None
    write_plan(store, store.open_sweep("s1", ""), [{"key": "a", "seed": 0}, {"key": "b", "seed": 1}])
    write_plan(store, store.open_sweep("s2", ""), [{"key": "b", "seed": 1}, {"key": "c", "seed": 2}])
    store.open_sweep("s3", "")
    assert sorted(str(row["key"]) for row in read_plans(store)) == ["a", "b", "c"]
    table = planned_table(store)
    assert table is not None
    assert len(table) == 3


def test_description_numbers_and_files_reach_the_parent(store: Store, tmp_path: Path) -> None:
    parent = store.open_sweep("s1", "")
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.html").write_text("<p>")
    store.describe(parent, "**helps**", {"digits mlp/mean": 0.5}, folder)
    run = store.client.get_run(parent)
    assert run.data.tags["mlflow.note.content"] == "**helps**"
    assert run.data.metrics == {"digits mlp/mean": 0.5}
    assert [file.path for file in store.client.list_artifacts(parent, "report")] == ["report/report.html"]


def test_a_running_training_shows_its_curves_settings_and_heartbeat(store: Store) -> None:
    threads = threading.active_count()
    writer = store.claim(identity(), 0.3, {})
    assert isinstance(writer, RunWriter)
    writer.start(SETTINGS, "")
    born = float(store.known()[0].tags["heartbeat"])
    writer.watch([Point("loss/train", 3.0, 1)])
    assert not store.client.get_metric_history(writer.run_id, "loss/train")
    time.sleep(1.2)
    shown = store.client.get_run(writer.run_id)
    assert shown.data.metrics == {"loss/train": 3.0}
    assert shown.data.params["train.lr"] == "0.001"
    assert float(store.known()[0].tags["heartbeat"]) > born  # though the training has nothing new
    writer.watch([Point("loss/train", 2.0, 2)])
    writer.finish(RECORD)
    history = store.client.get_metric_history(writer.run_id, "loss/train")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (2, 2.0)]
    assert threading.active_count() == threads


def test_a_store_that_is_away_while_training_costs_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = store.claim(identity(), 0.1, {})
    assert isinstance(writer, RunWriter)
    writer.start(SETTINGS, "")

    def refuse(*args: object) -> None:
        raise MlflowException("database is locked")

    with monkeypatch.context() as during:
        during.setattr(store.client, "log_batch", refuse)
        writer.watch([Point("loss/train", 3.0, 1)])
        time.sleep(0.5)
    assert writer.finish(RECORD) is None
    row = runs_table(store).iloc[0]
    assert (row["status"], row["data"], row["test/accuracy"]) == ("FINISHED", "1e3", 0.75)
    assert store.client.get_metric_history(writer.run_id, "loss/train")[0].value == 3.0


def test_a_run_without_settings_has_those_of_the_plan(store: Store) -> None:
    claim(store, "planned")
    claim(store, "unplanned")
    write_plan(store, store.open_sweep("s1", ""), [{"key": "planned", **SETTINGS}])
    table = runs_table(store)
    assert list(table["key"]) == ["planned"]
    assert table.loc[0, "data"] == "1e3"
    assert table.loc[0, "seed"] == 4
    assert table.loc[0, "status"] == "RUNNING"


def test_attempts_are_counted(store: Store) -> None:
    claim(store).fail("no")
    claim(store).kill()
    claim(store)
    assert [run.tags["attempt"] for run in store.known()] == ["1", "2", "3"]


def test_a_lost_run_keeps_its_log(store: Store) -> None:
    writer = claim(store)
    writer.start(SETTINGS, "")
    assert store.log_of_lost(writer.run_id, "killed") is None
    writer.log.write_text("printed\n")
    assert store.log_of_lost(writer.run_id, "killed") == writer.log
    assert writer.log.read_text() == "printed\nkilled\n"
    assert [file.path for file in store.client.list_artifacts(writer.run_id)] == ["config.yaml", "log.txt"]


def test_files_reach_a_store_that_keeps_them_elsewhere(store: Store, tmp_path: Path) -> None:
    writer = claim(store)
    writer._here, writer.folder = False, tmp_path / "near"
    writer.start(SETTINGS, "seed: 4\n")
    writer.log.write_text("printed\n")
    writer.finish(RECORD)
    assert not writer.folder.exists()
    files = {file.path for file in store.client.list_artifacts(writer.run_id)}
    assert files == {"config.yaml", "log.txt"}


def test_long_reasons_are_cut_not_refused(store: Store) -> None:
    claim(store).fail("x" * 20000)
    assert len(store.known()[0].tags["reason"]) == 1000


def test_a_deleted_study_is_said(store: Store, uri: str) -> None:
    number = store.experiment_id
    store.client.delete_experiment(number)
    with pytest.raises(StoreError, match=f"'a study' was deleted.*restore -x {number}"):
        Store(uri, "a study").claim(identity(), 5.0, {})


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(StoreError, match="is no MLflow database; change"):
        Store(f"sqlite:///{tmp_path / 'mlflow.db'}", "x").known()


def test_a_server_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9 cannot be used"):
        Store("http://127.0.0.1:9", "x").known()


def test_tags_are_ours(store: Store) -> None:
    run = store.client.get_run(claim(store).run_id)
    ours = {name for name in run.data.tags if name.startswith(TAG)}
    assert {TAG + name for name in ("kind", "key", "pair_key", "owner", "heartbeat", "code")} <= ours
