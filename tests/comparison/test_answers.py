"""One answer for each block, adjusted over the blocks, with its optimism and cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from maskbench.comparison import compare
from maskbench.comparison.selection import choose
from maskbench.comparison.simulated import simulated_runs

EFFECTS = {("block", 0.1): 0.03, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.03}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a", "b", "c"))


def matrix(runs: pd.DataFrame, part: str) -> pd.DataFrame:
    wide = runs[runs["data"] == "a"].pivot_table(index="seed", columns=["mask", "rate"], values=part, dropna=False)
    partner = runs[(runs["data"] == "a") & (runs["mask"] == "none")].set_index("seed")[part]
    masked = wide[[("bernoulli", 0.3), ("block", 0.1), ("block", 0.3)]]
    return masked.sub(partner, axis=0)


def test_the_answer_is_the_primary_tests(runs: pd.DataFrame) -> None:
    row = compare(runs).answers.iloc[0]
    found = choose(matrix(runs, "val/accuracy").to_numpy(), matrix(runs, "test/accuracy").to_numpy(), 0.005)
    assert (row["mask"], row["rate"], row["arm"]) == ("block", 0.1, "block 0.1")
    assert row["estimate"] == pytest.approx(found.differences.mean())
    assert row["p_value"] == pytest.approx(found.p)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((found.low, found.high))
    assert row["verdict"] == "helps"
    assert row["n_pairs"] == 8
    assert row["extra_time"] == pytest.approx(0.25)
    assert row["pairs_needed"] == 7


def test_holm_runs_over_the_blocks(runs: pd.DataFrame) -> None:
    answers = compare(runs).answers
    np.testing.assert_allclose(answers["p_adjusted"], multipletests(answers["p_value"], method="holm")[1])


def test_optimism_is_what_the_best_on_test_shows_beyond_the_estimate(runs: pd.DataFrame) -> None:
    row = compare(runs).answers.iloc[0]
    means = matrix(runs, "test/accuracy").mean()
    assert row["best_on_test_difference"] == pytest.approx(means.max())
    assert row["optimism"] == pytest.approx(means.max() - row["estimate"])


def test_a_mask_picked_blindly_is_worth_the_mean_of_all_arms(runs: pd.DataFrame) -> None:
    row = compare(runs).answers.iloc[0]
    assert row["mean_of_arms"] == pytest.approx(matrix(runs, "test/accuracy").to_numpy().mean())


def test_one_planned_arm_has_the_paired_t_interval() -> None:
    runs = simulated_runs(np.random.default_rng(3), effects={("block", 0.1): 0.01})
    comparison = compare(runs)
    row, effect = comparison.answers.iloc[0], comparison.effects.set_index("part").loc["test"]
    assert row["ci_method"] == "paired t"
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((effect["ci_low"], effect["ci_high"]))
    assert compare(simulated_runs(np.random.default_rng(3), effects=EFFECTS)).answers["ci_method"][0] != "paired t"


def test_test_results_choose_nothing(runs: pd.DataFrame) -> None:
    changed = runs.copy()
    bernoulli = changed["mask"] == "bernoulli"
    changed.loc[bernoulli, "test/accuracy"] += 0.5
    row = compare(changed).answers.iloc[0]
    assert row["arm"] == "block 0.1"
    assert row["best_on_test"] == "bernoulli 0.3"
    assert row["optimism"] > 0.4


def test_harm_is_found() -> None:
    hurting = simulated_runs(np.random.default_rng(4), effects={("block", 0.5): -0.05, ("block", 0.9): -0.06})
    assert compare(hurting).answers.iloc[0]["verdict"] == "hurts"


def test_equality_is_found_and_never_from_a_large_p() -> None:
    same = simulated_runs(np.random.default_rng(5), effects={("block", 0.1): 0.0}, seeds=10, noise=0.001)
    assert compare(same).answers.iloc[0]["verdict"] == "equal"
    noisy = simulated_runs(np.random.default_rng(5), effects={("block", 0.1): 0.0}, seeds=10, noise=0.05)
    assert compare(noisy).answers.iloc[0]["verdict"] == "unsettled"


def test_a_surely_tiny_gain_is_equal_not_helps() -> None:
    tiny = simulated_runs(np.random.default_rng(6), effects={("block", 0.1): 0.002}, seeds=10, noise=0.0005)
    row = compare(tiny).answers.iloc[0]
    assert row["p_adjusted"] <= 0.05
    assert row["verdict"] == "equal"
    assert compare(tiny, smallest_effect=0.0001).answers.iloc[0]["verdict"] == "helps"


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_fewer_than_six_pairs_settle_nothing(seeds: int) -> None:
    few = simulated_runs(np.random.default_rng(7), effects={("block", 0.1): 0.5, ("block", 0.2): 0.5}, seeds=seeds)
    comparison = compare(few)
    assert list(comparison.answers["verdict"]) == ["unsettled"]
    assert set(comparison.effects["verdict"]) == {"unsettled"}
    assert comparison.answers["pairs_needed"].iloc[0] == 6


def test_six_pairs_can_settle() -> None:
    six = simulated_runs(np.random.default_rng(7), effects={("block", 0.1): 0.5}, seeds=6)
    assert compare(six).answers.iloc[0]["verdict"] == "helps"


def test_lost_runs_of_the_chosen_mask_are_counted(runs: pd.DataFrame) -> None:
    lost = runs.copy()
    place = lost.index[(lost["data"] == "a") & (lost["mask"] == "block") & (lost["rate"] == 0.1)][:2]
    lost.loc[place, "status"] = "FAILED"
    assert compare(lost).answers["chosen_lost"].tolist() == [2, 0, 0]


def test_a_block_without_a_pair_still_has_its_answer(runs: pd.DataFrame) -> None:
    lonely = runs[(runs["mask"] != "none") | (runs["data"] != "b")]
    answers = compare(lonely).answers.set_index("data")
    assert answers.loc["b", "verdict"] == "unsettled"
    assert answers.loc["b", "n_pairs"] == 0
    assert len(answers) == 3
