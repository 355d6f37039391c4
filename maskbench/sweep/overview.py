"""What a person sees of a plan before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from maskbench.config.identity import code_version
from maskbench.sweep.estimate import Estimate, counted, estimate, estimate_line, together
from maskbench.sweep.plan import Plan, Standing, standing
from maskbench.tracking.store import Store

IN_WORDS = {"running": "running elsewhere"}
"""States whose name alone would not say it."""


@dataclass(frozen=True)
class Seen:
    """A plan beside what its store knows."""

    plan: Plan
    store: Store
    now: Standing
    time: Estimate


def look(plan: Plan, console: Console, workers: int | None = None, list_runs: bool = False) -> tuple[Store, Standing]:
    """Compare the plan with its store and print it, on request run by run.

    `workers` is how many runs will be trained at once, None where only the launcher knows.
    """
    seen = _see(plan)
    _show(seen, console, workers, list_runs)
    return seen.store, seen.now


def look_at_all(plans: Sequence[Plan], workers: int | None, list_runs: bool) -> list[Seen]:
    """Print every plan, and where there are several what they come to together."""
    console = Console()
    all_seen = []
    for plan in plans:
        all_seen.append(_see(plan))
        _show(all_seen[-1], console, workers, list_runs)
    todo = sum(len(seen.now.todo) for seen in all_seen)
    if len(plans) > 1:
        _print(console, f"all {len(plans)} studies: {todo:,} to train")
    if len(plans) > 1 and todo:
        _print(console, estimate_line(together([seen.time for seen in all_seen]), workers))
    return all_seen


def _see(plan: Plan) -> Seen:
    store = Store(plan.uri, plan.study)
    now = standing(plan, store.known(), code_version())
    return Seen(plan, store, now, estimate((run.config for run in now.todo), store.seconds_by_work()))


def _show(seen: Seen, console: Console, workers: int | None, list_runs: bool) -> None:
    for line in plan_lines(seen.plan, seen.now, seen.store.study, seen.store.location.uri):
        _print(console, line)
    if seen.now.todo:
        _print(console, estimate_line(seen.time, workers))
    for line in run_lines(seen.plan, seen.now) if list_runs else ():
        _print(console, line)


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def plan_lines(plan: Plan, now: Standing, study: str, where: str) -> Iterator[str]:
    """The plan in a few lines: what there is, what is left, what was added and removed."""
    yield f"study '{study}' in {where}"
    counts = ", ".join(f"{count:,} {IN_WORDS.get(state, state)}" for state, count in sorted(now.counts.items()))
    yield f"{counted(len(plan.runs), 'run')}: {counts}"
    yield ", ".join(_changes(plan, now))
    for warning in plan.warnings:
        yield f"warning: {warning}"
    if now.other_code:
        yield f"warning: {counted(now.other_code, 'finished run')} of another version of the code kept"
    yield f"to train: {len(now.todo):,}"


def _changes(plan: Plan, now: Standing) -> Iterator[str]:
    yield f"{counted(plan.partners, 'unmasked partner')} added"
    yield f"{counted(plan.duplicates, 'duplicate')} removed"
    if plan.excluded:
        yield f"{counted(plan.excluded, 'combination')} excluded"
    if plan.only:
        yield f"{counted(now.left_out, 'unfinished run')} left out by --only"


def run_lines(plan: Plan, now: Standing) -> Iterator[str]:
    """Every run of the plan with its state, and with its reason where it failed."""
    for run in plan.runs:
        key = run.identity.key
        state, reason = now.states[key], now.reasons.get(key, "")
        yield f"  {state:<8} {key} {run.identity.name}{f': {reason}' if reason else ''}"
