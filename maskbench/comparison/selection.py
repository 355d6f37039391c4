"""Does the best mask help? Chosen on validation, estimated on test, each seed by the other seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbench.comparison.inference import ONE_SIDED, Floats, all_flips, equivalence_p, paired_t_p, t_interval

EXACT_UP_TO = 12
"""Most seeds for which all 2^n flips are computed; above, RANDOM_FLIPS of them."""

RANDOM_FLIPS = 4096
FLIP_SEED = 20240607
"""Fixed, so that the same table gives the same p."""

CELLS = 2**15
"""Flips times arms that are scored at once: as much as stays near the processor."""


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
class Candidates:
    """The arms that may be chosen and the seeds that have one of them; tables (S, A), 0 where a pair is absent."""

    validation: Floats
    test: Floats
    present: NDArray[np.bool_]
    seeds: NDArray[np.intp]
    """Row of each seed in the whole table."""
    arms: NDArray[np.intp]
    """Column of each arm in the whole table."""


def choose(validation: Floats, test: Floats, bound: float) -> Choice:
    """The primary test of one block on paired differences (S seeds, A arms), NaN where a pair is absent.

    An arm can be chosen only if at least half of the seeds have it; a seed that lacks the arm chosen for it says
    nothing. The hypothesis of one effect for all arms, plus the arms' own deviations from it, is tested by flipping
    each seed's whole row of validation and test noise in sign and repeating the choice and its mean for every flip.
    The deviations are estimated and shrunk by what noise alone would show (`deviations`), so that arms which truly
    differ are not flipped into winners. `p` is for an effect of 0 of the choice, the interval holds every effect that
    is not rejected, and `p_equal` is for ± `bound`: t tests on the leave-one-seed-out differences would call up to
    14 % of sweeps equal that are not. A block with one arm has nothing to choose: the paired t test.
    """
    among = candidates(validation, test)
    differences = np.full(len(validation), np.nan)
    unknown = float("nan")
    if not len(among.arms):
        return Choice(_overall(validation, test), differences, unknown, unknown, unknown, unknown)
    if test.shape[1] == 1:
        differences[among.seeds] = among.test[:, 0]
        return _planned(differences, among.test, bound)
    arm = int(among.arms[_means(among.validation, among.present).argmax()])
    picked, refuted = _refuted(among, flip_patterns(len(among.seeds)))
    rows = np.arange(len(picked))
    differences[among.seeds] = np.where(among.present[rows, picked], among.test[rows, picked], np.nan)
    values = differences[np.isfinite(differences)]
    if not len(values):
        return Choice(arm, differences, unknown, unknown, unknown, unknown)
    slack = 1e-9 * float(np.abs(values).max())
    above, below = _tails(refuted, 0.0, slack)
    p = min(1.0, 2 * min(above, below))
    # Without spread the noise is unknown, not zero: coarse metrics tie, and a tie is no proof of equality.
    if not values.std() > slack:
        return Choice(arm, differences, p, unknown, unknown, unknown)
    equal = max(_tails(refuted, bound, slack)[1], _tails(refuted, -bound, slack)[0])
    return Choice(arm, differences, p, equal, *_interval(refuted))


def _planned(differences: Floats, values: Floats, bound: float) -> Choice:
    """One arm was planned, not chosen: the paired t test of `values` (n, 1), stronger at six pairs than flips."""
    numbers = (paired_t_p(values), equivalence_p(values, np.array([bound])), *t_interval(values))
    return Choice(0, differences, *(float(number[0]) for number in numbers))


def candidates(validation: Floats, test: Floats) -> Candidates:
    """What can be chosen: one arm needs no choosing, so its only seed may stand alone."""
    present = np.isfinite(validation) & np.isfinite(test)
    others = present.sum(axis=0) - 1
    able = (others >= 0) & ((others >= 1) | (present.shape[1] == 1)) & (2 * others >= len(present) - 1)
    arms = np.flatnonzero(able)
    seeds = np.flatnonzero(present[:, arms].any(axis=1))
    cells = np.ix_(seeds, arms)
    inside = present[cells]
    return Candidates(np.where(inside, validation[cells], 0), np.where(inside, test[cells], 0), inside, seeds, arms)


def flip_patterns(seeds: int) -> Floats:
    """Signs for each flip and seed, the unflipped pattern first: all 2^n, or a fixed random sample."""
    if seeds <= EXACT_UP_TO:
        return all_flips(seeds)
    generator = np.random.default_rng(FLIP_SEED)
    drawn = generator.integers(0, 2, size=(RANDOM_FLIPS - 1, seeds)) * 2.0 - 1
    drawn[(drawn == 1).all(axis=1)] = -1  # the unflipped pattern counts once
    return np.vstack([np.ones((1, seeds)), drawn])


def deviations(values: Floats, present: NDArray[np.bool_]) -> Floats:
    """How much better each arm is than the arms are on average (A,), shrunk by what noise would show.

    What all arms of a seed share is taken out first. The shrinking is James and Stein's: the share of the arms' spread
    that is more than their noise, nothing where it is less.
    """
    seeds, arms = values.shape
    if arms == 1 or seeds == 1:
        return np.zeros(arms)
    centred = np.where(present, values - _means(values.T, present.T)[:, None], 0.0)
    counts = present.sum(axis=0)
    means = centred.sum(axis=0) / counts
    means -= means.mean()
    squares = np.where(present, centred - means, 0.0) ** 2
    noise = float((squares.sum(axis=0) / np.maximum(counts - 1, 1) / counts).sum()) / (arms - 1)
    spread = float((means**2).sum()) / (arms - 1)
    return means * max(0.0, 1 - noise / spread) if spread > 0 else np.zeros(arms)


def _refuted(among: Candidates, flips: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The arm picked for each seed (S,), and for each other flip the effect from which on it shows as much as was seen.

    A flip's mean is linear in the effect and its choices do not depend on it, so one pass serves all hypotheses. NaN
    for a flip that shows as much whatever the effect, because it flips no seed with a difference.
    """
    judged, worth = (deviations(table, among.present) for table in (among.validation, among.test))
    level = float(_means((among.validation - judged).T, among.present.T).mean())
    noise = np.where(among.present, among.validation - judged - level, 0.0)
    rest = np.where(among.present, among.test - worth, 0.0)
    totals, signs_left = np.empty((2, len(flips)))
    counts = np.empty(len(flips))
    observed = np.zeros(0, dtype=np.intp)
    step = max(1, CELLS // noise.shape[1])
    for start in range(0, len(flips), step):
        part, signs = slice(start, start + step), flips[start : start + step].T
        picked = _picked(signs, noise, judged, among.present)
        observed = picked[:, 0] if start == 0 else observed
        there = np.take_along_axis(among.present, picked, axis=1)
        totals[part] = (signs * np.take_along_axis(rest, picked, axis=1)).sum(axis=0)
        signs_left[part], counts[part] = (signs * there).sum(axis=0), there.sum(axis=0)
    seen = among.present[np.arange(len(observed)), observed]
    offset = float(worth[observed[seen]].mean()) if seen.any() else 0.0
    flipped = np.where(signs_left < counts, counts - signs_left, np.nan)[1:]
    # Means of flips without any difference are 0 here, and NaN once divided by `flipped`.
    means = totals / np.maximum(counts, 1)
    return observed, (means[0] - means[1:]) * counts[1:] / flipped + offset


def _picked(signs: Floats, noise: Floats, judged: Floats, present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The arm that the other seeds choose for each seed and flip (S, F); `signs` (S, F)."""
    picked = np.empty(signs.shape, dtype=np.intp)
    counts = present.sum(axis=0)
    others = noise / np.maximum(counts - 1, 1)
    totals = signs.T @ others + judged
    scores = np.empty_like(totals)
    for seed, row in enumerate(others):
        np.multiply(signs[seed, :, None], row, out=scores)
        np.subtract(totals, scores, out=scores)
        if not present[seed].all():
            # Nothing of an absent arm is left out, so one seed more judges it.
            gone = np.flatnonzero(~present[seed])
            fewer = np.maximum(counts[gone] - 1, 1) / counts[gone]
            scores[:, gone] = (scores[:, gone] - judged[gone]) * fewer + judged[gone]
        picked[seed] = scores.argmax(axis=1)
    return picked


def _tails(refuted: Floats, effect: float, slack: float) -> tuple[float, float]:
    """The share of flips, the unflipped one among them, that show at least and at most what was seen.

    Each tail is counted by itself: choosing pushes the mean up where luck is shared, so it is not symmetric.
    """
    always = 1 + int(np.isnan(refuted).sum())
    above, below = (refuted <= effect + slack).sum(), (refuted >= effect - slack).sum()
    return float(always + above) / (1 + len(refuted)), float(always + below) / (1 + len(refuted))


def _interval(refuted: Floats) -> tuple[float, float]:
    """The effects that neither tail rejects; NaN where too few flips can reject anything."""
    ordered = np.sort(refuted[~np.isnan(refuted)])
    always = len(refuted) - len(ordered)
    rejecting = int(ONE_SIDED * (1 + len(refuted)) + 1e-9) - always
    if rejecting < 1:
        return float("nan"), float("nan")
    return float(ordered[rejecting - 1]), float(ordered[-rejecting])


def _means(table: Floats, present: NDArray[np.bool_]) -> Floats:
    """The mean of each column over its cells that are present; 0 where none is."""
    total = np.where(present, table, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(present.sum(axis=0), 1), dtype=float)


def _overall(validation: Floats, test: Floats) -> int:
    """The arm with the best mean validation difference among those with half of the seeds, or -1."""
    present = np.isfinite(validation) & np.isfinite(test)
    counts = present.sum(axis=0)
    able = (counts > 0) & (2 * counts >= len(present))
    means = np.where(able, _means(np.nan_to_num(validation), present), -np.inf)
    return int(means.argmax()) if able.any() else -1
