"""Every arm against its partner, in every measure: the exploratory table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

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
    "nb_low",
    "nb_high",
    "p_value",
    "p_adjusted",
    "p_equal",
    "p_equal_adjusted",
    "smallest_effect",
    "verdict",
    "realised_rate",
    "extra_time",
]

SUMMARY = ("n_pairs", "mean_difference", "sd", "ci_low", "ci_high", "p_value", "p_equal", "smallest_effect")

if TYPE_CHECKING:
    Groups = pd.api.typing.DataFrameGroupBy[Any, Literal[True]]


def arm_effects(pairs: pd.DataFrame, measures: Sequence[Measure], smallest: Mapping[str, float]) -> pd.DataFrame:
    """One row for each arm and measure, over the pairs in use; COLUMNS says which numbers.

    Differences are in the metric's unit, positive where masking helped. `smallest` overrides
    the smallest worthwhile effect by metric name. p-values are adjusted by Benjamini-Hochberg
    over the arms of a block within one measure. `nb_low` and `nb_high` are Nadeau and Bengio's interval of a test
    result where splits were drawn anew for each seed, else NaN.
    """
    used = pairs[pairs["state"] == "used"]
    blocks = [_block_effects(block, measures, smallest) for _, block in used.groupby("block", sort=False)]
    effects = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=COLUMNS)
    effects = effects.reindex(columns=COLUMNS).astype({"n_pairs": int})
    family = effects.groupby(["block", "part", "metric"], sort=False)
    for name in ("p_value", "p_equal"):
        target = "p_adjusted" if name == "p_value" else "p_equal_adjusted"
        effects[target] = family[name].transform(_benjamini_hochberg).astype(float)
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
    column = _partner_column(measure)
    return size * abs(float(pairs[column].mean())) if column in pairs else float("nan")


def _partner_column(measure: Measure) -> str:
    """Where the partner's value stands of which `measure`'s smallest effect is a share."""
    part = "test" if measure.part == "gap" else measure.part
    return f"partner/{part}/{measure.metric.name}"


def split_ratios(pairs: pd.DataFrame, by: str) -> pd.Series[float]:
    """Test rows over training rows for each group of `pairs`; NaN where all share one split, or it is not known."""
    groups = pairs.assign(split=pairs["split"].replace("", None)).groupby(by, sort=False)
    return groups["test_share"].mean().where(groups["split"].nunique() > 1)


def resplit_interval(mean: Floats, low: Floats, n: Floats | int, ratio: Floats) -> tuple[Floats, Floats]:
    """Nadeau and Bengio's 95 % interval from the paired t interval's lower end; all (m,).

    Splits drawn from the same examples overlap, so their results are no independent draws: the variance of a mean is
    1/n + `ratio` of one difference's, `ratio` being test rows over training rows.
    """
    reach = (mean - low) * np.sqrt(1 + n * ratio)
    return mean - reach, mean + reach


def _benjamini_hochberg(p_values: pd.Series[float]) -> Floats:
    return adjusted(np.asarray(p_values, dtype=np.float64), "fdr_bh")


def _block_effects(pairs: pd.DataFrame, measures: Sequence[Measure], smallest: Mapping[str, float]) -> pd.DataFrame:
    """The effects of one block, given its pairs in use, without adjustment and verdict."""
    arms = pairs.groupby("arm", sort=False)
    shared = arms[[name for name in ARM if name != "arm"]].first().reset_index()[ARM]
    shared["realised_rate"] = arms["realised_rate"].mean().to_numpy()
    shared["extra_time"] = arms["time_ratio"].median().to_numpy() - 1
    ratios = split_ratios(pairs, "arm").to_numpy(dtype=float)
    seeds = pd.factorize(pairs["seed"])[0]
    table = np.full((seeds.max() + 1, len(shared), len(measures)), np.nan)
    table[seeds, arms.ngroup()] = pairs[[f"difference/{m.column}" for m in measures]]
    bounds = np.stack([_bounds(m, arms, smallest) for m in measures], axis=1).ravel()
    rows = pd.DataFrame(summaries(table.reshape(len(table), -1), bounds))
    on_test = np.array([m.part.split("/")[0] in ("test", "robust") for m in measures])
    ratio = np.where(on_test, ratios[:, None], np.nan).ravel()
    mean, low, n = (rows[name].to_numpy(dtype=float) for name in ("mean_difference", "ci_low", "n_pairs"))
    rows["nb_low"], rows["nb_high"] = resplit_interval(mean, low, n, ratio)
    rows["metric"] = [m.metric.name for m in measures] * len(shared)
    rows["part"] = [m.part for m in measures] * len(shared)
    repeated = shared.loc[shared.index.repeat(len(measures))].reset_index(drop=True)
    return pd.concat([repeated, rows], axis=1)[rows["n_pairs"] > 0]


def _bounds(measure: Measure, arms: Groups, smallest: Mapping[str, float]) -> Floats:
    """The smallest worthwhile effect of each arm; in its own partners' terms where it is a share."""
    size = smallest.get(measure.metric.name, measure.metric.smallest_effect)
    if not measure.metric.relative:
        return np.full(arms.ngroups, size)
    column = _partner_column(measure)
    if column not in arms.obj.columns:
        return np.full(arms.ngroups, np.nan)
    return np.asarray(size * arms[column].mean().abs(), dtype=float)


def summaries(differences: Floats, bounds: Floats) -> dict[str, Floats]:
    """The numbers about each column of `differences` (n, m), over its finite rows; bounds (m,)."""
    found = {name: np.full(len(bounds), np.nan) for name in SUMMARY}
    present = np.isfinite(differences)
    # Columns that lack the same rows are computed together: there are few such patterns.
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(which == number)
        for name, values in _summary(differences[np.ix_(pattern, columns)], bounds[columns]).items():
            found[name][columns] = values
    return found


def _summary(values: Floats, bounds: Floats) -> dict[str, Floats]:
    """Mean, spread, interval and p-values of each column of complete `values` (n, m); SUMMARY are the names."""
    n, columns = values.shape
    if n == 0:
        return {"n_pairs": np.zeros(columns)}
    low, high = t_interval(values)
    return {
        "n_pairs": np.full(columns, n, dtype=float),
        "mean_difference": values.mean(axis=0),
        "sd": values.std(axis=0, ddof=1) if n > 1 else np.full(columns, np.nan),
        "ci_low": low,
        "ci_high": high,
        "p_value": sign_flip_p(values),
        "p_equal": equivalence_p(values, bounds),
        "smallest_effect": bounds,
    }
