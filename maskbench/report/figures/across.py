"""The figures about several data sets: each one's answer with their mean, and mean ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from maskbench.records import UNMASKED
from maskbench.report.figures.style import (
    FAINT,
    INK,
    LINE,
    MUTED,
    Span,
    diamond,
    empty,
    rows_down,
    spans,
    styled,
    verdict_colour,
    zero,
)
from maskbench.report.words import Row, Scale, arm

SURE = 0.05
"""The adjusted p below which an arm's ranks differ from those without a mask."""


def many_data(rows: Sequence[Row], total: Row, scale: Scale, axis: str) -> Figure:
    """Each data set's answer with its interval, and at the bottom the mean over data sets."""
    with styled():
        figure, ((axes,),) = empty(height=1.2 + 0.28 * (len(rows) + 1))
        zero(axes, float("nan"), vertical=True)
        spans(axes, [_span(row, "estimate", scale, settled=row["verdict"] != "unsettled") for row in rows])
        axes.axhline(len(rows) - 0.5, color=LINE, linewidth=0.8)
        diamond(axes, _span({"verdict": "", **total}, "mean", scale, settled=True), len(rows))
        labels = [*(row["block"] for row in rows), "mean over data sets"]
        notes = [*(f"n {row['n_pairs']}" for row in rows), f"{total['n_data']:.0f} data sets"]
        rows_down(axes, labels, notes)
        axes.set_xlabel(f"{axis}; right is better")
    return figure


def mean_ranks(rows: Sequence[Row]) -> Figure:
    """Mean rank over data sets by arm, best first; the bar spans what cannot be told from no mask."""
    rows = sorted(rows, key=lambda row: (row["mean_rank"], row["arm"]))
    alike = [row["mean_rank"] for row in rows if not row["p_adjusted"] <= SURE]
    with styled():
        figure, ((axes,),) = empty(height=1.0 + 0.23 * len(rows))
        if alike:
            axes.axvspan(min(alike), max(alike), color=FAINT, alpha=0.6, linewidth=0)
        for base, mark in ((True, "s"), (False, "o")):
            own = [
                (row["mean_rank"], y, row["p_adjusted"])
                for y, row in enumerate(rows)
                if (row["arm"] == UNMASKED) == base
            ]
            colour = MUTED if base else INK
            faces = [colour if base or p <= SURE else "none" for *_, p in own]
            ranks, places = [rank for rank, *_ in own], [place for _, place, _ in own]
            axes.scatter(ranks, places, s=30, marker=mark, facecolors=faces, edgecolors=colour, zorder=3)
        means = [row["mean_rank"] for row in rows if row["arm"] == UNMASKED and np.isfinite(row["mean_rank"])]
        for mean in means:
            axes.axvline(mean, color=MUTED, linewidth=1)
        labels = [arm(row["arm"]) for row in rows]
        rows_down(axes, labels, [f"n {row['n_data']:.0f}" for row in rows])
        axes.set_xlabel("mean rank over data sets; left is better")
    return figure


def _span(row: Row, mean: str, scale: Scale, *, settled: bool) -> Span:
    middle, low, high = (row[name] * scale.factor for name in (mean, "ci_low", "ci_high"))
    return Span(middle, low, high, verdict_colour(row), settled)
