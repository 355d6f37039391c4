"""The table of all arms: every measure, every arm, adjusted within its block."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from maskbench.comparison import compare
from maskbench.comparison.effects import summaries
from maskbench.comparison.simulated import simulated_runs

EFFECTS = {("block", 0.1): 0.03, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.03}


def test_one_row_for_each_arm_and_measure() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a", "b"))
    runs["gap/accuracy"] = 0.01 * np.arange(len(runs))
    effects = compare(runs).effects
    assert len(effects) == 2 * 3 * 3
    assert set(effects["part"]) == {"val", "test", "gap"}
    assert not effects.duplicated(["block", "arm", "part", "metric"]).any()


def test_numbers_are_those_of_a_paired_test() -> None:
    runs = simulated_runs(np.random.default_rng(1), effects=EFFECTS)
    effects = compare(runs).effects.set_index(["arm", "part"])
    masked = runs[(runs["mask"] == "block") & (runs["rate"] == 0.1)]["test/accuracy"].to_numpy()
    partner = runs[runs["mask"] == "none"]["test/accuracy"].to_numpy()
    row = effects.loc[("block 0.1", "test")]
    interval = stats.ttest_rel(masked, partner).confidence_interval(0.95)
    assert row["n_pairs"] == 8
    assert row["mean_difference"] == pytest.approx((masked - partner).mean())
    assert row["sd"] == pytest.approx((masked - partner).std(ddof=1))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))
    assert row["verdict"] == "helps"
    assert effects.loc[("bernoulli 0.3", "test")]["verdict"] == "hurts"
    assert row["extra_time"] == pytest.approx(0.25)


def test_adjustment_is_within_block_and_measure() -> None:
    effects = compare(simulated_runs(np.random.default_rng(2), effects=EFFECTS, data=("a", "b"))).effects
    for _, family in effects.groupby(["block", "part"]):
        expected = multipletests(family["p_value"], method="fdr_bh")[1]
        np.testing.assert_allclose(family["p_adjusted"], expected)


def test_a_loss_is_judged_by_a_share_of_the_partners_value() -> None:
    runs = simulated_runs(np.random.default_rng(3), effects=EFFECTS, metric="nll")
    runs["gap/nll"] = 1e-6 * np.arange(len(runs))
    effects = compare(runs).effects
    row = effects[(effects["arm"] == "block 0.1") & (effects["part"] == "test")].iloc[0]
    assert row["smallest_effect"] == pytest.approx(0.01 * runs[runs["mask"] == "none"]["test/nll"].mean())
    gap = effects[(effects["arm"] == "block 0.1") & (effects["part"] == "gap")].iloc[0]
    assert gap["smallest_effect"] == row["smallest_effect"]
    assert row["mean_difference"] < 0
    assert row["verdict"] == "hurts"


def test_absent_values_shorten_only_their_own_measure() -> None:
    values = np.array([[1.0, 2.0, np.nan], [2.0, np.nan, np.nan], [4.0, 1.0, np.nan]])
    found = summaries(values, np.ones(3))
    assert [row["n_pairs"] for row in found] == [3, 2, 0]
    assert found[1]["mean_difference"] == 1.5
