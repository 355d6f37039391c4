"""What every mask costs: time per batch, next to the random numbers it needs and to other libraries.

python benchmarks/speed/masks.py [--quick] [--only NAME ...] [--write]

Every mask of the menu, fitted, masks batches of 64, 256 and 4,096 examples at one and two threads.
Times are medians of whole calls: drawing, filling, rescaling, and finding out which cells may be
hidden at all. In every measurement the mask takes turns with what it is compared with, call by call.

The floor of a mask is the dearer of two things it cannot do without: one copy of the batch, and the
random numbers that its law needs, drawn from the same torch generator. Those are 16 bits for each
coin, of a cell or of a larger unit; one `torch.rand` for each unit where units are ordered (exact
counts, spans, chances of their own); and for a fill one number for each value it draws. A rectangle,
a strip or a grid needs a handful per example, so there the floor is the copy.
"""

from __future__ import annotations

import argparse
import logging
import platform
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from cases import DATA, Case, examples
from peers import Action, Peer, peers, versions
from torch import Tensor

from maskbench.config.menu import menu
from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.gallery.catalogue import Entry, entries
from maskbench.hardware import describe_hardware
from maskbench.masks.mask import Mask

BATCHES, THREADS = (64, 256, 4096), (1, 2)
FLOOR_GOAL, ELEMENT_GOAL = 3.0, 2.0
CALL = 40e-6
"""Seconds a call may take whatever the batch: as torch's dropout of 64 x 64 numbers."""


@dataclass
class Row:
    """The seconds of one mask on one kind of data, by (threads, batch): its own, its floor, and the peers' pairs."""

    name: str
    features: Features
    own: dict[tuple[int, int], float] = field(default_factory=dict)
    floor: dict[tuple[int, int], float] = field(default_factory=dict)
    pairs: dict[Peer, dict[tuple[int, int], tuple[float, float]]] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """The kind and the shape."""
        return f"{self.features.kind} {' x '.join(str(size) for size in self.features.shape)}"

    def fastest(self, at: tuple[int, int]) -> float | None:
        """How many times faster ours is than the fastest peer on the same work."""
        return min((theirs / ours for ours, theirs in (pair[at] for pair in self.pairs.values())), default=None)


def in_turn(actions: Sequence[Action], seconds: float, least: int) -> list[float]:
    """Median seconds of each action, called one after the other until the time is spent, after a first round."""
    spent: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    end = time.perf_counter() + seconds
    while len(spent[0]) < least or time.perf_counter() < end:
        for action, times in zip(actions, spent, strict=True):
            started = time.perf_counter()
            action()
            times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in spent]


def measure(found: Iterable[Entry], batches: Sequence[int], threads: Sequence[int], seconds: float) -> list[Row]:
    """Rows for all masks on all data that they take."""
    others, rows, found = peers(), [], list(found)
    least = 3 if seconds < 0.1 else 7
    for features in DATA:
        train = examples(features)
        for each in found:
            if features.kind not in each.kinds or not accepts(each.mask, features):
                continue
            row = Row(each.name, features)
            for count in threads:
                torch.set_num_threads(count)
                for batch in batches:
                    time_one(row, each.mask, others, train[:batch], (count, batch), seconds, least)
            rows.append(row)
            print(f"{row.name} {row.data}", file=sys.stderr)
    return sorted(rows, key=lambda row: (DATA.index(row.features), row.name))


def time_one(
    row: Row, mask: Mask, others: Iterable[Peer], inputs: Tensor, at: tuple[int, int], seconds: float, least: int
) -> None:
    """One mask on one batch, beside its floor and each of its peers."""
    case = Case(mask, row.features, inputs)
    row.own[at], draws, copy = in_turn([case.masked, case.draws(), inputs.clone], seconds, least)
    row.floor[at] = max(draws, copy)
    for peer in others:
        if peer.mask == row.name and peer.takes(row.features):
            same = Case(peer.ours(mask), row.features, inputs)
            ours, theirs = in_turn([same.masked, peer.prepare(inputs, row.features)], seconds, least)
            row.pairs.setdefault(peer, {})[at] = ours, theirs


def accepts(mask: Mask, features: Features) -> bool:
    """Whether the mask takes such data; those inside a model take what they are given."""
    try:
        mask.check(features)
    except ConfigError:
        return False
    return True


def number(value: float) -> str:
    """Three digits at most."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2g}" if value < 9.95 else f"{value:.1f}".removesuffix(".0")


def cell(values: Iterable[float | None]) -> str:
    """The numbers of several batches."""
    return " / ".join("" if value is None else number(value) for value in values)


def header(*columns: str) -> Iterator[str]:
    """The first two lines of a table."""
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"


def cost_table(rows: Iterable[Row], batches: Sequence[int], threads: int) -> Iterator[str]:
    """What each mask costs, one line a mask and shape."""
    yield from header("mask", "data", "ms a batch", "ns a value", "x floor", "x faster than the fastest peer")
    for row in rows:
        at = [(threads, batch) for batch in batches]
        size = row.features.size
        costs = (
            cell(1e3 * row.own[key] for key in at),
            cell(1e9 * row.own[key] / key[1] / size for key in at),
            cell(row.own[key] / row.floor[key] for key in at),
            cell(row.fastest(key) for key in at) if row.pairs else "",
        )
        yield f"| {row.name} | {row.data} | {' | '.join(costs)} |"


def peer_table(rows: Iterable[Row]) -> Iterator[str]:
    """Each peer against ours on the same work."""
    yield from header("mask", "data", "peer", "work", "threads", "ours, ms", "theirs, ms", "x faster")
    for row in rows:
        for peer, pairs in row.pairs.items():
            for threads in sorted({count for count, _ in pairs}):
                chosen = [pair for (count, _), pair in pairs.items() if count == threads]
                times = (cell(1e3 * pair[side] for pair in chosen) for side in (0, 1))
                ratio = cell(theirs / ours for ours, theirs in chosen)
                labels = (row.name, row.data, peer.name, peer.work, str(threads))
                yield f"| {' | '.join((*labels, *times, ratio))} |"


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """The goals, how often they are met, and where they are not."""

    def line(goal: str, judged: Iterable[tuple[Row, str, tuple[int, int], float, bool]]) -> Iterator[str]:
        judged = list(judged)
        missed: dict[str, list[str]] = {}
        for row, what, (threads, batch), ratio, met in judged:
            if not met:
                missed.setdefault(f"{row.name}, {row.data}{what}", []).append(f"{number(ratio)} at {threads} x {batch}")
        yield f"- {goal}: {sum(met for *_, met in judged)} of {len(judged)} measurements."
        yield from (f"  - {where}: {', '.join(found)}" for where, found in missed.items())

    pairs = [
        (row, peer, at, theirs / ours)
        for row in rows
        for peer, found in row.pairs.items()
        for at, (ours, theirs) in found.items()
    ]
    every = ((row, f", {peer.name}", at, ratio, ratio >= 1) for row, peer, at, ratio in pairs)
    element = (
        (row, f", {peer.name}", at, ratio, ratio >= ELEMENT_GOAL) for row, peer, at, ratio in pairs if peer.element
    )
    floors = (
        (row, "", at, own / row.floor[at], own <= FLOOR_GOAL * row.floor[at] + CALL)
        for row in rows
        for at, own in row.own.items()
    )
    yield from line("At least as fast as every peer", every)
    yield from line(f"Masks of single cells at least {ELEMENT_GOAL:g} times as fast as every peer", element)
    yield from line(f"Within {FLOOR_GOAL:g} times the floor and {1e6 * CALL:g} microseconds a call", floors)


def report(rows: Sequence[Row], batches: Sequence[int], threads: Sequence[int]) -> str:
    """The page in Markdown."""
    sizes = " / ".join(f"{batch:,}" for batch in batches)
    lines = [
        "# What masks cost",
        "",
        f"`python benchmarks/speed/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}` on "
        f"{describe_hardware(torch.device('cpu')).split(',')[0]}, Python {platform.python_version()}, {versions()}. "
        f"Medians; three numbers in a field are batches of {sizes} examples. "
        "The script's first lines say what is timed and what the floor is.",
        "",
        "## Goals",
        "",
        *verdicts(rows),
    ]
    for count in threads:
        lines += ["", f"## {count} thread{'s' if count > 1 else ''}", "", *cost_table(rows, batches, count)]
    lines += ["", "## Peers on the same work", "", *peer_table(rows)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the page, or write it beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="batches of 64 and 256, one thread, a few repeats")
    parser.add_argument("--only", nargs="+", help="masks to measure; all by default")
    parser.add_argument("--write", action="store_true", help="write masks.md beside this file")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # PyGrinder's, at every call
    batches, threads, seconds = (BATCHES[:2], THREADS[:1], 0.02) if options.quick else (BATCHES, THREADS, 0.25)
    found = [each for each in entries(menu()) if not options.only or each.name in options.only]
    page = report(measure(found, batches, threads, seconds), batches, threads)
    if options.write:
        Path(__file__).with_suffix(".md").write_text(page)
    else:
        print(page)


if __name__ == "__main__":
    main()
