"""Reading a store that killed processes left behind."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from maskbench.errors import StoreError
from maskbench.tracking.known import connect, read_sqlite
from maskbench.tracking.store import Store

KILLED_WRITING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")  # so that pages are written before the end
connection.execute("BEGIN IMMEDIATE")
for number in range(3000):
    connection.execute("INSERT INTO params VALUES (?, ?, 'a run')", (f"k{number}", "v" * 200))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_half_written_is_rolled_back_by_the_next_reader(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    Store(uri, "a study").open_sweep("s1", "a command")
    subprocess.run([sys.executable, "-c", KILLED_WRITING, str(file)], check=False)
    assert file.with_name("mlflow.db-journal").stat().st_size
    assert len(read_sqlite(file, "a study")) == 1
    assert not file.with_name("mlflow.db-journal").exists()


def test_a_reader_cannot_write(uri: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="read-only"), connect(tmp_path / "mlflow.db") as connection:
        connection.execute("DELETE FROM runs")
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM experiments").fetchone() == (1,)
    connection.close()
