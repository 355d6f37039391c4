"""What a person sees of a sweep: a live bar or plain lines, and all failures at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from maskbench.sweep.execute import Outcome

LINE_SECONDS = 10.0


def follow(
    outcomes: Iterable[Outcome], todo: int, skipped: int, workers: int | None, console: Console
) -> Iterator[Outcome]:
    """Show outcomes as they come, with time left, and hand on those that are final; failures get a line at once."""
    reporter = _bar if console.is_terminal else _lines
    return reporter(outcomes, Tally(todo, skipped, workers), console)


@dataclass
class Tally:
    """How far a sweep has come."""

    todo: int
    skipped: int
    workers: int | None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """How many runs are over."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        shown = {"done": self.counts["finished"], "failed": self.counts["failed"]}
        shown["skipped"] = self.counts["skipped"] + self.skipped
        if self.workers is not None:
            shown["running"] = min(self.workers, self.todo - self.done)
        return ", ".join(f"{count} {name}" for name, count in shown.items())


def _bar(outcomes: Iterable[Outcome], tally: Tally, console: Console) -> Iterator[Outcome]:
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
        task = progress.add_task(str(tally), total=tally.todo)
        for outcome in outcomes:
            _say_failure(outcome, progress.console)
            if outcome.state != "again":
                tally.counts[outcome.state] += 1
                progress.update(task, advance=1, description=str(tally))
                yield outcome


def _lines(outcomes: Iterable[Outcome], tally: Tally, console: Console) -> Iterator[Outcome]:
    started = shown = time.monotonic()
    for outcome in outcomes:
        _say_failure(outcome, console)
        if outcome.state == "again":
            continue
        tally.counts[outcome.state] += 1
        now, done = time.monotonic(), tally.done
        if now - shown > LINE_SECONDS or done == tally.todo:
            left = (now - started) / done * (tally.todo - done)
            console.print(f"{done}/{tally.todo} {tally}, {left:.0f} s left", highlight=False)
            shown = now
        yield outcome


def _say_failure(outcome: Outcome, console: Console) -> None:
    if outcome.state in ("failed", "again"):
        console.print(failure_line(outcome), markup=False, highlight=False, soft_wrap=True)


def failure_line(outcome: Outcome) -> str:
    """One failure in one line."""
    state = "failed" if outcome.state == "failed" else "failed and tried again"
    return f"{state}: {outcome.name}: {outcome.reason}"


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """The runs that failed, why, and where their log is, two lines each; empty where none did."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    longest = max((len(outcome.name) for outcome in failed), default=0)
    lines = [f"{len(failed)} failed"] if failed else []
    for outcome in failed:
        lines += [f"  {outcome.name:{longest}}  {outcome.reason}", f"    {log_place(outcome)}"]
    return lines


def log_place(outcome: Outcome) -> str:
    """Where to read on: a path from here, or the MLflow run that has it as an artifact."""
    if outcome.log is None:
        return f"MLflow run {outcome.run_id}" if outcome.run_id else "no log: it never began"
    with suppress(ValueError):
        return str(outcome.log.relative_to(Path.cwd()))
    return str(outcome.log)
