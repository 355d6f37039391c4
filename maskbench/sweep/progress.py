"""What a person sees of a sweep: a live bar or plain lines, and a table of failures at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from maskbench.sweep.execute import Outcome

LINE_SECONDS = 10.0
STATES = ("finished", "failed", "skipped")


def follow(outcomes: Iterable[Outcome], todo: int, skipped: int, console: Console) -> list[Outcome]:
    """Show outcomes as they come, with time left, and return them; failures get a line at once."""
    reporter = _bar if console.is_terminal else _lines
    return list(reporter(outcomes, todo, skipped, console))


def _bar(outcomes: Iterable[Outcome], todo: int, skipped: int, console: Console) -> Iterator[Outcome]:
    counts = Counter(skipped=skipped)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(_tally(counts), total=todo)
        for outcome in outcomes:
            counts[outcome.state] += 1
            progress.update(task, advance=1, description=_tally(counts))
            if outcome.state == "failed":
                progress.console.print(failure_line(outcome), markup=False, highlight=False)
            yield outcome


def _lines(outcomes: Iterable[Outcome], todo: int, skipped: int, console: Console) -> Iterator[Outcome]:
    counts = Counter(skipped=skipped)
    started = shown = time.monotonic()
    for done, outcome in enumerate(outcomes, start=1):
        counts[outcome.state] += 1
        now = time.monotonic()
        if outcome.state == "failed":
            console.print(failure_line(outcome), markup=False, highlight=False, soft_wrap=True)
        if now - shown > LINE_SECONDS or done == todo:
            left = (now - started) / done * (todo - done)
            console.print(f"{done}/{todo} {_tally(counts)}, {left:.0f} s left", highlight=False)
            shown = now
        yield outcome


def _tally(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[state]} {'done' if state == 'finished' else state}" for state in STATES)


def failure_line(outcome: Outcome) -> str:
    """One failure in one line."""
    return f"failed: {outcome.name}: {outcome.reason}"


def failures_table(outcomes: Iterable[Outcome]) -> Table | None:
    """The runs that failed, why, and where their log is; None where none did."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    where = Column("MLflow run (error.txt)", min_width=32)
    table = Table("run", "reason", where, title=f"{len(failed)} failed", title_justify="left")
    for outcome in failed:
        table.add_row(*(Text(part) for part in (outcome.name, outcome.reason, outcome.run_id)))
    return table if failed else None
