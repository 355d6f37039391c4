"""Trouble with a store in one line, and waiting for one that is away."""

from __future__ import annotations

import itertools
import sqlite3
import time
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow.exceptions import MlflowException

from maskbench.errors import StoreAway, StoreError
from maskbench.tracking.location import Location
from maskbench.tracking.trouble import patiently, said

WHERE = Location("sqlite:////data/mlflow.db", Path("/data/mlflow.db"))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (MlflowException("(sqlite3.OperationalError) database or disk is full\n[SQL: I"), StoreError, "disk is full"),
        (OSError(28, "No space left on device"), StoreError, "free some space"),
        (MlflowException("(sqlite3.OperationalError) attempt to write a readonly database"), StoreError, "read-only"),
        (OSError(30, "Read-only file system"), StoreError, "read-only"),
        (PermissionError(13, "Permission denied"), StoreError, "permissions"),
        (MlflowException("(sqlite3.OperationalError) database is locked"), StoreAway, "another process keeps"),
        (MlflowException("API request failed: Max retries exceeded with url"), StoreAway, "start the server"),
        (MlflowException("something new\nand long"), StoreError, "something new"),
    ],
)  # fmt: skip
def test_trouble_is_said_in_one_line(error: Exception, kind: type[Exception], says: str) -> None:
    with pytest.raises(StoreError, match=says) as found, said(WHERE):
        raise error
    assert type(found.value) is kind
    assert "\n" not in str(found.value)
    assert "sqlite:////data/mlflow.db" in str(found.value)
    assert found.value.__cause__ is error


def test_what_is_no_trouble_of_the_store_passes() -> None:
    with pytest.raises(ZeroDivisionError), said(WHERE):
        raise ZeroDivisionError
    first = StoreAway("said already")
    with pytest.raises(StoreAway) as found, said(WHERE):
        raise first
    assert found.value is first


def test_a_lock_that_stays_taken_may_become_free(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock"), pytest.raises(StoreAway, match="stays taken"), said(WHERE):
        FileLock(tmp_path / "lock", timeout=0.1).acquire()


def test_real_databases_speak_as_expected(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (a)")
    holder = sqlite3.connect(file)
    holder.execute("BEGIN EXCLUSIVE")
    from maskbench.tracking import known

    known_seconds, known.LOCKED_SECONDS = known.LOCKED_SECONDS, 0.1
    try:
        with pytest.raises(StoreAway, match="keeps it locked"), known.connect(file) as connection:
            connection.execute("SELECT * FROM t")
    finally:
        known.LOCKED_SECONDS = known_seconds
        holder.close()


def away(times: int) -> list[float]:
    """Moments at which an action was tried that fails so often."""
    tried: list[float] = []

    def action() -> str:
        tried.append(time.monotonic())
        if len(tried) <= times:
            raise StoreAway("away")
        return "back"

    assert patiently(action, 5.0) == "back"
    return tried


def test_an_away_store_is_asked_again_with_growing_pauses() -> None:
    tried = away(3)
    pauses = [after - before for before, after in itertools.pairwise(tried)]
    assert len(tried) == 4
    assert pauses[0] < pauses[1] < pauses[2]


def test_patience_ends() -> None:
    started = time.monotonic()
    with pytest.raises(StoreAway):
        patiently(_away, 0.5)
    assert time.monotonic() - started < 2
    with pytest.raises(StoreAway):
        patiently(_away, 0)


def _away() -> None:
    raise StoreAway("away")


def test_lasting_trouble_is_not_waited_for() -> None:
    tried = []

    def action() -> None:
        tried.append(1)
        raise StoreError("full")

    with pytest.raises(StoreError):
        patiently(action, 60.0)
    assert len(tried) == 1
