"""Every arm against its partner, in every measure: the exploratory table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from maskbench.comparison.inference import (
    Floats,
    adjusted,
    equivalence_p,
    sign_flip_p,
    t_interval,
    verdict,
)
from maskbench.comparison.measures import Measure

ARM = ["block", "data", "model", "arm", "mask", "rate", "fill"]

COLUMNS = [
    *ARM,
    "metric",
    "part",
    "n_pairs",
    "mean_difference",
    "sd",
    "ci_low",
    "ci_high",
    "p_value",
    "p_adjusted",
    "p_equal",
    "p_equal_adjusted",
    "smallest_effect",
    "verdict",
    "realised_rate",
    "extra_time",
]


def arm_effects(pairs: pd.DataFrame, measures: Sequence[Measure], smallest: Mapping[str, float]) -> pd.DataFrame:
    """One row for each arm and measure, over the pairs in use; COLUMNS says which numbers.

    Differences are in the metric's unit, positive where masking helped. `smallest` overrides
    the smallest worthwhile effect by metric name. p-values are adjusted by Benjamini-Hochberg
    over the arms of a block within one measure.
    """
    used = pairs[pairs["state"] == "used"]
    rows = [
        row
        for _, block in used.groupby("block", sort=False)
        for _, arm in block.groupby("arm", sort=False)
        for row in _arm_rows(arm, measures, smallest)
    ]
    effects = pd.DataFrame(rows, columns=COLUMNS).astype({"n_pairs": int})
    family = effects.groupby(["block", "part", "metric"], sort=False)
    for name in ("p_value", "p_equal"):
        target = "p_adjusted" if name == "p_value" else "p_equal_adjusted"
        effects[target] = family[name].transform(_benjamini_hochberg)
    numbers = zip(*(effects[c] for c in _JUDGED), strict=True)
    effects["verdict"] = [verdict(*number) for number in numbers]
    return effects


_JUDGED = ["mean_difference", "p_adjusted", "p_equal_adjusted", "n_pairs"]


def extra_time(pairs: pd.DataFrame) -> float:
    """Median extra training time of masked runs over their partners, as a share; NaN if unknown."""
    return float(pairs["time_ratio"].median() - 1)


def smallest_effect(measure: Measure, pairs: pd.DataFrame, smallest: Mapping[str, float]) -> float:
    """The smallest worthwhile effect in the measure's unit.

    Where it is a share, it is one of the partners' mean; of their test mean where the measure
    is a gap, because a share of a gap near zero means nothing.
    """
    size = smallest.get(measure.metric.name, measure.metric.smallest_effect)
    if not measure.metric.relative:
        return size
    part = "test" if measure.part == "gap" else measure.part
    column = f"partner/{part}/{measure.metric.name}"
    return size * abs(float(pairs[column].mean())) if column in pairs else float("nan")


def _benjamini_hochberg(p_values: pd.Series[float]) -> Floats:
    return adjusted(np.asarray(p_values, dtype=np.float64), "fdr_bh")


def _arm_rows(
    pairs: pd.DataFrame, measures: Sequence[Measure], smallest: Mapping[str, float]
) -> Iterator[dict[str, object]]:
    """The effects of one arm, given its pairs in use, without adjustment and verdict."""
    first = pairs.iloc[0]
    shared = {name: first[name] for name in ARM}
    shared["realised_rate"] = pairs["realised_rate"].mean()
    shared["extra_time"] = extra_time(pairs)
    bounds = np.array([smallest_effect(m, pairs, smallest) for m in measures])
    differences = pairs[[f"difference/{m.column}" for m in measures]].to_numpy(dtype=float)
    for measure, numbers in zip(measures, summaries(differences, bounds), strict=True):
        if numbers["n_pairs"]:
            yield {**shared, "metric": measure.metric.name, "part": measure.part, **numbers}


def summaries(differences: Floats, bounds: Floats) -> list[dict[str, float]]:
    """The numbers about each column of `differences` (n, m), over its finite rows; bounds (m,)."""
    found: list[dict[str, float]] = [{} for _ in bounds]
    present = np.isfinite(differences)
    # Columns that lack the same rows are computed together: there are few such patterns.
    for pattern in np.unique(present, axis=1).T:
        columns = np.flatnonzero((present == pattern[:, None]).all(axis=0))
        block = _summary(differences[np.ix_(pattern, columns)], bounds[columns])
        for place, column in enumerate(columns):
            found[column] = {name: cast("float", values[place]) for name, values in block.items()}
    return found


def _summary(values: Floats, bounds: Floats) -> dict[str, Floats]:
    """Mean, spread, interval and p-values of each column of complete `values` (n, m)."""
    n, columns = values.shape
    nothing = np.full(columns, np.nan)
    if n == 0:
        return {"n_pairs": np.zeros(columns, dtype=int).astype(float)}
    low, high = t_interval(values)
    return {
        "n_pairs": np.full(columns, n, dtype=float),
        "mean_difference": values.mean(axis=0),
        "sd": values.std(axis=0, ddof=1) if n > 1 else nothing,
        "ci_low": low,
        "ci_high": high,
        "p_value": sign_flip_p(values),
        "p_equal": equivalence_p(values, bounds),
        "smallest_effect": bounds,
    }
