"""The clock of a run's limit of time, which stands still while the run waits for the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

PAUSED, RESUMED = "paused", "resumed"

sweep: list[Connection] = []
"""How a worker tells its sweep; empty in a process that is no worker."""


@contextmanager
def off_the_clock() -> Iterator[None]:
    """What is done inside does not count towards the limit: a store that is away costs no run that is trained."""
    for connection in sweep:
        connection.send(PAUSED)
    try:
        yield
    finally:
        for connection in sweep:
            connection.send(RESUMED)
