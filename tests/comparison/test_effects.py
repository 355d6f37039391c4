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
    assert found["n_pairs"].tolist() == [3, 2, 0]
    assert found["mean_difference"][1] == 1.5


def test_redrawn_splits_have_nadeau_and_bengios_interval() -> None:
    runs = simulated_runs(np.random.default_rng(1), effects=EFFECTS)
    runs = runs.assign(**{"split/train": 70, "split/test": 30, "hash/split": runs["seed"].astype(str)})
    comparison = compare(runs)
    effects = comparison.effects.set_index(["arm", "part"])
    row, answer = effects.loc[("block 0.1", "test")], comparison.answers.iloc[0]
    for mean, sd, found in ((row["mean_difference"], row["sd"], row), (answer["estimate"], answer["sd"], answer)):
        expected = stats.t(7, mean, sd * np.sqrt(1 / 8 + 30 / 70)).interval(0.95)
        assert (found["nb_low"], found["nb_high"]) == pytest.approx(expected)
    assert np.isnan(effects.loc[("block 0.1", "val"), "nb_low"])


def test_one_split_or_an_unknown_one_has_no_corrected_interval() -> None:
    runs = simulated_runs(np.random.default_rng(1), effects=EFFECTS)
    sizes = runs.assign(**{"split/train": 70, "split/test": 30})
    for table in (
        runs,
        sizes,
        sizes.assign(**{"hash/split": "one"}),
        runs.assign(**{"hash/split": runs["seed"].astype(str)}),
        sizes.assign(**{"hash/split": runs["seed"].astype(str), "split/train": 0}),
    ):
        comparison = compare(table)
        assert comparison.effects[["nb_low", "nb_high"]].isna().all(axis=None)
        assert comparison.answers[["nb_low", "nb_high"]].isna().all(axis=None)


def test_arms_in_one_table_are_as_each_arm_alone() -> None:
    """All arms are computed at once; missing pairs of one must not touch another."""
    runs = simulated_runs(np.random.default_rng(3), effects=EFFECTS, metric="nll")
    runs = runs.drop(index=[runs.index[(runs["mask"] == "block") & (runs["seed"] == 2)][0]])
    together = compare(runs).effects
    for (mask, rate), one in together.groupby(["mask", "rate"]):
        alone = runs[(runs["mask"] == "none") | ((runs["mask"] == mask) & (runs["rate"] == rate))]
        expected = compare(alone).effects
        for name in ("n_pairs", "mean_difference", "sd", "ci_low", "p_value", "p_equal", "smallest_effect"):
            np.testing.assert_allclose(one[name], expected[name], err_msg=name)
