"""A worker process: how it starts, works, and ends with its sweep."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from types import FrameType
from typing import Any

from maskbench.errors import MaskbenchError
from maskbench.sweep.clock import sweep
from maskbench.sweep.stopping import stop

READY = "ready"
HEAVY = ("mlflow.store.tracking.sqlalchemy_store", "maskbench.config.build", "maskbench.experiment")
"""What takes a worker seconds to import."""


def context() -> BaseContext:
    """How workers start: from a server that has imported what they need, where the system has that."""
    if sys.platform == "win32":
        return get_context("spawn")
    server = get_context("forkserver")
    server.set_forkserver_preload([*HEAVY, "maskbench.tracking.store"])
    return server


@contextmanager
def sigterm_held_back() -> Iterator[None]:
    """Processes that start inside hold back SIGTERM: what is sent to a whole group is the sweep's to answer."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which lets SIGTERM through again where it has to be started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(connection: Connection, function: Callable[[Any], object]) -> None:
    """A worker's life: tasks in, results out, until the other end is closed or the sweep is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches all processes; the sweep decides
    signal.signal(signal.SIGTERM, _stop_once)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_watch, daemon=True).start()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a crash would take along what was printed before it
    sweep.append(connection)
    try:
        connection.send(READY)
        while True:
            task = connection.recv()
            try:
                said: object = function(task)
            except Exception as error:
                said = error if isinstance(error, MaskbenchError) else RuntimeError(f"{type(error).__name__}: {error}")
            connection.send(said)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _stop_once(number: int, frame: FrameType | None) -> None:
    """Stop; asked again while it puts its run in order, a worker goes on with that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stop(number, frame)


def _watch() -> None:
    """A worker whose sweep is gone ends at once: its run is taken over by the next sweep."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
