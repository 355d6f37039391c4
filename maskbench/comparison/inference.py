"""Numbers about the mean of few paired differences: interval, p-values, adjustment, verdict."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Verdict = Literal["helps", "hurts", "equal", "unsettled"]

ONE_SIDED = 0.025
"""What every verdict must reach on one side after adjustment; two-sided p-values: twice that."""

CONFIDENCE = 1 - 2 * ONE_SIDED
MIN_PAIRS = 6
"""Below this many pairs a sign-flip test cannot reach ONE_SIDED, so nothing is settled."""

EXACT_UP_TO = 16
"""Most pairs for which all sign flips are counted (2^16); above, the t test takes over."""


def t_interval(differences: Floats) -> tuple[Floats, Floats]:
    """The 95 % paired t interval of each column's mean; differences (n, m), bounds (m,).

    NaN below two pairs, and where all differences are equal: no spread says nothing of the error.
    """
    n = len(differences)
    error = _standard_error(differences)
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) * error if n > 1 else error
    mean = differences.mean(axis=0)
    return mean - reach, mean + reach


def equivalence_p(differences: Floats, bound: Floats) -> Floats:
    """P of two one-sided t tests that each mean lies within ± `bound`; (n, m) and (m,) to (m,)."""
    n = len(differences)
    error = _standard_error(differences)
    if n < 2:
        return error
    mean = differences.mean(axis=0)
    return np.asarray(stats.t.sf((bound - np.abs(mean)) / error, n - 1), dtype=float)


def sign_flip_p(differences: Floats) -> Floats:
    """Two-sided p of each column's mean over all sign flips of its n rows; (n, m) to (m,).

    Exact up to EXACT_UP_TO rows, the paired t test above. One row gives 1.
    """
    n = len(differences)
    if n > EXACT_UP_TO:
        return _t_p(differences)
    return np.array([_share_as_extreme(column) for column in differences.T])


def paired_t_p(differences: Floats) -> Floats:
    """Two-sided p of the paired t test of each column, never below what sign flips could reach; (n, m) to (m,).

    Coarse metrics tie: five differences of one item and one of two have hardly any spread, which proves nothing.
    """
    return np.maximum(_t_p(differences), 2.0 ** (1 - len(differences)))


def adjusted(p_values: Floats, method: Literal["holm", "fdr_bh"]) -> Floats:
    """p-values adjusted for their number; a NaN stays one and counts as 1, so it shrinks no family."""
    missing = np.isnan(p_values)
    if missing.all():
        return p_values
    counted = np.where(missing, 1.0, p_values)
    corrected = _holm(counted) if method == "holm" else stats.false_discovery_control(counted)
    return np.where(missing, np.nan, corrected)


def verdict(mean: float, p: float, p_equal: float, n: int) -> Verdict:
    """The word for a mean improvement, from its adjusted two-sided p and adjusted equivalence p.

    Below MIN_PAIRS everything is unsettled. An effect that is surely there and surely smaller
    than the smallest worthwhile one is `equal`: it is not worth having.
    """
    if n < MIN_PAIRS:
        return "unsettled"
    if p_equal <= ONE_SIDED:
        return "equal"
    if p <= 2 * ONE_SIDED and mean != 0:
        return "helps" if mean > 0 else "hurts"
    return "unsettled"


def pairs_needed(comparisons: int) -> int:
    """Fewest pairs whose smallest sign-flip p survives Holm over `comparisons`."""
    n = MIN_PAIRS
    while 2.0 ** (1 - n) * comparisons > 2 * ONE_SIDED:
        n += 1
    return n


def _holm(p_values: Floats) -> Floats:
    """Holm's adjustment; statsmodels' own collects garbage at every call, 50 ms in a large session."""
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _standard_error(differences: Floats) -> Floats:
    """Standard error of each column's mean, NaN where it has no spread beyond rounding."""
    n, columns = differences.shape
    if n < 2:
        return np.full(columns, np.nan)
    spread = differences.std(axis=0, ddof=1)
    rounding = 1e-9 * np.abs(differences).max(axis=0)
    return np.asarray(np.where(spread > rounding, spread, np.nan) / np.sqrt(n), dtype=float)


def _t_p(differences: Floats) -> Floats:
    """Two-sided p of the paired t test; 1 where every difference is 0, 0 where all are the same."""
    n = len(differences)
    mean, error = differences.mean(axis=0), _standard_error(differences)
    p = 2 * np.asarray(stats.t.sf(np.abs(mean) / error, n - 1), dtype=float)
    return np.where(np.isnan(error), np.where(mean == 0, 1.0, 2.0 ** (1 - n)), p)


def _share_as_extreme(values: Floats) -> float:
    """The share of all sign flips of `values` whose |sum| is at least the unflipped one.

    The sums of the first and of the second half are counted against each other: 2^8 instead of 2^16 of them. The
    mirror image of a flip has the same |sum|, so the first sign stays.
    """
    limit = float(np.abs(values.sum()) - 1e-9 * np.abs(values).sum())
    if limit <= 0:
        return 1.0
    half = (len(values) + 1) // 2
    first, second = _half_flips(half) @ values[:half], np.sort(all_flips(len(values) - half) @ values[half:])
    above = len(second) - np.searchsorted(second, limit - first, side="left")
    below = np.searchsorted(second, -limit - first, side="right")
    return float((above + below).sum() / (len(first) * len(second)))


@lru_cache
def _half_flips(n: int) -> Floats:
    """The 2^(n-1) sign patterns of n rows whose first sign is +, (2^(n-1), n)."""
    return all_flips(n)[: 2 ** (n - 1)]


@lru_cache
def all_flips(n: int) -> Floats:
    """All 2^n patterns of signs over n rows, the unflipped one first; (2^n, n) of ±1."""
    numbers = np.arange(2**n)[:, None]
    return np.asarray(1 - 2 * (numbers >> np.arange(n)[::-1] & 1), dtype=float)
