"""Does the best mask help? Chosen on validation, estimated on test, each seed by the other seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbench.comparison.inference import ONE_SIDED, Floats, all_flips

EXACT_UP_TO = 12
"""Most seeds for which all 2^n flips are computed; above, RANDOM_FLIPS of them."""

RANDOM_FLIPS = 4096
FLIP_SEED = 20240607
"""Fixed, so that the same table gives the same p."""

STEPS = 12
"""Halvings of a bracket around a bound of the interval: to 1 / 4,096 of its width."""


@dataclass(frozen=True)
class Choice:
    """The leave-one-seed-out choice among the arms of a block and what it is worth on test.

    `arm` is the column chosen over all seeds, -1 where none can be. `differences` (S,) are the test differences of
    the arm that the other seeds chose for each seed, NaN where they could not choose. `p` is two-sided; `p_equal`
    is for an effect inside ± the smallest worthwhile one; `low` and `high` bound the 95 % interval.
    """

    arm: int
    differences: Floats
    p: float
    p_equal: float
    low: float
    high: float


@dataclass(frozen=True)
class _Seeds:
    """Paired differences, which are present, and which arm may be chosen for which seed; all (S, A)."""

    validation: Floats
    test: Floats
    present: NDArray[np.bool_]
    eligible: NDArray[np.bool_]
    others: Floats


def choose(validation: Floats, test: Floats, bound: float) -> Choice:
    """The primary test of one block on paired differences (S seeds, A arms), NaN where a pair is absent.

    p: each seed's whole row of validation and test differences is flipped in sign, and the choice and its mean
    repeated for every flip; which pairs are absent stays as it is, so seeds may be unequal. An arm can be chosen
    only with at least half of the seeds, and for a seed only if it has that seed. The interval holds every common
    shift of all differences that this test does not reject, and `p_equal` tests the shifts ± `bound`: t tests on
    the leave-one-seed-out differences would call up to 14 % of sweeps equal that are not.
    """
    seeds = _seeds(validation, test)
    differences = _leave_one_out(seeds, np.ones((1, len(validation))), 0.0)[:, 0]
    equal = low = high = float("nan")
    if np.isnan(differences).all():
        return Choice(_overall(seeds), differences, equal, equal, low, high)
    flips = flip_patterns(len(validation))
    above, below = _tails(seeds, flips, 0.0)
    # Without spread the noise is unknown, not zero: coarse metrics tie, and a tie is no proof of equality.
    if np.nanstd(differences) > 1e-9 * np.nanmax(np.abs(differences)):
        equal = max(_tails(seeds, flips, bound)[1], _tails(seeds, flips, -bound)[0])
        low, high = (_bound(seeds, flips, differences, side) for side in (-1, 1))
    return Choice(_overall(seeds), differences, min(1.0, 2 * min(above, below)), equal, low, high)


def flip_patterns(seeds: int) -> Floats:
    """Signs for each flip and seed, the unflipped pattern first: all 2^n, or a fixed random sample."""
    if seeds <= EXACT_UP_TO:
        return all_flips(seeds)
    generator = np.random.default_rng(FLIP_SEED)
    drawn = generator.integers(0, 2, size=(RANDOM_FLIPS - 1, seeds)) * 2.0 - 1
    return np.vstack([np.ones((1, seeds)), drawn])


def _seeds(validation: Floats, test: Floats) -> _Seeds:
    present = np.isfinite(validation) & np.isfinite(test)
    seeds, arms = present.shape
    others = (present.sum(axis=0) - present).astype(float)
    # One arm needs no choosing, so its only seed may stand alone.
    informed = (others >= 1) | (arms == 1)
    eligible = present & informed & (2 * others >= seeds - 1)
    return _Seeds(validation, test, present, eligible, np.maximum(others, 1))


def _leave_one_out(seeds: _Seeds, flips: Floats, shift: float) -> Floats:
    """The test difference of each seed (rows) in the arm the others choose, for each flip (columns).

    All differences lose `shift` before they are flipped. NaN where no arm is eligible.
    """
    validation, test = (np.where(seeds.present, table - shift, 0.0) for table in (seeds.validation, seeds.test))
    found = np.full((len(test), len(flips)), np.nan)
    totals = flips @ validation
    for seed in np.flatnonzero(seeds.eligible.any(axis=1)):
        signs, eligible = flips[:, seed], seeds.eligible[seed]
        scores = (totals - signs[:, None] * validation[seed])[:, eligible] / seeds.others[seed, eligible]
        found[seed] = signs * test[seed, eligible][scores.argmax(axis=1)]
    return found


def _tails(seeds: _Seeds, flips: Floats, shift: float) -> tuple[float, float]:
    """The share of flips whose mean is at least, and at most, the unflipped one.

    Each tail is counted by itself: choosing pushes the mean up where luck is shared, so it is not symmetric.
    """
    means = np.nanmean(_leave_one_out(seeds, flips, shift), axis=0)
    slack = 1e-9 * float(np.abs(means).max())
    return float((means >= means[0] - slack).mean()), float((means <= means[0] + slack).mean())


def _bound(seeds: _Seeds, flips: Floats, differences: Floats, side: int) -> float:
    """The lower (`side` -1) or upper (1) bound of the interval; NaN where too few seeds can reject anything."""
    inside = float(np.nanmean(differences))
    tail = 0 if side < 0 else 1
    if 1 / len(flips) > ONE_SIDED:
        return float("nan")
    width = float(np.nanstd(differences))
    while _tails(seeds, flips, inside + side * width)[tail] > ONE_SIDED:
        width *= 2
    near, far = 0.0, width
    for _ in range(STEPS):
        middle = (near + far) / 2
        rejected = _tails(seeds, flips, inside + side * middle)[tail] <= ONE_SIDED
        near, far = (near, middle) if rejected else (middle, far)
    return inside + side * far


def _overall(seeds: _Seeds) -> int:
    """The arm with the best mean validation difference among those with half of the seeds, or -1."""
    counts = seeds.present.sum(axis=0)
    candidates = (counts > 0) & (2 * counts >= len(seeds.present))
    if not candidates.any():
        return -1
    means = np.where(seeds.present, seeds.validation, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return int(np.where(candidates, means, -np.inf).argmax())
