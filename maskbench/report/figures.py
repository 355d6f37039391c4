"""The figures of a report: a view of one block in, a matplotlib Figure out; nothing is written here."""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maskbench.report.tables import records
from maskbench.report.views import View
from maskbench.report.words import Row, rate, signed

INK, MUTED, LINE, FAINT = "#010101", "#020202", "#030303", "#040404"
HELPS, HURTS = "#050505", "#060606"

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    FAINT: "var(--faint)",
    HELPS: "var(--helps)",
    HURTS: "var(--hurts)",
}
"""Stand-in colours and the page's variables that replace them, so a figure follows light and dark."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

WIDTH = 5.6
"""Inches; the page scales a figure to its column."""

WIDEST = 9
"""Rates beside which a heatmap's cells still have room for their numbers."""

MARKS = {"helps": "^", "hurts": "v", "equal": "s"}
"""The mark of a settled arm; an unsettled one has none."""


def forest(view: View) -> Figure:
    """Paired differences by arm: a dot a seed, mean and 95 % interval; on top the primary estimate."""
    rows = records(view.arms)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 1.35 + 0.25 * (len(rows) + 1)), layout="constrained")
        axes = figure.subplots()
        _zero(axes, view, vertical=True)
        for place, row in enumerate(rows, start=1):
            _forest_row(axes, view, row, place)
        _primary_row(axes, view)
        labels = ["best mask (primary)", *(_marked(view, row["arm"]) for row in rows)]
        axes.set_yticks(range(len(labels)), labels, parse_math=False)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{_axis_label(view)}; right is better")
    return figure


def heatmap(view: View) -> Figure:
    """Mean differences by kind of mask (rows) and rate (columns), coloured around zero."""
    kinds = list(dict.fromkeys(view.arms["kind"]))
    rates = sorted(view.arms["rate"].dropna().unique())
    columns = [*rates, *([np.nan] if view.arms["rate"].isna().any() else [])]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 0.42 * len(kinds)), layout="constrained")
        axes = figure.subplots()
        empty = {(x, y) for x in range(len(columns)) for y in range(len(kinds))}
        for row in records(view.arms):
            x = len(rates) if row["rate"] != row["rate"] else rates.index(row["rate"])
            place = (x, kinds.index(row["kind"]))
            empty.discard(place)
            _heat_cell(axes, view, row, place)
        for place in sorted(empty):
            axes.add_patch(_tile(*place, facecolor=FAINT, linewidth=0))
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(kinds), 0)
        axes.set_xticks(np.arange(len(columns)) + 0.5, [rate(value) for value in columns])
        axes.set_yticks(np.arange(len(kinds)) + 0.5, kinds, parse_math=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("rate asked for (share hidden)")
    return figure


def curves(view: View) -> Figure:
    """Mean difference over the rate really hidden with 95 % bands, one panel for each kind of mask."""
    kinds = list(dict.fromkeys(view.arms["kind"]))
    across = 2 if len(kinds) in (2, 4) else min(3, len(kinds))
    down = -(-len(kinds) // across)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 0.5 + 1.7 * down), layout="constrained")
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(kinds) :]:
            axes.set_visible(False)
        for axes, kind in zip(grid.flat, kinds, strict=False):
            axes.set_title(kind, fontsize=9, loc="left", parse_math=False)
            _zero(axes, view, vertical=False)
            _curve(axes, view, view.arms[view.arms["kind"] == kind])
        figure.supxlabel("share really hidden", fontsize=9, color=MUTED)
        figure.supylabel(f"{_axis_label(view)}", fontsize=9, color=MUTED)
    return figure


def to_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """The figure as an inline SVG element with an accessible name; same figure, same text.

    `name` makes its ids unique on the page; letters and digits only.
    """
    written = io.StringIO()
    plain = {"Creator": None, "Date": None, "Format": None, "Type": None}
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser brings the glyphs; that matplotlib's own font lacks one does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(written, format="svg", metadata=plain)
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :].strip().replace("xlink:href", "href")
    svg = re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    head = f'<title id="{name}-title">{escape(title)}</title>'
    head += f'<desc id="{name}-desc">{escape(description)}</desc>'
    names = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg {names} \g<1>>{{}}", svg, count=1)
    return svg.replace("{}", head, 1)


def _axis_label(view: View) -> str:
    unit = f" ({view.scale.unit})" if view.scale.unit else ""
    return f"gain in test {view.answer['metric']}{unit}"


def _zero(axes: Axes, view: View, *, vertical: bool) -> None:
    """The line of no difference, and the band of differences too small to matter."""
    bound = float(view.answer["smallest_effect"]) * view.scale.factor
    line, span = (axes.axvline, axes.axvspan) if vertical else (axes.axhline, axes.axhspan)
    if np.isfinite(bound):
        span(-bound, bound, color=FAINT, alpha=0.6, linewidth=0)
    line(0, color=MUTED, linewidth=1)


def _marked(view: View, arm: str) -> str:
    """The arm's name, with a mark where validation chose it (▸) or test likes it best (☆)."""
    chosen = "▸ " if view.answer["arm"] == arm else ""
    best = "☆ " if view.answer["best_on_test"] == arm else ""
    return f"{chosen}{best}{arm}"


def _colour(row: Row) -> str:
    return {"helps": HELPS, "hurts": HURTS}.get(row["verdict"], INK)


def _forest_row(axes: Axes, view: View, row: Row, place: int) -> None:
    factor = view.scale.factor
    dots = np.asarray(view.dots.get(row["arm"], []), dtype=float) * factor
    below = np.full(len(dots), place + 0.26)
    axes.plot(dots, below, "o", color=MUTED, alpha=0.6, markersize=2.6, mew=0)
    colour = _colour(row)
    ends = [row["ci_low"] * factor, row["ci_high"] * factor]
    axes.plot(ends, [place, place], "-", color=colour, linewidth=1.6)
    face = "none" if row["verdict"] == "unsettled" else colour
    mean = row["mean_difference"] * factor
    axes.plot([mean], [place], "o", color=colour, markerfacecolor=face, markersize=5.5)


def _primary_row(axes: Axes, view: View) -> None:
    """The leave-one-seed-out estimate and its interval as a diamond."""
    answer, factor = view.answer, view.scale.factor
    colour = _colour(answer)
    ends = [answer["ci_low"] * factor, answer["ci_high"] * factor]
    axes.plot(ends, [0, 0], "-", color=colour, linewidth=2.6)
    axes.plot([answer["estimate"] * factor], [0], "D", color=colour, markersize=7)


def _tile(x: float, y: float, **look: Any) -> Rectangle:
    return Rectangle((x + 0.02, y + 0.04), 0.96, 0.92, **look)


def _heat_cell(axes: Axes, view: View, row: Row, place: tuple[int, int]) -> None:
    """One arm's cell: colour by sign and size, its number and n, and its marks."""
    x, y = place
    mean = row["mean_difference"]
    # Opacity instead of lightness: zero is the page's own colour, in light and in dark.
    extreme = float(view.arms["mean_difference"].abs().max()) or 1.0
    colour = HELPS if mean > 0 else HURTS
    axes.add_patch(_tile(x, y, facecolor=colour, alpha=0.65 * abs(mean) / extreme, linewidth=0))
    axes.add_patch(_tile(x, y, fill=False, edgecolor=LINE, linewidth=0.5))
    text = signed(mean * view.scale.factor, view.scale.decimals)
    if view.arms["rate"].nunique() <= WIDEST:
        axes.text(x + 0.5, y + 0.44, text, ha="center", va="center")
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
    for row, x, y in zip(records(arms), where, mean, strict=True):
        face = "none" if row["verdict"] == "unsettled" else HELPS
        axes.plot([x], [y], "o", color=HELPS, markerfacecolor=face, markersize=5)
