"""Ranks over data sets, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from maskbench.comparison import compare
from maskbench.comparison.ranks import _signed_ranks, ranked
from maskbench.comparison.simulated import simulated_runs

DATA = tuple("abcdefgh")
EFFECTS = {("block", 0.1): 0.02, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.02}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=DATA, seeds=3)


def means(runs: pd.DataFrame) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    level = runs[runs["mask"] == "none"].groupby("data")["test/accuracy"].mean()
    arms = runs[runs["mask"] != "none"].assign(arm=lambda rows: rows["mask"] + " " + rows["rate"].astype(str))
    return {
        str(arm): (rows.groupby("data")["test/accuracy"].mean() - level).to_numpy() for arm, rows in arms.groupby("arm")
    }


def test_ranks_and_tests_are_scipys(runs: pd.DataFrame) -> None:
    found = compare(runs).ranks.set_index("arm")
    differences = means(runs)
    values = np.column_stack([*differences.values(), np.zeros(len(DATA))])
    expected = dict(zip([*differences, "none"], (9 - 4 - stats.rankdata(values, axis=1)).mean(axis=0), strict=True))
    assert found["mean_rank"].to_dict() == pytest.approx(expected)
    assert found.index[0] == "block 0.1"
    assert found["friedman_p"].unique() == pytest.approx([stats.friedmanchisquare(*values.T).pvalue])
    p = [stats.wilcoxon(differences[arm]).pvalue for arm in differences]
    assert found.loc[list(differences), "difference_p"].to_numpy() == pytest.approx(np.array(p))
    adjusted = multipletests(p, method="holm")[1]
    assert found.loc[list(differences), "p_adjusted"].to_numpy() == pytest.approx(adjusted)
    assert np.isnan(found.loc["none", "difference_p"])
    assert set(found["n_data"]) == {8}


@pytest.mark.parametrize("data_sets", [2, 5, 8, 30])
def test_ties_and_zeros_are_scipys_too(data_sets: int) -> None:
    values = np.round(np.random.default_rng(data_sets).normal(0.5, 1.0, size=(data_sets, 6)))
    values[:, 5] = 0
    values[0, :5] = 1.0
    expected = [stats.wilcoxon(column).pvalue for column in values.T[:5]]
    np.testing.assert_allclose(_signed_ranks(values), [*expected, 1.0])


def test_only_arms_that_every_data_set_has(runs: pd.DataFrame) -> None:
    some = runs[(runs["data"] != "c") | (runs["mask"] != "bernoulli")]
    assert set(compare(some).ranks["arm"]) == {"block 0.1", "block 0.3", "none"}
    apart = runs[(runs["data"] > "d") == (runs["mask"] == "block")]
    both = pd.concat([apart, runs[runs["mask"] == "none"]]).drop_duplicates("run_id")
    assert compare(both).ranks.empty


def test_an_arm_with_few_seeds_is_no_arm(runs: pd.DataFrame) -> None:
    few = runs[(runs["data"] != "c") | (runs["mask"] != "bernoulli") | (runs["seed"] == 0)]
    assert "bernoulli 0.3" not in set(compare(few).ranks["arm"])


def test_one_data_set_has_no_ranks(runs: pd.DataFrame) -> None:
    assert compare(runs[runs["data"] == "a"]).ranks.empty


def test_two_arms_are_too_few_for_friedman_and_ties_prove_nothing() -> None:
    effects = {"block": ["a · m", "b · m"], "data": ["a", "b"], "model": "m", "arm": "x", "part": "test"}
    effects |= {"metric": "accuracy", "n_pairs": 6, "mean_difference": 0.0}
    answers = pd.DataFrame({"block": ["a · m", "b · m"], "metric": "accuracy"})
    one = ranked(pd.DataFrame(effects), answers)
    assert one["mean_rank"].tolist() == [1.5, 1.5]
    assert one["friedman_p"].isna().all()
    assert one["difference_p"].tolist()[0] == 1
    two = ranked(pd.concat([pd.DataFrame(effects), pd.DataFrame(effects | {"arm": "y"})]), answers)
    assert set(two["friedman_p"]) == {1.0}
