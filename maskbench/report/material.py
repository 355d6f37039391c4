"""What every section of a report is made from, gathered once."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from maskbench.comparison import Comparison
from maskbench.report.anchors import Anchors, anchors
from maskbench.report.curves import Curves
from maskbench.report.pieces import About
from maskbench.report.views import View, views
from maskbench.report.words import Row


@dataclass(frozen=True)
class Material:
    """A comparison, what is known about its study, its curves, and a view of each block."""

    comparison: Comparison
    about: About
    curves: Curves
    anchors: Anchors
    views: list[View]

    def linked(self, rows: list[Row]) -> list[Row]:
        """`rows` of blocks and arms, each with the `anchor` of the runs behind it."""
        return [{**row, "anchor": self.anchors.arm(row["block"], row["arm"])} for row in rows]

    def scaled(self, rows: list[Row]) -> list[Row]:
        """`rows` of blocks, each with the `smallest_effect` of its block's answer, which says how to write it."""
        answers = self.comparison.answers
        sizes = dict(zip(answers["block"], answers["smallest_effect"], strict=True))
        return [{**row, "smallest_effect": sizes.get(row["block"], float("nan"))} for row in rows]


def gather(comparison: Comparison, about: About, curves: pd.DataFrame | None = None) -> Material:
    """The material of a report; `curves` is a long table as the tracker gives it."""
    places = anchors(comparison.runs)
    metrics = {str(name) for name in comparison.answers["metric"]}
    return Material(comparison, about, Curves(curves, metrics), places, views(comparison, places))
