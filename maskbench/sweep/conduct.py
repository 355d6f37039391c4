"""A whole sweep in order: plans, store, runs, summary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from maskbench.errors import StoreError
from maskbench.sweep.execute import Launch, Outcome
from maskbench.sweep.overview import look
from maskbench.sweep.plan import Plan, Planned, Standing
from maskbench.sweep.progress import failures, follow
from maskbench.sweep.stopping import INTERRUPTED, stoppable
from maskbench.tracking.outbox import waiting
from maskbench.tracking.store import Store

FAILURES = 1
Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """One study of a sweep: its store, where it stands, and its parent run."""

    plan: Plan
    store: Store
    now: Standing
    parent: str

    def runs(self) -> Iterator[Planned]:
        """What is to be trained, told where it belongs."""
        return (run.under(self.plan.key, self.parent) for run in self.now.todo)

    def status(self, outcomes: Sequence[Outcome]) -> str:
        """What became of it, in the store's words."""
        own = {run.identity.key for run in self.now.todo}
        failed = any(outcome.state == "failed" and outcome.identity.key in own for outcome in outcomes)
        return "FAILED" if failed else "FINISHED"


def conduct(plans: Sequence[Plan], launch: Launch, command: str) -> list[Outcome]:
    """Run what is not finished; exits with 1 where runs failed and with 130 where it was stopped.

    Repeating the command goes on where it ended, under the same parent runs.
    """
    console = Console()
    say: Say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    parts = [part for plan in plans if (part := _opened(plan, console, command, launch.workers)) is not None]
    runs = [run for part in parts for run in part.runs()]
    outcomes: list[Outcome] = []
    if not runs:
        say("nothing to do")
    else:
        finished = sum(len(part.now.finished) for part in parts)
        with _bookkeeping(parts, outcomes, say), closing(launch.execute(runs)) as executed:
            outcomes += follow(executed, len(runs), finished, launch.workers, console)
    failed = failures(outcomes)
    undelivered = [line for part in parts for line in _deliver_kept(part.store)]
    for line in (*failed, *undelivered):
        say(line)
    for plan in plans:
        say(f"next: maskbench report --study '{plan.study}'")
    if failed or undelivered:
        sys.exit(FAILURES)
    return outcomes


def _opened(plan: Plan, console: Console, command: str, workers: int | None) -> Part | None:
    """A plan with its store made ready; None where nothing is left to do."""
    from maskbench.tracking.plans import write_plan

    if delivered := Store(plan.uri, plan.study).deliver():
        console.print(f"{delivered} records delivered that had waited for the store", highlight=False)
    store, now = look(plan, console, workers)
    if not now.todo:
        return None
    parent = store.open_sweep(plan.key, command)
    write_plan(store, parent, [{"key": run.identity.key, **run.identity.settings} for run in plan.runs])
    return Part(plan, store, now, parent)


@contextmanager
def _bookkeeping(parts: Sequence[Part], outcomes: Sequence[Outcome], say: Say) -> Iterator[None]:
    """However the sweep ends, what stands in the store is true; `outcomes` are read at the end."""
    with stoppable(say):
        try:
            yield
        except KeyboardInterrupt:
            for part in parts:
                part.store.close_stale("the sweep was stopped")
                part.store.close(part.parent, "KILLED")
            say("stopped; the same command goes on from here")
            sys.exit(INTERRUPTED)
        except BaseException:
            with suppress(StoreError):  # what is raised says it already
                for part in parts:
                    part.store.close(part.parent, "FAILED")
            raise
        with suppress(StoreError):  # no more than a status: the next sweep sets it right
            for part in parts:
                part.store.close(part.parent, part.status(outcomes))


def _deliver_kept(store: Store) -> Iterator[str]:
    """Try once more what the store did not take; a line for what still waits."""
    why = "another process trains the same runs"
    try:
        store.deliver()
    except StoreError as error:
        why = str(error)
    files = [file for file, _ in waiting(store.location, store.study)]
    if files:
        yield f"{len(files)} records wait in {files[0].parent}: {why}"
        yield f"they are delivered by the next sweep, or by: maskbench clean --deliver --study '{store.study}'"
