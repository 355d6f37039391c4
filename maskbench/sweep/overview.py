"""What a person sees of a plan before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from maskbench.config.identity import code_version
from maskbench.sweep.plan import Plan, Standing, standing
from maskbench.tracking.store import Store


def look(plan: Plan, console: Console, list_runs: bool = False) -> tuple[Store, Standing]:
    """Compare the plan with its store and print it, on request run by run."""
    store = Store(plan.uri, plan.study)
    now = standing(plan, store.known(), code_version())
    for line in plan_lines(plan, now, store.study, store.location.uri):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for run in now.todo if list_runs else ():
        console.print(f"  {run.identity.key} {run.identity.name}", markup=False, highlight=False, soft_wrap=True)
    return store, now


def plan_lines(plan: Plan, now: Standing, study: str, where: str) -> Iterator[str]:
    """The plan in a few lines: what there is, what is left, what was added and removed."""
    yield f"study '{study}' in {where}"
    counts = ", ".join(f"{count} {state}" for state, count in sorted(now.counts.items()))
    yield f"{len(plan.runs)} runs: {counts}"
    yield f"{plan.partners} unmasked partners added, {plan.duplicates} duplicates removed"
    if now.other_code:
        yield f"warning: {now.other_code} finished runs were trained by another version of the code and are kept"
    yield f"to train: {len(now.todo)}"
