"""What the figures and tables of one block need, taken out of a comparison once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from maskbench.comparison import Comparison
from maskbench.report.tables import records
from maskbench.report.words import Row, Scale, row_scale


@dataclass(frozen=True)
class View:
    """One block: its answer, its arms in the primary metric, and each arm's paired differences.

    `arms` has one row an arm: the effect on test, `val` and `gap` differences, and `kind`, the
    arm's name without its rate. `dots` holds the test differences by arm, in the metric's unit.
    """

    answer: Row
    arms: pd.DataFrame
    dots: Mapping[str, list[float]]
    total: int
    """Arms in the block, where `arms` may hold fewer."""

    @property
    def scale(self) -> Scale:
        """How differences of this block are written."""
        return row_scale(self.answer)


def views(comparison: Comparison) -> list[View]:
    """One view for each block with pairs in use, in the order of the answers."""
    return [_view(comparison, row) for row in records(comparison.answers) if row["n_arms"]]


def strongest(view: View, most: int, column: str) -> View:
    """`view` with at most `most` values of `column` (`arm` or `kind`), those with the best validation differences.

    Test results never choose, not even what is drawn; what looks best on test stays because every figure marks it.
    """
    arms = view.arms
    ranks = arms["val"].where(arms["arm"] != view.answer["best_on_test"], np.inf).groupby(arms[column]).max()
    keep = ranks.sort_values(ascending=False, kind="stable").index[:most]
    return replace(view, arms=arms[arms[column].isin(keep)])


def _view(comparison: Comparison, answer: Row) -> View:
    effects = comparison.effects
    own = effects[(effects["block"] == answer["block"]) & (effects["metric"] == answer["metric"])]
    arms = own[own["part"] == "test"].reset_index(drop=True)
    for part in ("val", "gap"):
        means = own[own["part"] == part].set_index("arm")["mean_difference"]
        arms[part] = arms["arm"].map(means).astype(float)
    arms["kind"] = [_kind(row) for row in records(arms)]
    pairs = comparison.pairs
    used = pairs[(pairs["block"] == answer["block"]) & (pairs["state"] == "used")]
    column = f"difference/test/{answer['metric']}"
    dots = {str(arm): rows[column].tolist() for arm, rows in used.groupby("arm", sort=False)}
    return View(answer, arms, dots, len(arms))


def _kind(row: Row) -> str:
    """The arm's name without its rate: what the heatmap's rows and the curves are."""
    head = f"{row['mask']} {row['rate']:.12g}"
    return str(row["arm"]).replace(head, str(row["mask"]), 1)
