"""A whole sweep in order: plan, store, runs, summary."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from maskbench.sweep.execute import Execute, Outcome
from maskbench.sweep.overview import look
from maskbench.sweep.plan import Plan
from maskbench.sweep.progress import failures_table, follow
from maskbench.tracking.store import Store

FAILURES, INTERRUPTED = 1, 130


def conduct(plan: Plan, execute: Execute, command: str) -> list[Outcome]:
    """Run what is not finished; exits with 1 where runs failed and with 130 where it was stopped.

    Repeating the command goes on where it ended, under the same parent run.
    """
    console = Console()
    store, now = look(plan, console)
    if not now.todo:
        console.print(f"nothing to do; next: maskbench report --study '{store.study}'", markup=False, highlight=False)
        return []
    parent = open_parent(store, plan, command)
    runs = [run.under(plan.key, parent) for run in now.todo]
    try:
        with _terminated_as_interrupt():
            outcomes = follow(execute(runs), len(runs), len(now.finished), console)
    except KeyboardInterrupt:
        store.close_stale("the sweep was stopped")
        store.close(parent, "KILLED")
        console.print("stopped; the same command goes on from here", highlight=False)
        sys.exit(INTERRUPTED)
    except BaseException:
        store.close(parent, "FAILED")
        raise
    table = failures_table(outcomes)
    store.close(parent, "FAILED" if table else "FINISHED")
    if table:
        console.print(table)
        sys.exit(FAILURES)
    console.print(f"next: maskbench report --study '{store.study}'", markup=False, highlight=False)
    return outcomes


def open_parent(store: Store, plan: Plan, command: str) -> str:
    """The sweep's parent run, with all it plans."""
    from maskbench.tracking.plans import write_plan

    parent = store.open_sweep(plan.key, command)
    write_plan(store, parent, [{"key": run.identity.key, **run.identity.settings} for run in plan.runs])
    return parent


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM ends a sweep as Ctrl-C does: with its bookkeeping done."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
