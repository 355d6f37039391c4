"""What the figures and tables of one block need, taken out of a comparison once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from maskbench.comparison import Comparison
from maskbench.records import METRICS
from maskbench.report.anchors import Anchors, anchors
from maskbench.report.tables import records
from maskbench.report.words import Row, Scale, row_scale, scale_of

CALIBRATION = "ece"


@dataclass(frozen=True)
class View:
    """One block: its answer, its arms in the primary metric, and each arm's paired differences.

    `arms` has one row an arm: the effect on test, `val`, `gap` and `ece` differences (the last two with `…_low` and
    `…_high`), and `kind`, the arm's name without its rate. `pairs` are the block's pairs in use; `dots` holds their
    test differences by arm, in the metric's unit, and `runs` the masked runs these came from.
    """

    answer: Row
    arms: pd.DataFrame
    pairs: pd.DataFrame
    dots: Mapping[str, list[float]]
    runs: Mapping[str, list[str]]
    anchors: Anchors
    total: int
    """Arms in the block, where `arms` may hold fewer."""

    @property
    def scale(self) -> Scale:
        """How differences of this block are written."""
        return row_scale(self.answer)

    @property
    def share(self) -> Scale:
        """How differences in calibration error are written."""
        return scale_of(METRICS[CALIBRATION], METRICS[CALIBRATION].smallest_effect)

    @property
    def bound(self) -> float:
        """The smallest effect worth having, as drawn."""
        return float(self.answer["smallest_effect"]) * self.scale.factor

    @property
    def axis(self) -> str:
        """The label of an axis of test differences."""
        return axis(self.answer)

    def marked(self, arm: str) -> str:
        """The arm's name, with a mark where validation chose it (▸) or test likes it best (☆)."""
        chosen = "▸ " if self.answer["arm"] == arm else ""
        best = "☆ " if self.answer["best_on_test"] == arm else ""
        return f"{chosen}{best}{arm}"

    def link(self, arm: str) -> str:
        """The id of an arm's runs on the page, or nothing."""
        return self.anchors.arm(str(self.answer["block"]), arm)

    def run_link(self, run: str) -> str:
        """The id of a run on the page, or nothing."""
        return self.anchors.runs.get(run, "")


def axis(row: Row) -> str:
    """The label of an axis of test differences in the metric of `row`."""
    unit = row_scale(row).unit
    return f"gain in test {row['metric']}{f' ({unit})' if unit else ''}"


def views(comparison: Comparison, places: Anchors | None = None) -> list[View]:
    """One view for each block with pairs in use, in the order of the answers."""
    places = places or anchors(comparison.runs)
    return list(_views(comparison, places))


def strongest(view: View, most: int, column: str) -> View:
    """`view` with at most `most` values of `column` (`arm` or `kind`), those with the best validation differences.

    Test results never choose, not even what is drawn; what looks best on test stays because every figure marks it.
    """
    arms = view.arms
    ranks = arms["val"].where(arms["arm"] != view.answer["best_on_test"], np.inf).groupby(arms[column]).max()
    keep = ranks.sort_values(ascending=False, kind="stable").index[:most]
    return replace(view, arms=arms[arms[column].isin(keep)])


def _views(comparison: Comparison, places: Anchors) -> Iterator[View]:
    effects = dict(list(comparison.effects.groupby("block", sort=False)))
    used = comparison.pairs[comparison.pairs["state"] == "used"]
    pairs = dict(list(used.groupby("block", sort=False)))
    for row in records(comparison.answers):
        if row["n_arms"]:
            yield _view(row, effects[row["block"]], pairs[row["block"]], places)


def _view(answer: Row, effects: pd.DataFrame, pairs: pd.DataFrame, places: Anchors) -> View:
    own = effects[effects["metric"] == answer["metric"]]
    arms = own[own["part"] == "test"].reset_index(drop=True)
    calibration = effects[(effects["metric"] == CALIBRATION) & (effects["part"] == "test")]
    parts = {"val": own[own["part"] == "val"], "gap": own[own["part"] == "gap"], "ece": calibration}
    for part, rows in parts.items():
        rows = rows.set_index("arm")
        arms[part] = arms["arm"].map(rows["mean_difference"]).astype(float)
        for end in ("low", "high"):
            arms[f"{part}_{end}"] = arms["arm"].map(rows[f"ci_{end}"]).astype(float)
    arms["kind"] = [_kind(row) for row in records(arms)]
    column = f"difference/test/{answer['metric']}"
    groups = list(pairs.groupby("arm", sort=False))
    dots = {str(arm): rows[column].tolist() for arm, rows in groups}
    runs = {str(arm): rows["run_id"].tolist() for arm, rows in groups}
    return View(answer, arms, pairs, dots, runs, places, len(arms))


def _kind(row: Row) -> str:
    """The arm's name without its rate: what the heatmap's rows and the curves are."""
    head = f"{row['mask']} {row['rate']:.12g}"
    return str(row["arm"]).replace(head, str(row["mask"]), 1)
