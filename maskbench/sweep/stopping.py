"""Stopping on request: Ctrl-C and SIGTERM once let bookkeeping end first, twice end at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 130
ONE_REQUEST_SECONDS = 0.3
"""`timeout`, service managers and wrappers signal a process and its group: what comes so soon again is the same."""


class _Request:
    """Whether somebody asked to stop, and whether that has to wait for a moment."""

    def __init__(self) -> None:
        self.asked = 0
        self.shields = 0


_request = _Request()


def stop(number: int, frame: FrameType | None) -> None:
    """The signal handler: raises KeyboardInterrupt where the process is, or after what must not be cut in half."""
    _request.asked += 1
    if not _request.shields:
        raise KeyboardInterrupt


@contextmanager
def shielded() -> Iterator[None]:
    """What is done inside is done to its end; a request to stop waits for it."""
    before, _request.shields = _request.asked, _request.shields + 1
    try:
        yield
    finally:
        _request.shields -= 1
    if _request.asked > before and not _request.shields:
        raise KeyboardInterrupt


@contextmanager
def stoppable(tell: Callable[[str], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt inside, once; asked twice, the process ends at once."""
    first: list[float] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if first and time.monotonic() - first[0] < ONE_REQUEST_SECONDS:
            return
        if first:
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(INTERRUPTED)
        first.append(time.monotonic())
        with suppress(OSError, RuntimeError):  # the terminal is gone, or something was just being printed
            tell("stopping: what runs is put in order; Ctrl-C again stops at once")
        stop(number, frame)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
