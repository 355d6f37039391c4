"""How long a sweep will take, from how long finished runs took whose work was the same."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from maskbench.config.identity import work
from maskbench.config.schema import Config


@dataclass(frozen=True)
class Estimate:
    """Seconds of training in one process, and what that is known from."""

    seconds: float
    runs: int
    """How many runs it is about."""
    unknown: int
    """How many of them have no finished run like them, and count as nothing."""
    alike: int
    """How many finished runs were like them."""


def estimate(configs: Iterable[Config], seconds_by_work: Mapping[str, Sequence[float]]) -> Estimate:
    """The sum over runs of the median time of finished runs with the same work."""
    if not seconds_by_work:
        runs = sum(1 for _ in configs)
        return Estimate(0.0, runs, runs, 0)
    medians = {name: statistics.median(seconds) for name, seconds in seconds_by_work.items()}
    works = [work(config) for config in configs]
    known = [medians[name] for name in works if name in medians]
    alike = sum(len(seconds_by_work[name]) for name in set(works) & medians.keys())
    return Estimate(sum(known), len(works), len(works) - len(known), alike)


def together(estimates: Sequence[Estimate]) -> Estimate:
    """Several estimates as one; what they were known from is counted for each."""
    parts = [(one.seconds, one.runs, one.unknown, one.alike) for one in estimates]
    seconds, runs, unknown, alike = (sum(column) for column in zip(*parts, strict=True))
    return Estimate(seconds, int(runs), int(unknown), int(alike))


def estimate_line(found: Estimate, workers: int | None) -> str:
    """An estimate in words; `workers` None where only the launcher knows how many it has."""
    if not found.alike:
        return "estimated time: unknown until the first runs have finished"
    at_once = 1 if workers is None else max(1, min(workers, found.runs))
    how = "of training, shared by the launcher's workers" if workers is None else f"with {counted(at_once, 'worker')}"
    source = f"from {counted(found.alike, 'finished run')} alike"
    if found.unknown:
        source += f"; {found.unknown:,} of {found.runs:,} to train have no like yet and are not counted"
    return f"estimated time: {duration(found.seconds / at_once)} {how} ({source})"


def duration(seconds: float) -> str:
    """A time in its two largest units: `1 min 20 s`."""
    whole = max(1, round(seconds))
    for size, unit, small, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
