"""Bringing a file into a store: all of it, once, whole after any interruption, no key finished twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from mlflow import MlflowClient

from maskbench.errors import ConfigError, StoreError
from maskbench.tracking.imported import WAS_RUNNING, bring, told
from maskbench.tracking.portable import opened
from maskbench.tracking.store import Store
from tests.tracking.runs import content, exported, lines, log, small_study, store_in, tag

NEW = Counter(run=3, sweep=1)
WRITES = ("create_run", "update_run", "log_batch", "delete_tag", "log_artifacts", "set_terminated", "set_tag")

Make = Callable[[str], Store]


@pytest.fixture
def make(tmp_path: Path, empty_database: Path) -> Make:
    """Stores in folders of their own."""
    return lambda name: store_in(tmp_path / name, empty_database)


def brought(file: Path, store: Store, study: str | None = None) -> Counter[Any]:
    with opened(file) as portable:
        return bring(portable, store.location.uri, study)[1]


def passed(source: Store, target: Store) -> Counter[Any]:
    assert source.location.file is not None
    return brought(exported(source, source.location.file.parent / "t.zip"), target)


def finished(store: Store) -> Counter[str]:
    return Counter(run.key for run in store.known() if run.key and run.status == "FINISHED")


def test_everything_arrives(make: Make) -> None:
    source, target = make("a"), make("b")
    small_study(source)
    assert passed(source, target) == NEW
    assert content(target) == content(source)
    assert not {run.run_id for run in target.known()} & {run.run_id for run in source.known()}
    assert not [run for run in target.known() if run.status == "RUNNING"]


def test_a_store_is_made_where_there_is_none(make: Make, tmp_path: Path) -> None:
    source, target = make("a"), Store(f"sqlite:///{tmp_path / 'mlflow.db'}", "t")
    log(source, "k0")
    passed(source, target)
    assert content(target) == content(source)
    assert (tmp_path / "mlartifacts" / "t").is_dir()


def test_a_second_time_changes_nothing(make: Make) -> None:
    source, target = make("a"), make("b")
    small_study(source)
    passed(source, target)
    before = target.known()
    assert passed(source, target) == Counter(there=4)
    assert passed(source, source) == Counter(there=4)
    assert target.known() == before
    assert content(target) == content(source)


def test_under_another_name_it_is_another_study(make: Make, tmp_path: Path) -> None:
    source = make("a")
    small_study(source)
    file = exported(source, tmp_path / "t.zip")
    assert brought(file, source, "copy") == NEW
    assert content(Store(source.location.uri, "copy")) == content(source)
    for name in ("../x", ".."):
        with pytest.raises(ConfigError, match="cannot be the name"):
            brought(file, source, name)
    assert not (tmp_path / "x").exists()


def test_two_machines_make_one_study_in_any_order(make: Make) -> None:
    one, two = make("1"), make("2")
    small_study(one)
    sweep = log(two)
    for key in ("k0", "k7"):
        log(two, key, parent=sweep)
    forth, back = make("forth"), make("back")
    assert passed(one, forth) == NEW
    assert passed(two, forth) == Counter(run=1, sweep=1, finished=1)
    assert passed(two, back) == Counter(run=2, sweep=1)
    assert passed(one, back) == Counter(run=2, sweep=1, finished=1)
    for store in (forth, back):
        assert finished(store) == Counter(k0=1, k2=1, k7=1)
        passed(one, store)
        passed(two, store)
        assert finished(store) == Counter(k0=1, k2=1, k7=1)


def test_what_was_imported_can_be_passed_on(make: Make, tmp_path: Path) -> None:
    source, middle, end = make("a"), make("b"), make("c")
    small_study(source)
    passed(source, middle)
    assert passed(middle, end) == NEW
    assert content(end) == content(source)
    files = [exported(store, tmp_path / f"{name}.zip") for name, store in (("first", source), ("last", end))]
    assert lines(files[0]) == lines(files[1])
    assert passed(source, end) == passed(middle, source) == passed(end, middle) == Counter(there=4)


def test_a_failed_run_comes_beside_a_finished_one(make: Make) -> None:
    source, target = make("a"), make("b")
    log(source, "k0", "FAILED")
    log(target, "k0")
    assert passed(source, target) == Counter(run=1)
    assert finished(target) == Counter(k0=1)


def test_what_was_running_is_killed_until_it_comes_finished(make: Make) -> None:
    source, target = make("a"), make("b")
    sweep = log(source, status="RUNNING")
    run = log(source, "k0", "RUNNING", sweep, after=1)
    assert passed(source, target) == Counter(run=1, sweep=1)
    arrived = content(target)
    assert arrived[run]["info"][1] == arrived[sweep]["info"][1] == "KILLED"
    assert arrived[run]["info"][3] == arrived[run]["metrics"]["test/accuracy"][0][2]  # when it was last heard of
    assert arrived[sweep]["info"][3] == arrived[sweep]["info"][2]
    assert arrived[run]["tags"]["maskbench.reason"] == WAS_RUNNING
    assert passed(source, target) == Counter(there=2)
    for id_ in (run, sweep):
        source.client.set_terminated(id_, "FINISHED", time.time_ns() // 10**6)
    tag(source, run, hardware="a machine")
    assert passed(source, target) == Counter(updated=2)
    assert content(target) == content(source)
    assert passed(source, target) == Counter(there=2)


def test_an_older_file_does_not_bring_back_what_was(make: Make, tmp_path: Path) -> None:
    source, target = make("a"), make("b")
    run = log(source, "k0", "RUNNING")
    older = exported(source, tmp_path / "older.zip")
    source.client.set_terminated(run, "FINISHED")
    passed(source, target)
    assert brought(older, target) == Counter(there=1)
    assert content(target) == content(source)


def test_a_key_that_is_in_work_there_waits(make: Make) -> None:
    source, target = make("a"), make("b")
    log(source, "k0")
    training = log(target, "k0", "RUNNING")
    tag(target, training, owner="another-machine/1/1", heartbeat=f"{time.time():.0f}")
    states = passed(source, target)
    assert states == Counter(busy=1)
    assert told(states) == "imported 0 run(s) and 0 sweep(s), 1 in work there (import again when they are done)"
    assert len(target.known()) == 1
    tag(target, training, heartbeat="17")  # its process is gone
    assert passed(source, target) == Counter(run=1)


class Stopped(BaseException):
    """As if the process had been killed."""


def stopping(monkeypatch: pytest.MonkeyPatch, store: Store, at: int) -> list[str]:
    """Let the client's write number `at` be the last thing that happens; returns the writes as they come."""
    calls: list[str] = []

    def counted(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            if len(calls) == at:
                raise Stopped
            return write(*args, **kwargs)

        return call

    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, counted(name, getattr(MlflowClient, name)))
    return calls


def test_stopped_anywhere_and_repeated_it_ends_complete(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make("a")
    small_study(source)
    file = exported(source, tmp_path / "t.zip")
    truth = content(source)
    at, ended = 1, False
    while not ended:
        target = make(f"b{at}")
        with monkeypatch.context() as patch:
            calls = stopping(patch, target, at)
            try:
                brought(file, target)
                ended = True
            except Stopped:
                pass
        if at % 2:  # as `maskbench clean` leaves it
            for run in target.known():
                if run.status == "RUNNING":
                    target.close(run.run_id, "KILLED", "closed by maskbench clean")
        brought(file, target)
        assert content(target) == truth, calls
        assert brought(file, target) == Counter(there=4)
        at += 1
    assert at > 15


def test_a_half_that_was_trained_anew_stays_a_half(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make("a"), make("b")
    log(source, "k0")
    file = exported(source, tmp_path / "t.zip")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stopping(patch, target, 3)
        brought(file, target)
    half = target.known()[0].run_id
    tag(target, half, owner="another-machine/1/1", heartbeat="17")
    log(target, "k0")
    assert brought(file, target) == Counter(finished=1)
    assert finished(target) == Counter(k0=1)
    assert {run.run_id: run.status for run in target.known()}[half] == "KILLED"


def test_the_sweep_leaves_a_key_alone_that_is_on_its_way_in(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make("a"), make("b")
    log(source, "k0")
    file = exported(source, tmp_path / "t.zip")
    for write in (2, 3):  # when it was made, and when the half of it was taken over
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            stopping(patch, target, write)
            brought(file, target)
        [half] = target.known("k0")
        assert half.running
        target.close(half.run_id, "KILLED")


def test_it_waits_for_whoever_claims_a_run(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make("a"), make("b")
    log(source, "k0")
    file = exported(source, tmp_path / "t.zip")
    monkeypatch.setattr(Store, "experiment_id", target.experiment_id)  # making it would take the lock as well
    monkeypatch.setattr("maskbench.tracking.location.LOCK_SECONDS", 0.05)
    with target.location.lock(), pytest.raises(StoreError, match="lock"):
        brought(file, target)
    assert brought(file, target) == Counter(run=1)


def test_a_store_that_cannot_be_written_is_one_line(make: Make, tmp_path: Path) -> None:
    source = make("a")
    log(source, "k0")
    file = exported(source, tmp_path / "t.zip")
    (tmp_path / "text.db").write_text("no database")
    for uri in (f"sqlite:///{tmp_path}/no/mlflow.db", f"sqlite:///{tmp_path}/text.db", "nowhere"):
        with opened(file) as portable, pytest.raises(StoreError) as raised:
            bring(portable, uri)
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "no").exists()


def test_a_disk_that_is_full_is_one_line(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make("a"), make("b")
    log(source, "k0")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="disk is full"):
        patch.setattr("mlflow.MlflowClient.log_artifacts", full)
        passed(source, target)
    passed(source, target)
    assert content(target) == content(source)


def test_thousands_of_points_and_hundreds_of_params_arrive(make: Make, tmp_path: Path) -> None:
    source, target = make("a"), make("b")
    log(source, "k0")
    file = exported(source, tmp_path / "t.zip")
    [record] = lines(file)
    params = {f"p{number}": "x" for number in range(250)}
    points = {"loss/val": [(0.5, step, 17) for step in range(2500)]}
    with ZipFile(file) as archive:
        rest = {name: archive.read(name) for name in archive.namelist() if name != "runs.jsonl"}
    with ZipFile(tmp_path / "big.zip", "w") as archive:
        archive.writestr("runs.jsonl", replace(record, params=params, metrics=points).line())
        for name, text in rest.items():
            archive.writestr(name, text)
    brought(tmp_path / "big.zip", target)
    arrived = content(target)[record.id]
    assert arrived["params"] == params
    assert len(arrived["metrics"]["loss/val"]) == 2500
