"""Figures that are drawn once for each block: what they are called, how they are read, how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maskbench.report import figures
from maskbench.report.material import Material
from maskbench.report.pieces import Picture, Piece, Text
from maskbench.report.views import View, strongest
from maskbench.report.words import headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = {"arm": 40, "kind": 24}
"""Arms and kinds of mask in a figure."""


@dataclass(frozen=True)
class Most:
    """How many blocks get a figure: at most `blocks`, and as many as have `arms` arms in all; at least one."""

    blocks: int
    arms: int


MANY, FEW = Most(12, 120), Most(6, 60)
"""For the figures of the answer, and for those of its background; the tables hold all blocks."""

Drawing = Callable[[View, Material], "Figure | None"]


@dataclass(frozen=True)
class Plot:
    """A kind of figure, drawn once for each block that has what it needs."""

    name: str
    title: str
    caption: str
    column: str
    """What is counted, `arm` or `kind`, where there is more than MOST of it."""
    draw: Drawing
    most: Most = FEW

    def __call__(self, material: Material) -> Iterator[Piece]:
        """How to read the figures, then one for each block; nothing where there is nothing to draw."""
        shown = self._shown(material.views)
        found = [piece for place, view in enumerate(shown) for piece in self._picture(material, view, place)]
        if not found:
            return
        yield Text(self.caption)
        yield from found
        if len(material.views) > len(shown):
            yield Text(f"Drawn: the first {len(shown)} of {len(material.views)} blocks; the tables hold all.")

    def _shown(self, found: list[View]) -> list[View]:
        arms = np.cumsum([min(view.total, MOST["arm"]) for view in found[: self.most.blocks]])
        return found[: max(1, int((arms <= self.most.arms).sum()))]

    def _picture(self, material: Material, view: View, place: int) -> Iterator[Piece]:
        drawn = strongest(view, MOST[self.column], self.column)
        figure = self.draw(drawn, material)
        if figure is not None:
            cut = len(drawn.arms) < view.total
            note = f"Drawn: {len(drawn.arms)} of {view.total} masks, the best on validation." if cut else ""
            title = f"{self.title}, {view.answer['block']}"
            yield Picture(f"{self.name}{place + 1}", figure, title, headline(view.answer), note)


def _gaps(view: View, material: Material) -> Figure | None:
    return figures.gaps(view) if view.arms[["gap", "ece"]].notna().any(axis=None) else None


def _robustness(view: View, material: Material) -> Figure | None:
    lines = material.curves.robustness(view)
    return figures.robustness(view, lines) if lines else None


def _matrix(view: View, material: Material) -> Figure | None:
    tables = material.curves.rates(view)
    return figures.rate_matrix(view, tables) if tables else None


def _learning(view: View, material: Material) -> Figure | None:
    lines = material.curves.losses(view)
    return figures.learning(view, lines) if lines else None


def _front(view: View, material: Material) -> Figure | None:
    return figures.cost_front(view) if view.arms["extra_time"].notna().any() else None


FOREST = Plot(
    "forest",
    "Paired differences",
    "Small dots are seeds, the circle is their mean, the bar its 95 % interval; a filled circle is settled. The "
    "diamond is the primary estimate, the grey band too small to matter. ▸ chosen on validation, ☆ best on test.",
    "arm",
    lambda view, _: figures.forest(view),
    MANY,
)

HEATMAP = Plot(
    "heatmap",
    "Differences by rate",
    "Mean test difference for each mask and rate. Colour: better (blue) or worse (orange) than without a mask, "
    "stronger for larger differences. ▲ helps, ▼ hurts, ■ equal; no mark: unsettled. Solid frame: chosen on "
    "validation. Dotted frame: best on test. Grey: no run.",
    "kind",
    lambda view, _: figures.heatmap(view),
    MANY,
)

CURVE = Plot(
    "curve",
    "Difference over the rate",
    "Mean test difference over the share really hidden, with 95 % intervals (single ones, not for the whole "
    "curve); filled circles are settled. Above the line: better than without.",
    "kind",
    lambda view, _: figures.curves(view),
    MANY,
)

GAPS = Plot(
    "gap",
    "Overfitting and calibration",
    "Left: how much smaller masking made the gap between training and test results. Right: how much smaller the "
    "expected calibration error on test got. Right of the line is better; bars are 95 % intervals of one mask each. "
    "A smaller gap alone is no gain: a mask that only spoils training closes it too.",
    "arm",
    _gaps,
)

ROBUSTNESS = Plot(
    "robust",
    "Corrupted test inputs",
    "Test results of the chosen mask (solid, blue) and of training without one (dashed) while more and more of each "
    "test input is corrupted, the same way for every run. Bands are 95 % intervals of each line over the seeds; runs "
    "are paired, so lines can differ reliably although bands overlap.",
    "arm",
    _robustness,
)

MATRIX = Plot(
    "matrix",
    "Training rate × test rate",
    "Mean paired test difference to training without a mask, by the rate trained with (rows; kind of the chosen "
    "mask) and the share of the test input corrupted (columns; 0 % is clean). Blue is better, orange worse.",
    "arm",
    _matrix,
)

LEARNING = Plot(
    "learning",
    "Learning curves",
    "Mean loss over the seeds with 95 % bands, as far as at least half of the seeds trained; the chosen mask "
    "(solid, blue) and training without one (dashed). The training loss is measured on masked inputs where there "
    "is a mask, so the two training lines are not comparable in height.",
    "arm",
    _learning,
)

COST = Plot(
    "cost",
    "Gain for time",
    "Mean test difference over extra training time; bars are 95 % intervals, the filled circle is the chosen mask. "
    "The blue steps join the masks that no cheaper one beats. They are picked by their test result, so they flatter.",
    "arm",
    _front,
)
