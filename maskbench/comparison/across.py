"""One effect over many data sets: random effects with the Hartung-Knapp interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, stats

from maskbench.comparison.inference import CONFIDENCE, Floats

COLUMNS = [
    *("model", "metric", "n_data", "mean", "ci_low", "ci_high", "tau2", "p_value", "prob_new"),
]


def pooled(answers: pd.DataFrame) -> pd.DataFrame:
    """One row for each model and metric with an estimate on two data sets or more.

    Data sets are the sample, seeds are not: each counts with its estimate and standard error. `mean` is the mean
    effect over data sets, `tau2` the variance of the true effects between them, `prob_new` the probability that
    masking helps on a new one. Settings that vary within a data set and model are part of `model`.
    """
    known = answers[answers["sd"] > 0].assign(model=model_labels)
    known = known.assign(error=known["sd"] / np.sqrt(known["n_pairs"]))
    rows = []
    for (model, metric), group in known.groupby(["model", "metric"], sort=False):
        if group["data"].nunique() < 2:
            continue
        numbers = random_effects(group["estimate"].to_numpy(dtype=float), group["error"].to_numpy(dtype=float))
        rows.append({"model": model, "metric": metric, "n_data": len(group), **numbers})
    return pd.DataFrame(rows, columns=COLUMNS)


def model_labels(rows: pd.DataFrame) -> pd.Series[str]:
    """The model of each row with the settings that set its block apart from others of the same data and model."""
    labels = [str(block).removeprefix(f"{data} · ") for block, data in zip(rows["block"], rows["data"], strict=True)]
    return pd.Series(labels, index=rows.index, dtype=object)


def random_effects(estimates: Floats, errors: Floats) -> dict[str, float]:
    """Mean, interval and spread of the true effects behind k `estimates` with standard `errors`.

    Between-variance by Paule and Mandel, for which the Hartung-Knapp factor is 1; where it is 0 the factor would be
    smaller, which the few data sets there are do not support, so it stays 1. All quantiles from t with k - 1.
    """
    tau2 = _between(estimates, errors)
    weights = 1 / (errors**2 + tau2)
    mean = float((weights * estimates).sum() / weights.sum())
    error = float(weights.sum() ** -0.5)
    freedom = len(estimates) - 1
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * error
    return {
        "mean": mean,
        "ci_low": mean - reach,
        "ci_high": mean + reach,
        "tau2": tau2,
        "p_value": float(2 * stats.t.sf(abs(mean) / error, freedom)),
        "prob_new": float(stats.t.cdf(mean / np.hypot(error, np.sqrt(tau2)), freedom)),
    }


def _between(estimates: Floats, errors: Floats) -> float:
    """The variance between true effects at which the weighted squares are as many as expected, k - 1, or 0."""

    def excess(tau2: float) -> float:
        weights = 1 / (errors**2 + tau2)
        mean = (weights * estimates).sum() / weights.sum()
        return float((weights * (estimates - mean) ** 2).sum()) - (len(estimates) - 1)

    if excess(0.0) <= 0:
        return 0.0
    most = float(np.var(estimates, ddof=1)) * len(estimates)
    return float(optimize.brentq(excess, 0.0, most, xtol=1e-12 * most))
