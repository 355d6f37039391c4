"""Would the answer be another with one seed less, with the median, or by another test?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from maskbench.comparison.answers import matrix
from maskbench.comparison.inference import Floats, adjusted, verdict
from maskbench.comparison.selection import Choice, candidates, choose
from maskbench.records import Metric

RELABELLINGS = 1000
"""How often the labels are drawn anew, the labels as they are among them."""

RELABEL_SEED = 20240608
"""Fixed, so that the same table gives the same p."""

CELLS = 2**21
"""Values that are relabelled at once."""

COLUMNS = [
    *("block", "metric", "estimate", "drop_low", "drop_high", "median"),
    *("p_sign_flip", "p_t", "p_relabel", "stable"),
]


def sensitivity_table(pairs: pd.DataFrame, answers: pd.DataFrame, primary: Mapping[str, Metric]) -> pd.DataFrame:
    """One row for each answer: how much of it rests on one seed, on the mean, or on the test.

    `drop_low` and `drop_high` are the least and largest estimate after leaving out each seed and choosing anew;
    `stable` says that none of these changes the verdict. `median` is that of the leave-one-seed-out differences,
    `p_t` their one-sample t test, `p_sign_flip` the answer's own p, `p_relabel` that of `relabel_p`; none is adjusted.
    """
    rows = []
    for place, answer in enumerate(answers.to_dict("records")):
        block = str(answer["block"])
        row = {"block": block, "metric": answer["metric"], "estimate": answer["estimate"], "stable": True}
        row["p_sign_flip"] = answer["p_value"]
        used = pairs[(pairs["block"] == block) & (pairs["state"] == "used")]
        if len(used):
            validation, test = (matrix(used, part, primary[block]).to_numpy(dtype=float) for part in ("val", "test"))
            row |= _dropped(validation, test, answers, place) | _other_tests(validation, test)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[2:-1], float) | {"stable": bool})


def relabel_p(validation: Floats, test: Floats) -> float:
    """Two-sided p of "no arm differs", by shuffling the labels of all arms and the partner within each seed.

    Exact for any noise, because runs that differ in their label only can be exchanged. Differences (S, A) as for
    `choose`, NaN where absent; the statistic is the mean of the leave-one-seed-out choice.
    """
    among = candidates(validation, test)
    if not len(among.arms):
        return float("nan")
    generator = np.random.default_rng(RELABEL_SEED)
    step = max(1, CELLS // among.test.size)
    parts = []
    for start in range(0, RELABELLINGS, step):
        size = min(step, RELABELLINGS - start)
        tables = np.empty((2, len(among.seeds), size, len(among.arms)))
        for seed, present in enumerate(among.present):
            tables[:, seed] = _shuffled(among.validation[seed], among.test[seed], present, size, generator, start == 0)
        parts.append(_chosen_means(tables[0], tables[1], among.present))
    means = np.concatenate(parts)
    if np.isnan(means[0]):
        return float("nan")
    slack = 1e-9 * float(np.abs(means).max())
    # A shuffle whose choice has no difference at all shows as much as anything.
    unknown = np.isnan(means)
    above = ((means >= means[0] - slack) | unknown).mean()
    below = ((means <= means[0] + slack) | unknown).mean()
    return float(min(1.0, 2 * min(above, below)))


def _dropped(validation: Floats, test: Floats, answers: pd.DataFrame, place: int) -> dict[str, object]:
    """Range of the estimate without each seed, and whether all of these keep the verdict."""
    answer = answers.iloc[place]
    estimates, stable = [], True
    for seed in range(len(test)):
        choice = choose(np.delete(validation, seed, 0), np.delete(test, seed, 0), float(answer["smallest_effect"]))
        values = choice.differences[np.isfinite(choice.differences)]
        stable &= _verdict(choice, answers, place) == answer["verdict"]
        if len(values):
            estimates.append(values.mean())
    ends = (min(estimates), max(estimates)) if estimates else (np.nan, np.nan)
    return {"drop_low": ends[0], "drop_high": ends[1], "stable": stable}


def _verdict(choice: Choice, answers: pd.DataFrame, place: int) -> str:
    """The verdict of `choice` in the place of one answer, adjusted together with the others."""
    p, equal = answers["p_value"].to_numpy(dtype=float).copy(), answers["p_equal"].to_numpy(dtype=float).copy()
    p[place], equal[place] = choice.p, choice.p_equal
    values = choice.differences[np.isfinite(choice.differences)]
    mean = float(values.mean()) if len(values) else float("nan")
    return verdict(mean, float(adjusted(p, "holm")[place]), float(adjusted(equal, "holm")[place]), len(values))


def _other_tests(validation: Floats, test: Floats) -> dict[str, float]:
    differences = choose(validation, test, 1.0).differences
    values = differences[np.isfinite(differences)]
    if not len(values):
        return {}
    spread = len(values) > 1 and values.std() > 1e-9 * np.abs(values).max()
    return {
        "median": float(np.median(values)),
        "p_t": float(stats.ttest_1samp(values, 0).pvalue) if spread else float("nan"),
        "p_relabel": relabel_p(validation, test),
    }


def _shuffled(
    validation: Floats,
    test: Floats,
    present: np.ndarray[tuple[int], np.dtype[np.bool_]],
    size: int,
    generator: np.random.Generator,
    first: bool,
) -> Floats:
    """One seed's differences (2, size, A) beside the run drawn as partner; the labels as they are if `first`."""
    runs = np.stack([np.append(table[present], 0.0) for table in (validation, test)])
    order = np.tile(np.arange(runs.shape[1]), (size, 1))
    order[int(first) :] = generator.permuted(order[int(first) :], axis=1)
    drawn = runs[:, order]
    found = np.zeros((2, size, len(present)))
    found[:, :, present] = drawn[:, :, :-1] - drawn[:, :, -1:]
    return found


def _chosen_means(validation: Floats, test: Floats, present: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Floats:
    """Mean test difference of the leave-one-seed-out choice in each of R tables (S, R, A); NaN where it has none."""
    totals, others = validation.sum(axis=0), np.maximum(present.sum(axis=0) - present, 1)
    found = np.empty(test.shape[:2])
    for seed in range(len(test)):
        picked = ((totals - validation[seed]) / others[seed]).argmax(axis=1)
        values = np.take_along_axis(test[seed], picked[:, None], axis=1)[:, 0]
        found[seed] = np.where(present[seed][picked], values, np.nan)
    counts = np.isfinite(found).sum(axis=0)
    return np.where(counts > 0, np.nansum(found, axis=0) / np.maximum(counts, 1), np.nan)
