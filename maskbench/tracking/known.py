"""What a store already knows of a study, read without importing MLflow where the store is SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskbench.tracking.owner import alive
from maskbench.tracking.trouble import explained

TAG = "maskbench."
RUN, SWEEP = "run", "sweep"
LOCKED_SECONDS = 60.0
"""How long reading waits for a file that another process keeps locked."""

_TABLES = "SELECT name FROM sqlite_master WHERE name = 'latest_metrics'"
_RUNS = """
SELECT runs.run_uuid, runs.status, runs.start_time, runs.end_time, tags.key, tags.value
FROM runs JOIN experiments USING (experiment_id) JOIN tags ON tags.run_uuid = runs.run_uuid
WHERE experiments.name = ? AND runs.lifecycle_stage = 'active' AND tags.key LIKE 'maskbench.%'
  AND (? IS NULL OR runs.run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'maskbench.key' AND value = ?))
"""


_SECONDS = """
SELECT tags.value, (runs.end_time - runs.start_time) / 1000.0
FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'maskbench.work'
WHERE runs.status = 'FINISHED' AND runs.lifecycle_stage = 'active' AND runs.end_time >= runs.start_time
"""


@dataclass(frozen=True)
class Known:
    """A run in the store: enough to decide whether its key still needs training."""

    run_id: str
    status: str
    started: int
    ended: int | None
    """Milliseconds since 1970, as `started`."""
    tags: Mapping[str, str]
    """Ours, without the prefix."""

    @property
    def key(self) -> str:
        """The run's key; a sweep's parent run has none."""
        return self.tags.get("key", "")

    @property
    def running(self) -> bool:
        """Whether some process is training it now."""
        heartbeat = float(self.tags.get("heartbeat", 0))
        return self.status == "RUNNING" and alive(self.tags.get("owner", ""), heartbeat)

    @property
    def stale(self) -> bool:
        """Whether it was left RUNNING by a process that is gone."""
        return self.status == "RUNNING" and not self.running


def read_sqlite(file: Path, study: str, key: str | None = None) -> list[Known]:
    """The study's runs (all, or those of `key`) in order of their start; none where there is no such store yet."""
    if not file.is_file():
        return []
    with connect(file) as connection:
        if not connection.execute(_TABLES).fetchone():
            return []  # another process is making it
        rows = connection.execute(_RUNS, (study, key, key)).fetchall()
    return _collect(rows)


def seconds_by_work(file: Path) -> dict[str, list[float]]:
    """How long each finished run of the store took, its studies together, by the hash of its work."""
    found: dict[str, list[float]] = {}
    if file.is_file():
        with connect(file) as connection:
            if connection.execute(_TABLES).fetchone():
                for work, seconds in connection.execute(_SECONDS):
                    found.setdefault(work, []).append(seconds)
    return found


@contextmanager
def connect(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, closed at the end; raises StoreError where the file is no MLflow store."""
    try:
        # opened to write, or what a killed process left half written could not be rolled back and nothing be read
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=LOCKED_SECONDS)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection
    except sqlite3.DatabaseError as error:
        raise explained(error, str(file)) from error


def _collect(rows: Iterable[tuple[Any, ...]]) -> list[Known]:
    found: dict[str, tuple[str, int, int | None, dict[str, str]]] = {}
    for run_id, status, started, ended, name, value in rows:
        found.setdefault(run_id, (status, started, ended, {}))[3][name.removeprefix(TAG)] = value
    runs = [Known(run_id, *rest) for run_id, rest in found.items()]
    return in_order(runs)


def in_order(runs: Iterable[Known]) -> list[Known]:
    """Oldest first."""
    return sorted(runs, key=lambda run: (run.started, run.run_id))


def heartbeat_now() -> str:
    """The time as a heartbeat tag holds it."""
    return f"{time.time():.1f}"
