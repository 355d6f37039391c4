"""The figures of one block's arms: forest, heatmap, curves over the rate, gap and calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maskbench.report.figures.style import (
    FAINT,
    HELPS,
    INK,
    MUTED,
    TO,
    Span,
    diamond,
    empty,
    heat_axes,
    panels,
    rows_down,
    shades,
    spans,
    styled,
    tile,
    verdict_colour,
    zero,
)
from maskbench.report.tables import records
from maskbench.report.views import View
from maskbench.report.words import Row, rate

WIDEST = 9
"""Rates beside which a heatmap's cells still have room for their numbers."""

MOST_LINKS = 400
"""Dots in a figure that still link to their runs one by one; with more, only the arms do."""

MARKS = {"helps": "^", "hurts": "v", "equal": "s"}
"""The mark of a settled arm; an unsettled one has none."""


def forest(view: View) -> Figure:
    """Paired differences by arm: a dot a seed, mean and 95 % interval; on top the primary estimate."""
    rows = records(view.arms)
    with styled():
        figure, ((axes,),) = empty(height=1.35 + 0.25 * (len(rows) + 1))
        zero(axes, view.bound, vertical=True)
        spans(axes, [_span(view, view.answer, "estimate"), *(_span(view, row, "mean_difference") for row in rows)])
        diamond(axes, _span(view, view.answer, "estimate"), 0)
        _seeds(axes, view, rows)
        labels = ["best mask (primary)", *(view.marked(row["arm"]) for row in rows)]
        notes = [f"n {row['n_pairs']}" for row in (view.answer, *rows)]
        rows_down(axes, labels, notes, [view.link(view.answer["arm"]), *(view.link(row["arm"]) for row in rows)])
        axes.set_xlabel(f"{view.axis}; right is better")
    return figure


def heatmap(view: View) -> Figure:
    """Mean differences by kind of mask (rows) and rate (columns), coloured around zero."""
    kinds = list(dict.fromkeys(view.arms["kind"]))
    rates = sorted(view.arms["rate"].dropna().unique())
    columns = [*rates, *([np.nan] if view.arms["rate"].isna().any() else [])]
    with styled():
        figure, ((axes,),) = empty(height=0.9 + 0.42 * len(kinds))
        cells = []
        for row in records(view.arms):
            x = len(rates) if row["rate"] != row["rate"] else rates.index(row["rate"])
            cells.append(((x, kinds.index(row["kind"])), row))
        extreme = float(view.arms["mean_difference"].abs().max()) or 1.0
        shades(axes, [(place, row["mean_difference"]) for place, row in cells], extreme)
        for place, row in cells:
            _heat_cell(axes, view, row, place)
        filled = {place for place, _ in cells}
        for place in ((x, y) for x in range(len(columns)) for y in range(len(kinds)) if (x, y) not in filled):
            axes.add_patch(tile(*place, facecolor=FAINT, linewidth=0))
        heat_axes(axes, [rate(value) for value in columns], kinds)
        axes.set_xlabel("rate asked for (share hidden)")
    return figure


def curves(view: View) -> Figure:
    """Mean difference over the rate really hidden with 95 % bands, one panel for each kind of mask."""
    kinds = list(dict.fromkeys(view.arms["kind"]))
    with styled():
        figure, grid = panels(len(kinds), 1.7, sharex=True, sharey=True)
        for axes, kind in zip(grid, kinds, strict=True):
            axes.set_title(kind, fontsize=9, loc="left", parse_math=False)
            zero(axes, view.bound, vertical=False)
            _curve(axes, view, view.arms[view.arms["kind"] == kind])
        figure.supxlabel("share really hidden", fontsize=9, color=MUTED)
        figure.supylabel(view.axis, fontsize=9, color=MUTED)
    return figure


def gaps(view: View) -> Figure:
    """By arm: how much smaller the generalisation gap got, and the calibration error; mean and 95 % interval."""
    rows = records(view.arms)
    parts = [("gap", "generalisation gap"), ("ece", "calibration error")]
    parts = [(name, title) for name, title in parts if view.arms[name].notna().any()]
    with styled():
        figure, grid = empty(1, len(parts), height=1.1 + 0.22 * len(rows), sharey=True)
        for axes, (name, title) in zip(grid[0], parts, strict=True):
            scale = view.scale if name == "gap" else view.share
            zero(axes, float("nan"), vertical=True)
            factor = scale.factor
            found = [(row[name] * factor, row[f"{name}_low"] * factor, row[f"{name}_high"] * factor) for row in rows]
            spans(axes, [Span(*numbers) for numbers in found])
            axes.set_title(title, fontsize=9, loc="left")
            axes.set_xlabel(f"reduction ({scale.unit})" if scale.unit else "reduction")
        labels = [view.marked(row["arm"]) for row in rows]
        for axes in grid[0]:
            rows_down(axes, labels, [f"n {row['n_pairs']}" for row in rows] if axes is grid[0][-1] else None)
    return figure


def _span(view: View, row: Row, mean: str) -> Span:
    middle, low, high = (row[name] * view.scale.factor for name in (mean, "ci_low", "ci_high"))
    return Span(middle, low, high, verdict_colour(row), row["verdict"] != "unsettled")


def _seeds(axes: Axes, view: View, rows: list[Row]) -> None:
    """A dot below its arm for each seed, which leads to its run."""
    dots = [(value, place, row["arm"]) for place, row in enumerate(rows, 1) for value in view.dots.get(row["arm"], ())]
    values = np.array([value for value, *_ in dots], dtype=float) * view.scale.factor
    places = np.array([place for _, place, _ in dots], dtype=float) + 0.26
    seeds = axes.scatter(values, places, s=7, color=MUTED, alpha=0.6, linewidths=0)
    if len(dots) <= MOST_LINKS:
        runs = [run for row in rows for run in view.runs.get(row["arm"], ())]
        seeds.set_urls([f"{TO}{link}" if link else None for link in map(view.run_link, runs)])


def _heat_cell(axes: Axes, view: View, row: Row, place: tuple[int, int]) -> None:
    """One arm's cell: its number and n, and its marks."""
    x, y = place
    mean = row["mean_difference"]
    if view.arms["rate"].nunique() <= WIDEST:
        axes.text(x + 0.5, y + 0.44, view.scale.signed(mean), ha="center", va="center")
        axes.text(x + 0.5, y + 0.74, f"n {row['n_pairs']}", ha="center", va="center", fontsize=7)
    if row["verdict"] in MARKS:
        axes.plot([x + 0.86], [y + 0.28], MARKS[row["verdict"]], color=INK, markersize=5)
    for column, style in (("best_on_test", ":"), ("arm", "-")):
        if view.answer[column] == row["arm"]:
            inset = 0.04 if column == "arm" else 0.07
            frame = Rectangle((x + inset, y + 2 * inset), 1 - 2 * inset, 1 - 4 * inset, fill=False)
            frame.set(edgecolor=INK, linewidth=1.6, linestyle=style)
            axes.add_patch(frame)


def _curve(axes: Axes, view: View, arms: pd.DataFrame) -> None:
    """Means and interval band of one kind over the realised rate, or the nominal one where unknown."""
    factor = view.scale.factor
    rates = arms["realised_rate"].fillna(arms["rate"])
    arms = arms.assign(where=rates.fillna(0.0)).sort_values("where")
    where = arms["where"].to_numpy()
    low, high = arms["ci_low"].to_numpy() * factor, arms["ci_high"].to_numpy() * factor
    mean = arms["mean_difference"].to_numpy() * factor
    axes.fill_between(where, low, high, color=HELPS, alpha=0.18, linewidth=0)
    axes.vlines(where, low, high, color=HELPS, linewidth=1)
    axes.plot(where, mean, "-", color=HELPS, linewidth=1.4)
    faces = ["none" if verdict == "unsettled" else HELPS for verdict in arms["verdict"]]
    axes.scatter(where, mean, s=25, facecolors=faces, edgecolors=HELPS, zorder=3)
