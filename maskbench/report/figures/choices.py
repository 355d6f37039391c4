"""What choosing, paying and waiting are worth: the selection dumbbell, the cost front and the power strip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from maskbench.report.figures.style import FAINT, HELPS, INK, LINE, MUTED, empty, rows_down, styled, zero
from maskbench.report.tables import records
from maskbench.report.views import View
from maskbench.report.words import Row, Scale, signed

NAMED = 8
"""Arms on the cost front that are named."""


def selection(rows: Sequence[Row], scale: Scale, axis: str) -> Figure:
    """By block: the mean of all arms, the one chosen on validation, and what the best on test shows."""
    marks = (
        ("mean_of_arms", "o", "none", "any mask, picked blindly"),
        ("estimate", "D", INK, "chosen on validation (honest)"),
        ("best_on_test_difference", "*", HELPS, "best on test (flattering)"),
    )
    with styled():
        figure, ((axes,),) = empty(height=1.35 + 0.32 * len(rows))
        zero(axes, float("nan"), vertical=True)
        for place, row in enumerate(rows):
            values = [row[name] * scale.factor for name, *_ in marks]
            known = [value for value in values if np.isfinite(value)]
            axes.plot([min(known), max(known)], [place, place], "-", color=LINE, linewidth=2.5, zorder=1)
        for name, mark, face, label in marks:
            values = [row[name] * scale.factor for row in rows]
            colour = MUTED if face == "none" else face
            size = 9 if mark == "*" else 6
            look = {"color": colour, "markerfacecolor": face, "markersize": size, "label": label}
            axes.plot(values, range(len(rows)), mark, **look)
        rows_down(axes, [row["block"] for row in rows], [f"n {row['n_pairs']}" for row in rows])
        axes.set_xlabel(f"{axis}; right is better")
        figure.legend(loc="outside upper left", ncols=3, fontsize=7.5, handletextpad=0.2, columnspacing=1.0)
    return figure


def cost_front(view: View) -> Figure:
    """Test difference over extra training time by arm; the arms that no cheaper one beats are joined."""
    rows = sorted(records(view.arms.dropna(subset=["extra_time"])), key=lambda row: (row["extra_time"], row["arm"]))
    points = [(row["extra_time"] * 100, row["mean_difference"] * view.scale.factor) for row in rows]
    steps = _front([*points, (0.0, 0.0)])
    with styled():
        figure, ((axes,),) = empty(height=3.0)
        zero(axes, view.bound, vertical=False)
        factor = view.scale.factor
        low, high = ([row[end] * factor for row in rows] for end in ("ci_low", "ci_high"))
        axes.vlines([x for x, _ in points], low, high, colors=LINE, linewidth=1)
        faces = [INK if row["arm"] == view.answer["arm"] else "none" for row in rows]
        axes.scatter(*zip(*points, strict=True), s=24, facecolors=faces, edgecolors=INK, zorder=3)
        axes.plot([0], [0], "s", color=MUTED, markersize=6)
        axes.annotate("no mask", (0, 0), (4, -9), textcoords="offset points", fontsize=7.5, color=MUTED)
        axes.step(*zip(*steps, strict=True), where="post", color=HELPS, linewidth=1.2, zorder=1)
        for row, point in zip(rows, points, strict=True):
            chosen = row["arm"] == view.answer["arm"]
            if chosen or (point in steps[-NAMED:] and point[1] > 0):
                right = 2 * point[0] > max(x for x, _ in points) + min(0.0, *(x for x, _ in points), 0.0)
                shift, side = (-5 if right else 5, -9 if chosen else 3), "right" if right else "left"
                look = {"textcoords": "offset points", "fontsize": 7.5, "parse_math": False, "ha": side}
                axes.annotate(view.marked(row["arm"]), point, shift, **look)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{signed(value, 0)} %"))
        axes.tick_params(axis="y", labelcolor=MUTED)
        axes.set_xlabel("extra training time, pairs on the same hardware")
        axes.set_ylabel(view.axis)
    return figure


def power_strip(rows: Sequence[Row], scale: Scale, axis: str) -> Figure:
    """By block: the effect that the seeds so far could detect, against the smallest one worth having."""
    with styled():
        figure, ((axes,),) = empty(height=1.2 + 0.32 * len(rows))
        top = max((row["detectable_effect"] for row in rows if np.isfinite(row["detectable_effect"])), default=0.0)
        for place, row in enumerate(rows):
            worth, found = row["smallest_effect"] * scale.factor, row["detectable_effect"] * scale.factor
            axes.barh(place, worth, height=0.5, color=FAINT, linewidth=0)
            axes.plot([worth, worth], [place - 0.25, place + 0.25], "-", color=MUTED, linewidth=1.4)
            if np.isfinite(found):
                axes.plot([0, found], [place, place], "-", color=LINE, linewidth=2.5, zorder=1)
                face = HELPS if found <= worth else "none"
                axes.plot([found], [place], "o", color=HELPS, markerfacecolor=face, markersize=6)
        notes = [f"n {row['n_pairs']}{_wanted(row)}" for row in rows]
        rows_down(axes, [row["block"] for row in rows], notes)
        axes.set_xlim(0, max(top, *(row["smallest_effect"] for row in rows)) * scale.factor * 1.08 or 1.0)
        axes.set_xlabel(f"detectable effect, {axis}; left is better")
    return figure


def _front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of `points` (time, gain) that gain more than every cheaper one."""
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def _wanted(row: Row) -> str:
    needed = row["seeds_needed"]
    return f" → {needed:,.0f}" if np.isfinite(needed) and needed > row["n_pairs"] else ""
