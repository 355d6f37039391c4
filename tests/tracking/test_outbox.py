"""Records that wait on disk: kept whole, delivered once, never in the way of another run."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from maskbench.errors import StoreError
from maskbench.records import Identity, Point, RunRecord
from maskbench.tracking.location import Location
from maskbench.tracking.outbox import Parcel, keep, waiting
from maskbench.tracking.store import Store
from maskbench.tracking.table import runs_table
from maskbench.tracking.writer import RunWriter

SETTINGS = {"data": "wine", "model": "mlp", "mask": "none", "fill": None, "rate": None, "seed": 4}
RECORD = RunRecord({"test/accuracy": 0.75}, (Point("curve/x", 0.5, 30),), {"split": "aa"}, "a machine")


@pytest.fixture
def store(uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Store(uri, "a study", patience=0.0)


def claim(store: Store, key: str = "k1") -> RunWriter:
    writer = store.claim(Identity(key, "k0", SETTINGS), 60.0, {})
    assert isinstance(writer, RunWriter)
    writer.start(SETTINGS, "seed: 4\n")
    return writer


def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, *args: object) -> None:
        raise MlflowException("database is locked")

    monkeypatch.setattr(Parcel, "send", refuse)


def test_a_record_that_the_store_does_not_take_waits_and_is_delivered(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = claim(store)
    writer.watch([Point("loss/train", 2.0, 1)])
    with monkeypatch.context() as during:
        locked(during)
        kept = writer.finish(RECORD)
        assert kept == tmp_path / "mlflow.db.outbox" / f"{writer.run_id}.json"
        with pytest.raises(StoreError):
            store.deliver()
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [run.status for run in store.known()] == ["RUNNING"]
    assert store.deliver() == 1
    assert store.deliver() == 0
    assert not list(kept.parent.iterdir())
    row = runs_table(store).iloc[0]
    assert (row["status"], row["test/accuracy"], row["seed"], row["hash/split"]) == ("FINISHED", 0.75, 4, "aa")
    assert [p.value for p in store.client.get_metric_history(writer.run_id, "loss/train")] == [2.0]
    assert store.known()[0].ended is not None


def test_a_key_that_was_finished_in_the_meantime_stays_finished_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = claim(store)
    with monkeypatch.context() as during:
        locked(during)
        first.finish(RECORD)
    store.close(first.run_id, "KILLED", "its process is gone")
    second = claim(store)
    assert second.finish(RECORD) is None
    assert store.deliver() == 1
    statuses = {run.run_id: run.status for run in store.known()}
    assert statuses == {first.run_id: "KILLED", second.run_id: "FINISHED"}


def test_a_key_that_another_process_trains_is_not_finished_beside_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = claim(store)
    with monkeypatch.context() as during:
        locked(during)
        kept = first.finish(RECORD)
    store.close(first.run_id, "KILLED", "its process is gone")
    second = claim(store)
    assert store.deliver() == 0
    assert kept is not None
    assert kept.is_file()
    second.finish(RECORD)
    assert store.deliver() == 1
    statuses = {run.run_id: run.status for run in store.known()}
    assert statuses == {first.run_id: "KILLED", second.run_id: "FINISHED"}


def test_records_that_another_process_delivers_meanwhile_are_no_trouble(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = [claim(store, key) for key in ("k1", "k2", "k3")]
    with monkeypatch.context() as during:
        locked(during)
        kept = [writer.finish(RECORD) for writer in writers]
    send = Parcel.send

    def send_after_another(parcel: Parcel, client: MlflowClient) -> None:
        for file in kept:
            assert file is not None
            file.unlink(missing_ok=True)
        send(parcel, client)

    monkeypatch.setattr(Parcel, "send", send_after_another)
    assert store.deliver() == 1
    assert sorted(run.status for run in store.known()) == ["FINISHED", "RUNNING", "RUNNING"]


def test_records_of_another_study_are_left_for_it(store: Store, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = claim(store)
    with monkeypatch.context() as during:
        locked(during)
        writer.fail("no luck")
    assert Store(uri, "another").deliver() == 0
    assert store.deliver() == 1
    assert store.known()[0].tags["reason"] == "no luck"


def test_where_one_disk_does_not_take_it_the_next_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    location = Location.of(f"sqlite:///{tmp_path / 'mlflow.db'}")
    first, second, third = location.outboxes()
    first.write_text("a file where the folder should be")
    parcel = Parcel("r1", "a study", "k1", "FINISHED", 3, {"a": "1"}, [("b", 2.0, 3, 4)], {"c": "5"}, {"log.txt": "x"})
    file = keep(parcel, location)
    assert file.parent == second
    assert list(waiting(location, "a study")) == [(file, _as_read(parcel))]
    assert not list(waiting(location, "another"))
    file.unlink()
    for folder in (second, third):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.rmdir() if folder.is_dir() else None
        folder.write_text("")
    try:
        with pytest.raises(StoreError, match=r"the record of run r1 is lost.*mlflow\.db\.outbox"):
            keep(parcel, location)
    finally:
        third.unlink()


def _as_read(parcel: Parcel) -> Parcel:
    """JSON has no tuples."""
    return Parcel(**json.loads(json.dumps(vars(parcel))))


def test_a_damaged_record_is_named(store: Store, tmp_path: Path) -> None:
    box = tmp_path / "mlflow.db.outbox"
    box.mkdir()
    (box / "r1.json").write_text('{"run_id": "r1", "stu')
    with pytest.raises(StoreError, match=r"r1\.json waits to be delivered and is damaged"):
        store.deliver()
    assert (box / "r1.json").exists()


def test_long_records_are_sent_in_parts(store: Store) -> None:
    writer = claim(store)
    points = tuple(Point("loss/train", float(step), step) for step in range(2500))
    assert writer.finish(RunRecord({"test/accuracy": 0.5}, points, {}, "m")) is None
    assert len(store.client.get_metric_history(writer.run_id, "loss/train")) == 2500
