"""The pool: whatever a task does to its process, the others get their results."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

from maskbench.errors import DataError, MaskbenchError
from maskbench.sweep import workers
from maskbench.sweep.workers import Limits, Lost, Pool

SPAWN = get_context("spawn")
FORK = get_context("forkserver")


def do(task: tuple[str, Any]) -> Any:
    what, value = task
    deeds: dict[str, Callable[[Any], Any]] = {
        "say": lambda value: value,
        "pid": lambda value: time.sleep(0.05) or os.getpid(),
        "exit": os._exit,
        "signal": lambda number: os.kill(os.getpid(), number),
        "sleep": time.sleep,
        "grow": lambda mib: (bytearray(mib * 2**20), time.sleep(30)),
        "refuse": _refuse,
        "odd": _odd,
        "stubborn": _stubborn,
    }
    return deeds[what](value)


class Odd(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def _refuse(value: str) -> None:
    raise DataError(value)


def _odd(value: object) -> None:
    raise Odd(1, 2)


def _stubborn(file: str) -> None:
    """Does not end when asked, and says that it was asked."""
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        Path(file).write_text("asked")
        raise


@pytest.fixture(params=["spawn", "forkserver"])
def context(request: pytest.FixtureRequest) -> Any:
    return get_context(request.param)


def results(pool: Pool[Any, Any]) -> list[tuple[Any, Any]]:
    return list(pool.results())


def test_every_task_has_its_own_result(context: Any) -> None:
    with Pool(do, 2, Limits(), context) as pool:
        for number in range(20):
            pool.add(("say", number))
        assert sorted((task[1], result) for task, result in results(pool)) == [(n, n) for n in range(20)]
        assert pool.running == 0


def test_what_ends_a_process_is_the_result_of_its_task_only() -> None:
    bad = [("exit", 7), ("signal", signal.SIGKILL), ("signal", signal.SIGSEGV), ("refuse", "no such file"), ("odd", 0)]
    with Pool(do, 2, Limits(), FORK) as pool:
        for task in bad:
            pool.add(task)
            pool.add(("say", task))
        found = dict(results(pool))
    assert [found[("say", task)] for task in bad] == bad
    assert isinstance(found[("exit", 7)], Lost)
    assert str(found[("exit", 7)]) == "its process died (exit code 7)"
    assert str(found[("signal", signal.SIGKILL)]) == "its process was killed by SIGKILL (out of memory?)"
    assert str(found[("signal", signal.SIGSEGV)]) == "its process was killed by SIGSEGV"
    assert type(found[("refuse", "no such file")]) is DataError
    assert str(found[("odd", 0)]) == "Odd: 1 and 2"


def test_limits_of_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(do, 2, Limits(seconds=1.5, memory=300), FORK) as pool:
        for task in (("sleep", 30), ("grow", 400), ("say", 1), ("sleep", 0.2)):
            pool.add(task)
        found = dict(results(pool))
    assert str(found[("sleep", 30)]) == "it took longer than the limit of 1.5 s"
    assert str(found[("grow", 400)]) == "it took more memory than the limit of 300 MiB"
    assert found[("say", 1)] == 1
    assert found[("sleep", 0.2)] is None


def test_the_time_limit_follows_no_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    with Pool(do, 1, Limits(seconds=1.0), FORK) as pool:
        pool.add(("sleep", 0.3))
        pool.add(("sleep", 30))
        found = dict(results(pool))
    assert found[("sleep", 0.3)] is None
    assert "longer than the limit" in str(found[("sleep", 30)])


def test_a_process_that_dies_between_two_tasks_is_replaced() -> None:
    with Pool(do, 1, Limits(), FORK) as pool:
        pool.add(("pid", 0))
        for task, result in pool.results():
            if task == ("pid", 0):
                os.kill(result, signal.SIGKILL)
                time.sleep(0.2)
                pool.add(("say", 2))
        pool.add(("say", 3))
        assert results(pool) == [(("say", 3), 3)]


def test_a_worker_keeps_to_its_group_while_there_is_some() -> None:
    with Pool(do, 2, Limits(), FORK) as pool:
        for number in range(6):
            for group in ("a", "b"):
                pool.add(("pid", (group, number)), group)
        found = results(pool)
    by_group = {group: {pid for task, pid in found if task[1][0] == group} for group in ("a", "b")}
    assert len(by_group["a"] | by_group["b"]) == 2
    assert min(len(pids) for pids in by_group.values()) == 1


def test_what_is_delayed_waits_and_lets_others_pass() -> None:
    with Pool(do, 1, Limits(), FORK) as pool:
        pool.add(("say", "late"), delay=1.0)
        pool.add(("say", "early"))
        started = time.monotonic()
        assert [result for _, result in results(pool)] == ["early", "late"]
        assert time.monotonic() - started >= 1.0


def test_nothing_waiting_is_begun_after_it_was_dropped() -> None:
    with Pool(do, 1, Limits(), FORK) as pool:
        for number in range(5):
            pool.add(("say", number))
        found = []
        for task, _ in pool.results():
            found.append(task)
            pool.drop_waiting()
    assert len(found) == 1


def children() -> list[psutil.Process]:
    """Worker processes, without the server that makes them."""
    me = psutil.Process()
    return [child for child in me.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE_SECONDS", 3.0)


def test_the_ones_at_work_are_asked_before_they_are_ended(tmp_path: Path, no_grace: None) -> None:
    asked = tmp_path / "asked"
    with pytest.raises(KeyboardInterrupt), Pool(do, 2, Limits(), SPAWN) as pool:
        pool.add(("stubborn", str(asked)))
        pool.add(("say", 0))
        for _ in pool.results():
            time.sleep(1.0)
            raise KeyboardInterrupt
    assert asked.read_text() == "asked"


def test_memory_that_a_task_left_behind_does_not_count_against_the_next() -> None:
    with Pool(_hold, 1, Limits(memory=400), FORK) as pool:
        pool.add(250)
        pool.add(250)
        pids = [result for _, result in pool.results()]
    assert all(isinstance(pid, int) for pid in pids)
    assert len(set(pids)) == 2


_HELD: list[bytearray] = []


def _hold(mib: int) -> int:
    _HELD.append(bytearray(mib * 2**20))
    return os.getpid()


def _stillborn(task: object) -> None:
    """Never called: the process ends while it starts."""


class Unborn:
    """What cannot be unpickled ends a worker before it is ready."""

    def __call__(self, task: object) -> None: ...

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int]]:
        return os._exit, (3,)


def test_workers_that_never_start_end_the_pool_with_a_reason() -> None:
    said = pytest.raises(MaskbenchError, match=r"end as soon as they start.*exit code 3")
    with said, Pool(Unborn(), 1, Limits(), FORK) as pool:
        pool.add(1)
        results(pool)


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    before = {child.pid for child in children()}
    yield
    until = time.monotonic() + 5
    while time.monotonic() < until:
        left = [child for child in children() if child.pid not in before]
        names = [" ".join(child.cmdline()) for child in left]
        if not [name for name in names if "forkserver" not in name and "resource_tracker" not in name]:
            return
        time.sleep(0.1)
    pytest.fail(f"left behind: {names}")
