"""What the seeds there are could have found, and how many would settle the question."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from maskbench.comparison.inference import ONE_SIDED, Floats

POWER = 0.8

COLUMNS = [
    *("block", "data", "model", "metric", "arm", "verdict", "n_pairs", "sd", "smallest_effect"),
    *("detectable_effect", "seeds_needed", "seeds_more"),
]

NODES = 400
"""Points at which the distribution of the spread is averaged; scipy's noncentral t fails far from its mean."""


def power_table(answers: pd.DataFrame) -> pd.DataFrame:
    """One row for each answer: what its pairs can show with a chance of POWER, and how many would be enough.

    Paired t theory with the spread of the leave-one-seed-out differences, two-sided at 5 % over the number of
    answers, which is what Holm asks of its first. `detectable_effect` is in the metric's unit; `seeds_needed` is for
    the smallest worthwhile effect, never fewer than `pairs_needed`; NaN where no spread is known.
    """
    level = 2 * ONE_SIDED / max(1, len(answers))
    table = answers[[name for name in COLUMNS if name in answers]].copy()
    table["detectable_effect"] = [
        sd * detectable(int(n), level) if sd > 0 else float("nan")
        for sd, n in zip(answers["sd"], answers["n_pairs"], strict=True)
    ]
    table["seeds_needed"] = [
        float(max(least, pairs_for(effect / sd, level))) if sd > 0 and effect > 0 else float("nan")
        for sd, effect, least in zip(answers["sd"], answers["smallest_effect"], answers["pairs_needed"], strict=True)
    ]
    table["seeds_more"] = (table["seeds_needed"] - answers["n_pairs"]).clip(lower=0)
    return table[COLUMNS].reset_index(drop=True)


def power(effect: float, pairs: int, level: float) -> float:
    """The chance that a two-sided paired t test at `level` finds `effect`, in standard deviations of a difference."""
    limit = float(stats.t.isf(level / 2, pairs - 1))
    shift = abs(effect) * np.sqrt(pairs)
    points, weights = _nodes()
    spread = limit * np.sqrt(stats.chi2.ppf((1 + points) / 2, pairs - 1) / (pairs - 1))
    return float(weights @ (special.ndtr(shift - spread) + special.ndtr(-shift - spread)) / 2)


@lru_cache
def _nodes() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(NODES)


def detectable(pairs: int, level: float, chance: float = POWER) -> float:
    """The effect, in standard deviations of a difference, that is found with this chance; NaN below two pairs."""
    if pairs < 2:
        return float("nan")
    most = 1.0
    while power(most, pairs, level) < chance:
        most *= 2
    return float(optimize.brentq(lambda effect: power(effect, pairs, level) - chance, 0.0, most))


def pairs_for(effect: float, level: float) -> int:
    """The fewest pairs with which `effect`, in standard deviations of a difference, is found with POWER."""
    enough = 2
    while power(effect, enough, level) < POWER:
        enough *= 2
    fewer = enough // 2
    while enough - fewer > 1:
        middle = (enough + fewer) // 2
        fewer, enough = (fewer, middle) if power(effect, middle, level) >= POWER else (middle, enough)
    return enough
