"""A pool of long-lived worker processes in which a task can fail, hang, grow or kill its process at no cost to others.

`concurrent.futures` gives up where a process dies, and pebble where it dies between two tasks; pebble's time limits
follow the wall clock, and neither hands tasks out by what a worker has loaded.
"""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Any, Generic, TypeVar

import psutil

from maskbench.errors import MaskbenchError
from maskbench.sweep.clock import PAUSED, RESUMED
from maskbench.sweep.serving import READY, serve, sigterm_held_back

Task = TypeVar("Task")
Result = TypeVar("Result")

TICK_SECONDS = 0.1
"""How often limits are looked after."""
GRACE_SECONDS = 10.0
"""How long a worker that is stopped may take to put its run in order."""
MOST_STILLBORN = 5


class Lost(MaskbenchError):
    """A task whose process is gone: it died, or was ended because it went over a limit."""


@dataclass(frozen=True)
class Limits:
    """The longest a task may take (seconds) and the most memory its process may hold (MiB); None for no limit."""

    seconds: float | None = None
    memory: float | None = None


@dataclass(eq=False)
class _Waiting(Generic[Task]):
    task: Task
    group: str
    after: float


class _Worker(Generic[Task]):
    """One process: what it does, since when, and what it did last."""

    def __init__(self, context: Any, function: Callable[[Task], object]) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, function))
        with sigterm_held_back():
            self.process.start()
        theirs.close()
        self.ready = False
        self.task: Task | None = None
        self.group = ""
        self.since = self.spent = 0.0
        self.verdict = ""
        """Why we ended it ourselves."""

    def give(self, waiting: _Waiting[Task]) -> None:
        """Hand it a task."""
        self.task, self.group, self.since = waiting.task, waiting.group, time.monotonic()
        self.connection.send(waiting.task)

    def hear(self, said: object) -> bool:
        """Take note of what is no result, and say whether it was none."""
        now = time.monotonic()
        if said == READY:
            self.ready = True
        elif said == PAUSED:
            self.spent, self.since = now - self.since, math.inf
        elif said == RESUMED:
            self.since = now - self.spent
        else:
            return False
        return True

    def memory(self) -> float:
        """Resident memory in MiB."""
        try:
            return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20
        except psutil.NoSuchProcess:
            return 0.0

    def end(self, verdict: str) -> None:
        """Kill it, for this reason."""
        self.verdict = self.verdict or verdict
        self.process.kill()

    def why_gone(self) -> str:
        """Why its task has no result."""
        self.process.join(GRACE_SECONDS)
        code = self.process.exitcode
        if self.verdict:
            return self.verdict
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return f"its process was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
        return f"its process died (exit code {code})"


class Pool(Generic[Task, Result]):
    """Tasks in, results as they come; a worker prefers tasks of the group it worked on last."""

    def __init__(self, function: Callable[[Task], Result], workers: int, limits: Limits, context: BaseContext) -> None:
        self._function, self._size, self._limits, self._context = function, workers, limits, context
        self._workers: list[_Worker[Task]] = []
        self._waiting: deque[_Waiting[Task]] = deque()
        self._stillborn = 0

    @property
    def running(self) -> int:
        """How many tasks are being worked on."""
        return sum(worker.task is not None for worker in self._workers)

    def add(self, task: Task, group: str = "", delay: float = 0.0) -> None:
        """Line up a task; not to be begun within `delay` seconds."""
        self._waiting.append(_Waiting(task, group, time.monotonic() + delay if delay else 0.0))

    def drop_waiting(self) -> None:
        """Begin nothing more."""
        self._waiting.clear()

    def results(self) -> Iterator[tuple[Task, Result | Exception]]:
        """Each task with its result, or with what it raised, Lost for one whose process is gone.

        Tasks may be added while this runs; it ends when none is left.
        """
        while self._waiting or self.running:
            self._hand_out()
            for worker in self._heard():
                yield from self._take(worker)
            self._look_after_limits()

    def _hand_out(self) -> None:
        now = time.monotonic()
        while len(self._workers) < min(self._size, self.running + len(self._waiting)):
            try:
                self._workers.append(_Worker(self._context, self._function))
            except (OSError, EOFError):
                self._count_stillborn("the process that starts them is gone")
        for worker in self._workers:
            free = worker.ready and worker.task is None and not worker.verdict
            if free and (chosen := self._choose(worker, now)) is not None:
                try:
                    worker.give(chosen)
                except OSError:  # it died while it had nothing to do
                    worker.task = None
                    self._waiting.appendleft(chosen)

    def _choose(self, worker: _Worker[Task], now: float) -> _Waiting[Task] | None:
        """The first task of the worker's group, else of a group that no other worker is at, else the first."""
        others = {other.group for other in self._workers if other is not worker}
        first = elsewhere = None
        for waiting in self._waiting:
            if waiting.after > now:
                continue
            if waiting.group == worker.group:
                first = waiting
                break
            first = first or waiting
            if elsewhere is None and waiting.group not in others:
                elsewhere = waiting
        chosen = first if first is None or first.group == worker.group else elsewhere or first
        if chosen is not None:
            self._waiting.remove(chosen)
        return chosen

    def _heard(self) -> list[_Worker[Task]]:
        """The workers that have something to say, or are gone; waits a moment for the first."""
        by_connection: dict[object, _Worker[Task]] = {worker.connection: worker for worker in self._workers}
        return [by_connection[found] for found in wait([*by_connection], TICK_SECONDS)]  # type: ignore[list-item]

    def _take(self, worker: _Worker[Task]) -> Iterator[tuple[Task, Result | Exception]]:
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if worker.hear(said):
            self._stillborn = 0
            return
        task, worker.task = worker.task, None
        if self._limits.memory is not None and worker.memory() > self._limits.memory / 2:
            self._retire(worker)  # what it holds would count against its next task
        assert task is not None
        yield task, said

    def _bury(self, worker: _Worker[Task]) -> Iterator[tuple[Task, Exception]]:
        self._workers.remove(worker)
        reason = worker.why_gone()
        worker.connection.close()
        if worker.task is not None:
            yield worker.task, Lost(reason)
        elif not worker.ready:
            self._count_stillborn(reason)

    def _count_stillborn(self, reason: str) -> None:
        self._stillborn += 1
        if self._stillborn >= MOST_STILLBORN:
            raise MaskbenchError(f"worker processes end as soon as they start: {reason}; see what they printed above")

    def _retire(self, worker: _Worker[Task]) -> None:
        self._workers.remove(worker)
        worker.connection.close()

    def _look_after_limits(self) -> None:
        seconds, memory = self._limits.seconds, self._limits.memory
        for worker in self._workers:
            if worker.task is None:
                continue
            if seconds is not None and time.monotonic() - worker.since > seconds:
                worker.end(f"it took longer than the limit of {seconds:g} s")
            elif memory is not None and worker.memory() > memory:
                worker.end(f"it took more memory than the limit of {memory:g} MiB")

    def __enter__(self) -> Pool[Task, Result]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all workers: those at work are asked to put their runs in order first."""
        for worker in self._workers:
            worker.connection.close() if worker.task is None else worker.process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()
