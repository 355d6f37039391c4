"""The log of one run: what it printed and warned, how it ended, and the traceback where it failed."""

from __future__ import annotations

import faulthandler
import io
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

STDOUT, STDERR = 1, 2


@contextmanager
def logged(file: Path, title: str, quiet: bool) -> Iterator[None]:
    """Write what happens inside to `file` as well, or only there if `quiet`; an exception with its traceback.

    What is said here of a run is left out where the disk is full: that alone costs no run.
    """
    log = file.open("w", encoding="utf-8", buffering=1)
    try:
        _line(log, title)
        started = time.monotonic()
        try:
            with _into(log) if quiet else _beside(log):
                yield
        except BaseException as error:
            with suppress(OSError):
                log.write(traceback.format_exc())
            _line(log, f"ended by {type(error).__name__} after {time.monotonic() - started:.1f} s")
            raise
        _line(log, f"finished after {time.monotonic() - started:.1f} s")
    finally:
        with suppress(OSError):
            log.close()


def _line(log: TextIO, text: str) -> None:
    with suppress(OSError):
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


@contextmanager
def _into(log: TextIO) -> Iterator[None]:
    """Everything this process prints goes to the log, that of libraries in C and of a crash included."""
    flush()
    kept = os.dup(STDOUT), os.dup(STDERR)
    try:
        for number in (STDOUT, STDERR):
            os.dup2(log.fileno(), number)
        faulthandler.enable(log, all_threads=False)
        yield
    finally:
        flush()
        faulthandler.disable()
        for old, number in zip(kept, (STDOUT, STDERR), strict=True):
            os.dup2(old, number)
            os.close(old)


@contextmanager
def _beside(log: TextIO) -> Iterator[None]:
    """What Python prints goes to the log as well."""
    with redirect_stdout(_Both(sys.stdout, log)), redirect_stderr(_Both(sys.stderr, log)):
        yield


class _Both(io.TextIOBase):
    """A stream that writes to two."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        """Write it to both."""
        for stream in self._streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush both."""
        for stream in self._streams:
            stream.flush()


def flush() -> None:
    """Let nothing that was printed before be written after."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
