"""The answer for each block: does the best mask help? One planned comparison, Holm over the blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from maskbench.comparison.effects import extra_time, resplit_interval, smallest_effect, split_ratios
from maskbench.comparison.inference import Floats, adjusted, pairs_needed, t_interval, verdict
from maskbench.comparison.measures import Measure
from maskbench.comparison.selection import Choice, choose
from maskbench.comparison.table import STATES
from maskbench.records import Metric

CI_METHOD = "sign flips of the whole choice around the arms' own deviations, inverted"

COLUMNS = [
    "block",
    "data",
    "model",
    "metric",
    "verdict",
    "arm",
    "mask",
    "rate",
    "fill",
    "realised_rate",
    "estimate",
    "sd",
    "ci_low",
    "ci_high",
    "ci_method",
    "nb_low",
    "nb_high",
    "p_value",
    "p_adjusted",
    "p_equal",
    "p_equal_adjusted",
    "smallest_effect",
    "n_pairs",
    "n_arms",
    "pairs_needed",
    "best_on_test",
    "best_on_test_difference",
    "optimism",
    "mean_of_arms",
    "chosen_lost",
    "extra_time",
    "partner_value",
]


def answer(
    table: pd.DataFrame,
    pairs: pd.DataFrame,
    primary: Mapping[str, Metric],
    smallest: Mapping[str, float],
) -> pd.DataFrame:
    """One row for each block with a masked arm; COLUMNS says which numbers.

    `estimate` is the mean test difference of the leave-one-seed-out choice in the metric's
    unit, positive where masking helped; `optimism` is what the arm that looks best on test
    shows beyond it; `mean_of_arms` is what a mask picked blindly is worth: all arms' mean test
    difference; `nb_low` and `nb_high` are Nadeau and Bengio's interval; `chosen_lost` counts
    the chosen arm's runs that no pair uses. `pairs_needed` is the fewest pairs that could settle this many blocks.
    """
    asked = [str(block) for block in table.loc[table["masked"], "block"].unique()]
    rows = []
    for block in asked:
        masked = table[(table["block"] == block) & table["masked"]]
        row: dict[str, object] = {name: masked[name].iloc[0] for name in ("block", "data", "model")}
        used = pairs[(pairs["block"] == block) & (pairs["state"] == "used")]
        row |= _block(used, primary[block], smallest)
        planned = masked[masked["state"].isin(STATES) & (masked["arm"] == row["arm"])]
        row["chosen_lost"] = len(planned) - int((used["arm"] == row["arm"]).sum())
        rows.append(row)
    kinds = dict.fromkeys(_NUMBERS, float) | dict.fromkeys(("n_pairs", "n_arms", "chosen_lost"), int)
    answers = pd.DataFrame(rows, columns=COLUMNS).astype(kinds)
    for name in ("p", "p_equal"):
        values = answers["p_value" if name == "p" else name].to_numpy(dtype=float)
        answers[f"{name}_adjusted"] = adjusted(values, "holm") if len(values) else values
    numbers = zip(*(answers[c] for c in _JUDGED), strict=True)
    answers["verdict"] = [verdict(*number) for number in numbers]
    answers["pairs_needed"] = pairs_needed(len(answers))
    answers["ci_method"] = np.where(answers["n_arms"] == 1, "paired t", CI_METHOD)
    return answers


_NUMBERS = [
    *("rate", "realised_rate", "estimate", "sd", "ci_low", "ci_high", "p_value", "p_equal", "smallest_effect"),
    *("best_on_test_difference", "optimism", "mean_of_arms", "extra_time", "partner_value"),
    *("nb_low", "nb_high"),
]
_JUDGED = ["estimate", "p_adjusted", "p_equal_adjusted", "n_pairs"]


def _block(used: pd.DataFrame, metric: Metric, smallest: Mapping[str, float]) -> dict[str, object]:
    """The answer of one block, given its pairs in use, before adjustment."""
    row: dict[str, object] = {"metric": metric.name, "arm": "", "best_on_test": ""}
    row |= {"n_pairs": 0, "n_arms": 0}
    if used.empty:
        return row
    validation, test = (matrix(used, part, metric) for part in ("val", "test"))
    bound = smallest_effect(Measure("", "test", metric), used, smallest)
    choice = choose(validation.to_numpy(dtype=float), test.to_numpy(dtype=float), bound)
    row |= _estimate(choice) | {"smallest_effect": bound, "n_arms": len(test.columns)}
    row["nb_low"], row["nb_high"] = _resplit(choice.differences, used, list(test.index))
    row["mean_of_arms"] = test.mean().mean()
    row["partner_value"] = used.drop_duplicates("seed")[f"partner/test/{metric.name}"].mean()
    return row | _chosen(choice, used, test)


def _estimate(choice: Choice) -> dict[str, object]:
    """The numbers about the leave-one-seed-out differences."""
    values = choice.differences[np.isfinite(choice.differences)]
    return {
        "estimate": values.mean() if len(values) else float("nan"),
        "sd": values.std(ddof=1) if len(values) > 1 else float("nan"),
        "ci_low": choice.low,
        "ci_high": choice.high,
        "p_value": choice.p,
        "p_equal": choice.p_equal,
        "n_pairs": len(values),
    }


def _chosen(choice: Choice, used: pd.DataFrame, test: pd.DataFrame) -> dict[str, object]:
    """Which arm validation chooses over all seeds, which looks best on test, and by how much."""
    if choice.arm < 0:
        return {}
    arm = str(test.columns[choice.arm])
    of_arm = used[used["arm"] == arm]
    first = of_arm.iloc[0]
    means = test.mean().where(2 * test.notna().sum() >= len(test))
    best = str(means.idxmax())
    values = choice.differences[np.isfinite(choice.differences)]
    optimism = float(means[best]) - float(values.mean()) if len(values) else float("nan")
    return {name: first[name] for name in ("arm", "mask", "rate", "fill")} | {
        "realised_rate": of_arm["realised_rate"].mean(),
        "best_on_test": best,
        "best_on_test_difference": means[best],
        "optimism": optimism,
        "extra_time": extra_time(of_arm),
    }


def matrix(used: pd.DataFrame, part: str, metric: Metric) -> pd.DataFrame:
    """Paired differences of one block by seed (rows) and arm (columns, in the order of the table)."""
    differences = used.pivot(index="seed", columns="arm", values=f"difference/{part}/{metric.name}")
    return differences[used["arm"].drop_duplicates()]


def _resplit(differences: Floats, used: pd.DataFrame, seeds: list[str]) -> tuple[float, float]:
    """The corrected interval of the choice, over the splits of the seeds that have a difference."""
    known = np.isfinite(differences)
    values = differences[known][:, None]
    counted = used[used["seed"].isin(np.array(seeds, dtype=object)[known])].drop_duplicates("seed")
    if counted.empty:
        return float("nan"), float("nan")
    ratio = np.asarray(split_ratios(counted, "block"), dtype=np.float64)
    low, high = resplit_interval(values.mean(axis=0), t_interval(values)[0], len(values), ratio)
    return float(low[0]), float(high[0])
