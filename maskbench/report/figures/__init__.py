"""The figures of a report: numbers in, matplotlib Figures out; nothing is written here."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from maskbench.report.figures.across import many_data, mean_ranks
from maskbench.report.figures.choices import cost_front, power_strip, selection
from maskbench.report.figures.effects import curves, forest, gaps, heatmap
from maskbench.report.figures.lines import learning, rate_matrix, robustness
from maskbench.report.figures.style import Drawn, draw

FromRows = Callable[[list[Any]], Figure]
"""Draws rows of a table."""

__all__ = [
    "Drawn",
    "Figure",
    "FromRows",
    "cost_front",
    "curves",
    "draw",
    "forest",
    "gaps",
    "heatmap",
    "learning",
    "many_data",
    "mean_ranks",
    "power_strip",
    "rate_matrix",
    "robustness",
    "selection",
]
