"""Lines over epochs and over test rates, of the chosen arm beside its partner."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from maskbench.report.curves import Band, Beside, Rates
from maskbench.report.figures.style import HELPS, INK, MUTED, empty, heat_axes, panels, shades, styled
from maskbench.report.views import View
from maskbench.report.words import rate

TALL = 20.0
"""Ratio of the largest to the smallest loss above which a logarithmic axis shows the late epochs better."""


def robustness(view: View, lines: Mapping[str, Beside]) -> Figure:
    """The metric over the test rate for the chosen arm and its partner, one panel for each corruption."""
    with styled():
        figure, grid = panels(len(lines), 2.1, sharey=True)
        for axes, (name, beside) in zip(grid, lines.items(), strict=True):
            axes.set_title(name, fontsize=9, loc="left", parse_math=False)
            _both(axes, beside, view.scale.factor)
        _legend(figure, grid[0], view, min(beside.n for beside in lines.values()))
        figure.supxlabel("share of the test input corrupted (%)", fontsize=9, color=MUTED)
        unit = " (%)" if view.scale.factor != 1 else ""
        figure.supylabel(f"test {view.answer['metric']}{unit}", fontsize=9, color=MUTED)
    return figure


def learning(view: View, lines: Mapping[str, Beside]) -> Figure:
    """Training and validation loss over the epochs for the chosen arm and its partner."""
    with styled():
        figure, grid = panels(len(lines), 2.1)
        for axes, (name, beside) in zip(grid, lines.items(), strict=True):
            axes.set_title(name, fontsize=9, loc="left", parse_math=False)
            _both(axes, beside, 1.0)
            values = np.concatenate([beside.masked.mean, beside.partner.mean])
            if values.min() > 0 and values.max() / values.min() > TALL:
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
                axes.minorticks_off()
                axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        _legend(figure, grid[0], view, min(beside.n for beside in lines.values()))
        figure.supxlabel("epoch", fontsize=9, color=MUTED)
        figure.supylabel("loss (nats or squared error)", fontsize=9, color=MUTED)
    return figure


def rate_matrix(view: View, tables: Mapping[str, Rates]) -> Figure:
    """Mean paired differences by training rate (rows) and test rate (columns), one panel for each corruption."""
    rows = max(len(table.rates) for table in tables.values())
    extreme = max(float(np.nanmax(np.abs(table.means))) for table in tables.values()) or 1.0
    with styled():
        figure, grid = empty(len(tables), 1, height=0.3 + (0.75 + 0.3 * rows) * len(tables))
        for axes, (name, table) in zip(grid[:, 0], tables.items(), strict=True):
            axes.set_title(f"test inputs: {name}", fontsize=9, loc="left", parse_math=False)
            cells = [((x, y), mean) for (y, x), mean in np.ndenumerate(table.means) if np.isfinite(mean)]
            shades(axes, cells, extreme)
            for (x, y), mean in cells:
                text = view.scale.signed(mean)
                axes.text(x + 0.5, y + 0.54, text, ha="center", va="center", fontsize=8)
            names = [f"{rate(value)}  (n {n})" for value, n in zip(table.rates, table.n, strict=True)]
            heat_axes(axes, [f"{step} %" for step in table.steps], names)
            axes.set_ylabel("training rate")
        figure.supxlabel("test rate", fontsize=9, color=MUTED)
    return figure


def _both(axes: Axes, beside: Beside, factor: float) -> None:
    for band, colour, style in ((beside.partner, MUTED, "--"), (beside.masked, HELPS, "-")):
        _line(axes, band, factor, colour, style)


def _line(axes: Axes, band: Band, factor: float, colour: str, style: str) -> None:
    axes.fill_between(band.steps, band.low * factor, band.high * factor, color=colour, alpha=0.18, linewidth=0)
    axes.plot(band.steps, band.mean * factor, style, color=colour, linewidth=1.5)
    axes.tick_params(axis="y", labelcolor=MUTED)


def _legend(figure: Figure, axes: Axes, view: View, n: int) -> None:
    """Names the two lines; a legend takes no text that might be read as maths, so the names are set by hand."""
    partner, masked = (line for line in axes.lines[:2])
    legend = figure.legend([masked, partner], ["", ""], loc="outside upper left", ncols=2, fontsize=8)
    for text, name in zip(
        legend.get_texts(), (f"{view.answer['arm']} (n {n})", f"without a mask (n {n})"), strict=True
    ):
        text.set_parse_math(False)
        text.set_text(str(name))
        text.set_color(INK)
