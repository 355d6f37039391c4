"""What would settle the answers that are open: how many seeds, and the command that adds them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from itertools import pairwise

from maskbench.comparison import Comparison
from maskbench.report.tables import records
from maskbench.report.words import Row, plural, row_scale

OVERRIDE, FLAG = "seed=", "--seeds"
ONLY = "--only"
"""Leaves out runs that more seeds would need."""


def power_lines(comparison: Comparison, command: str | None) -> list[str]:
    """For each open answer one line that says how many seeds would settle it, and one with the command.

    `command` is the study's `maskbench sweep …` line; None where it is not known.
    """
    lines = []
    for row in records(comparison.power):
        if row["verdict"] == "unsettled":
            lines.append(settle(row))
            lines += [f"  {more}" for more in command_for([row], command).splitlines()]
    return lines


def settle(row: Row) -> str:
    """What would settle one row of the `power` table, in a sentence."""
    scale = row_scale(row)
    worth = scale.amount(row["smallest_effect"])
    if not math.isfinite(row["seeds_needed"]):
        return f"{row['block']}: unsettled; {plural(int(row['n_pairs']), 'pair')} cannot tell how many seeds it takes."
    needed = plural(round(row["seeds_needed"]), "seed")
    if row["seeds_more"] <= 0:
        return (
            f"{row['block']}: unsettled, although {plural(int(row['n_pairs']), 'pair')} should be enough for an effect "
            f"of {worth}; the effect is near the border of what is worth having."
        )
    now = f"; now {scale.amount(row['detectable_effect'])}" if math.isfinite(row["detectable_effect"]) else ""
    return (
        f"{row['block']}: {needed} in all ({row['seeds_more']:,.0f} more) would detect an effect of {worth} with a "
        f"chance of 80 %{now}."
    )


def command_for(rows: Iterable[Row], command: str | None) -> str:
    """`command` with as many seeds as the most demanding of `rows` needs; empty where either is not known.

    A study of several commands has one on each line.
    """
    needed = [row["seeds_needed"] for row in rows if math.isfinite(row["seeds_needed"]) and row["seeds_more"] > 0]
    if not needed or not command:
        return ""
    try:
        return "\n".join(_with_seeds(shlex.split(line), round(max(needed))) for line in command.splitlines())
    except ValueError:  # a note that somebody wrote by hand
        return ""


def _with_seeds(words: Sequence[str], seeds: int) -> str:
    """A command that trains all of this many seeds, said as the command says it."""
    wanted, kept = f"{OVERRIDE}range({seeds})", list[str]()
    for before, word in pairwise(["", *words]):
        if word.startswith(OVERRIDE):
            kept.append(wanted)
        elif word.startswith(f"{FLAG}=") or before == FLAG:
            kept += [FLAG, str(seeds)]
        elif word not in (FLAG, ONLY) and before != ONLY and not word.startswith(f"{ONLY}="):
            kept.append(word)
    return shlex.join(kept if {wanted, FLAG} & {*kept} else [*kept, wanted])
