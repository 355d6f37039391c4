"""Detectable effects and needed seeds, against statsmodels and simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from maskbench.comparison import compare
from maskbench.comparison.power import POWER, detectable, pairs_for, power
from maskbench.comparison.simulated import simulated_runs


@pytest.mark.parametrize("level", [0.05, 0.0025])
@pytest.mark.parametrize(("effect", "pairs"), [(0.0, 7), (0.4, 5), (1.0, 10), (0.3, 80), (2.0, 4)])
def test_power_is_that_of_statsmodels(effect: float, pairs: int, level: float) -> None:
    assert power(effect, pairs, level) == pytest.approx(TTestPower().power(effect, pairs, level), abs=1e-6)


def test_power_is_that_of_a_simulation_where_statsmodels_fails() -> None:
    generator = np.random.default_rng(0)
    draws = generator.standard_normal((40_000, 5)) + 5.0
    found = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue <= 0.0025)
    assert power(5.0, 5, 0.0025) == pytest.approx(found, abs=0.005)


@pytest.mark.parametrize("pairs", [2, 3, 6, 10, 20])
def test_a_detectable_effect_is_found_four_times_of_five(pairs: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = TTestPower().solve_power(nobs=pairs, alpha=0.05, power=POWER)
    assert detectable(pairs, 0.05) == pytest.approx(expected, rel=1e-4)


def test_the_table_of_the_statistics_page() -> None:
    assert [round(detectable(n, 0.05), 2) for n in (3, 5, 10, 20)] == [3.26, 1.68, 1.0, 0.66]
    assert np.isnan(detectable(1, 0.05))


@pytest.mark.parametrize("effect", [3.0, 1.0, 0.37, 0.01])
def test_pairs_are_the_fewest_that_are_enough(effect: float) -> None:
    enough = pairs_for(effect, 0.01)
    assert power(effect, enough, 0.01) >= POWER > power(effect, enough - 1, 0.01)


def test_one_row_for_each_answer() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.0, ("block", 0.2): 0.0}, data=("a", "b"))
    comparison = compare(runs)
    table, answers = comparison.power, comparison.answers
    assert table["block"].tolist() == answers["block"].tolist()
    for name in ("data", "model", "metric", "arm", "verdict", "n_pairs", "sd", "smallest_effect"):
        pd.testing.assert_series_equal(table[name], answers[name])
    row = table.iloc[0]
    theory = TTestPower()
    assert theory.power(row["detectable_effect"] / row["sd"], 8, 0.025) == pytest.approx(POWER, abs=1e-6)
    size = 0.005 / row["sd"]
    needed = int(row["seeds_needed"])
    assert theory.power(size, needed, 0.025) >= POWER > theory.power(size, needed - 1, 0.025)
    assert row["seeds_more"] == needed - 8


def test_never_fewer_seeds_than_could_settle_anything() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.0}, noise=1e-5)
    row = compare(runs).power.iloc[0]
    assert (row["seeds_needed"], row["seeds_more"]) == (6, 0)


def test_without_a_spread_nothing_is_said() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.0}, seeds=1)
    row = compare(runs).power.iloc[0]
    assert np.isnan([row["detectable_effect"], row["seeds_needed"], row["seeds_more"]]).all()
    same = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.5}, noise=0.0)
    same["val/accuracy"] = same["test/accuracy"] = np.where(same["mask"] == "none", 0.5, 0.75)
    assert np.isnan(compare(same).power.iloc[0]["seeds_needed"])
