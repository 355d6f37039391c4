"""Which arm ranks best over the data sets: Friedman's test, then each arm against its partner."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from maskbench.comparison.across import model_labels
from maskbench.comparison.inference import EXACT_UP_TO, Floats, adjusted, sign_flip_p
from maskbench.records import UNMASKED

COLUMNS = [
    *("model", "metric", "arm", "n_data", "mean_rank", "friedman_p", "difference_p", "p_adjusted"),
]


def ranked(effects: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm that every data set of a model has, and one for no mask; best mean rank first.

    Each data set ranks the arms by their mean test difference, 1 the best, `none` by 0. `friedman_p` is of "no arm
    differs"; `difference_p` of Wilcoxon's signed ranks against `none`, `p_adjusted` by Holm over the arms. Empty
    below two data sets. Arms with fewer than half of a block's seeds are no arms of it.
    """
    metric = effects["block"].map(answers.set_index("block")["metric"])
    shown = effects[(effects["part"] == "test") & (effects["metric"] == metric)]
    most = shown.groupby("block")["n_pairs"].transform("max")
    shown = shown[2 * shown["n_pairs"] >= most].assign(model=model_labels)
    tables = [
        _ranks(str(model), str(name), group.pivot(index="data", columns="arm", values="mean_difference"))
        for (model, name), group in shown.groupby(["model", "metric"], sort=False)
        if group["data"].nunique() > 1
    ]
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def _ranks(model: str, metric: str, differences: pd.DataFrame) -> pd.DataFrame:
    """The rows of one model, from the mean differences by data set and arm; empty without a common arm."""
    common = differences.dropna(axis=1)
    if common.empty:
        return pd.DataFrame(columns=COLUMNS)
    values = common.to_numpy(dtype=float)
    p = _signed_ranks(values)
    table = pd.DataFrame({"arm": [*common.columns, UNMASKED], "model": model, "metric": metric})
    everything = np.column_stack([values, np.zeros(len(values))])
    table["n_data"] = len(values)
    table["mean_rank"] = stats.rankdata(-everything, axis=1).mean(axis=0)
    table["friedman_p"] = _friedman(everything)
    table["difference_p"] = [*p, np.nan]
    table["p_adjusted"] = [*adjusted(p, "holm"), np.nan]
    return table.sort_values("mean_rank", kind="stable")[COLUMNS]


def _friedman(values: Floats) -> float:
    """P of "no column differs", for at least three columns; NaN for fewer, 1 where all are tied."""
    if values.shape[1] < 3:
        return float("nan")
    if (values == values[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*values.T).pvalue)


def _signed_ranks(values: Floats) -> Floats:
    """Two-sided p of Wilcoxon's test of each column against 0; 1 where every value is 0.

    Exact with ties as well up to EXACT_UP_TO rows, by flipping the signs of the ranks; scipy takes minutes for that.
    """
    some = (values != 0).any(axis=0)
    p = np.ones(values.shape[1])
    if len(values) > EXACT_UP_TO and some.any():
        p[some] = stats.wilcoxon(values[:, some], axis=0).pvalue
    elif some.any():
        sizes = np.where(values == 0, np.nan, np.abs(values))[:, some]
        ranks = np.nan_to_num(stats.rankdata(sizes, axis=0, nan_policy="omit"))
        p[some] = sign_flip_p(np.sign(values[:, some]) * ranks)
    return p
