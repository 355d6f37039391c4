"""Curves of runs, as a tracker logs them, made into means with bands for the chosen arm and its partner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from maskbench.records import METRICS
from maskbench.report.views import View

Floats = NDArray[np.float64]
COLUMNS = ["run_id", "curve", "step", "value"]

LOSSES = {"loss/train": "training loss", "loss/val": "validation loss"}


@dataclass(frozen=True)
class Band:
    """Mean over seeds and its 95 % t interval at each step; all (steps,), in the metric's unit."""

    steps: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Beside:
    """The chosen arm and its partner over the same `n` seeds."""

    masked: Band
    partner: Band
    n: int


@dataclass(frozen=True)
class Rates:
    """Mean paired differences, positive where masking helped, by training rate (rows) and test rate (columns)."""

    rates: list[float]
    n: list[int]
    steps: list[int]
    means: Floats


class Curves:
    """The curves of a study, by name and then by run."""

    def __init__(self, table: pd.DataFrame | None, metrics: set[str]) -> None:
        """Keeps of a long `table` (COLUMNS) the losses and the `curve/…` of `metrics`; the last value counts."""
        self._wide: dict[str, pd.DataFrame] = {}
        if table is None or table.empty:
            return
        for name, rows in table.groupby("curve", sort=True):
            metric = str(name).rpartition("/")[2]
            if name in LOSSES or (str(name).startswith("curve/") and metric in metrics):
                rows = rows.drop_duplicates(["run_id", "step"], keep="last")
                wide = rows.pivot(index="run_id", columns="step", values="value")
                self._wide[str(name)] = wide.set_index(wide.index.astype(object))

    def losses(self, view: View) -> dict[str, Beside]:
        """Training and validation loss by epoch."""
        found = {title: self._beside(name, view) for name, title in LOSSES.items()}
        return {title: beside for title, beside in found.items() if beside}

    def robustness(self, view: View) -> dict[str, Beside]:
        """The primary metric by test rate, for each corruption."""
        found = {title: self._beside(name, view) for title, name in self._corruptions(view)}
        return {title: beside for title, beside in found.items() if beside}

    def rates(self, view: View) -> dict[str, Rates]:
        """Differences by training and test rate of the chosen kind of mask, for each corruption."""
        chosen = view.arms.loc[view.arms["arm"] == view.answer["arm"], "kind"]
        arms = view.arms[view.arms["kind"].isin(chosen) & view.arms["rate"].notna()].sort_values("rate")
        found = {title: self._rates(name, view, arms) for title, name in self._corruptions(view)}
        return {title: table for title, table in found.items() if table}

    def _corruptions(self, view: View) -> Iterator[tuple[str, str]]:
        for name in self._wide:
            if name.startswith("curve/") and name.endswith(f"/{view.answer['metric']}"):
                yield name.removeprefix("curve/").rpartition("/")[0], name

    def _beside(self, name: str, view: View) -> Beside | None:
        """Both lines over the seeds that have both; None where no seed has."""
        both = self._pairs(name, view, str(view.answer["arm"]))
        if both is None:
            return None
        return Beside(_band(both[0]), _band(both[1]), len(both[0]))

    def _pairs(self, name: str, view: View, arm: str) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """The curves of an arm and of its partners, one row a pair that has both."""
        wide = self._wide.get(name)
        if wide is None:
            return None
        pairs = view.pairs[view.pairs["arm"] == arm]
        masked, partner = (
            wide.index.get_indexer(pd.Index(pairs[c], dtype=object)) for c in ("run_id", "partner_run_id")
        )
        there = (masked >= 0) & (partner >= 0)
        if not there.any():
            return None
        both = wide.iloc[masked[there]], wide.iloc[partner[there]]
        shared = both[0].notna().any() & both[1].notna().any()
        return (both[0].loc[:, shared], both[1].loc[:, shared]) if shared.any() else None

    def _rates(self, name: str, view: View, arms: pd.DataFrame) -> Rates | None:
        sign = METRICS[view.answer["metric"]].sign
        rates, counts, rows = [], [], []
        for arm, rate in zip(arms["arm"], arms["rate"], strict=True):
            both = self._pairs(name, view, str(arm))
            if both is not None:
                difference = sign * (both[0].to_numpy() - both[1].to_numpy())
                rows.append(pd.Series(np.nanmean(difference, axis=0), index=both[0].columns))
                rates.append(float(rate))
                counts.append(len(difference))
        if not rows:
            return None
        means = pd.DataFrame(rows).sort_index(axis=1)
        return Rates(rates, counts, [int(step) for step in means.columns], means.to_numpy(dtype=float))


def under_trained(runs: pd.DataFrame) -> Iterator[tuple[str, str, int, int]]:
    """Block, arm, runs still improving at their last epoch, all runs; for arms where that is most of them."""
    if not {"fit/epochs", "fit/best_epoch"} <= set(runs.columns):
        return
    done = runs[(runs["state"] == "finished") & runs["fit/epochs"].notna() & runs["fit/best_epoch"].notna()]
    falling = done["fit/best_epoch"] >= done["fit/epochs"]
    for (block, arm), rows in falling.groupby([done["block"], done["arm"]], sort=True):
        if 2 * int(rows.sum()) > len(rows):
            yield str(block), str(arm), int(rows.sum()), len(rows)


def _band(values: pd.DataFrame) -> Band:
    """Over the seeds (rows) of each step, where at least half of them have a value: runs stop at different epochs."""
    n = values.notna().sum()
    values = values.loc[:, 2 * n >= len(values)]
    n = values.notna().sum()
    mean = values.mean().to_numpy(dtype=float)
    wide = stats.t.ppf(0.975, np.maximum(n - 1, 1)) * values.std(ddof=1) / np.sqrt(n)
    reach = np.where(n > 1, wide, np.nan).astype(float)
    return Band(values.columns.to_numpy(dtype=float), mean, mean - reach, mean + reach)
