"""One effect over data sets, against statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from maskbench.comparison import compare
from maskbench.comparison.across import random_effects
from maskbench.comparison.simulated import simulated_runs


@pytest.mark.parametrize("draw", range(6))
def test_random_effects_are_those_of_statsmodels(draw: int) -> None:
    generator = np.random.default_rng(draw)
    errors = generator.uniform(0.2, 1.0, size=5)
    estimates = 0.5 + 2 * generator.standard_normal(5) + errors * generator.standard_normal(5)
    found = random_effects(estimates, errors)
    expected = combine_effects(estimates, errors**2, method_re="iterated", use_t=True, atol=1e-12)
    interval = expected.conf_int(use_t=True)[3]  # random effects, Hartung-Knapp
    assert found["tau2"] == pytest.approx(expected.tau2, rel=1e-4)
    assert found["mean"] == pytest.approx(expected.mean_effect_re, rel=1e-4)
    if expected.tau2 > 0:
        assert (found["ci_low"], found["ci_high"]) == pytest.approx(tuple(interval), rel=1e-4)
    else:
        assert found["ci_low"] <= interval[0] < interval[1] <= found["ci_high"]
    assert (found["p_value"] <= 0.05) == (found["ci_low"] > 0 or found["ci_high"] < 0)


def test_agreement_beyond_chance_narrows_nothing() -> None:
    """The plain Hartung-Knapp interval of equal estimates has no width, from however few data sets."""
    found = random_effects(np.array([1.0, 1.0]), np.array([0.5, 0.5]))
    reach = stats.t.ppf(0.975, 1) * 0.5 / np.sqrt(2)
    assert found["tau2"] == 0
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((1 - reach, 1 + reach))


def test_intervals_hold_the_mean_and_new_data_sets_come_as_foretold() -> None:
    generator = np.random.default_rng(1)
    covered, foretold, seen = [], [], []
    for _ in range(1500):
        errors = generator.uniform(0.3, 0.6, size=6)
        truths = 0.5 + generator.standard_normal(7)
        found = random_effects(truths[:6] + errors * generator.standard_normal(6), errors)
        covered.append(found["ci_low"] <= 0.5 <= found["ci_high"])
        foretold.append(found["prob_new"])
        seen.append(truths[6] > 0)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)
    assert np.mean(foretold) == pytest.approx(np.mean(seen), abs=0.04)


def test_data_sets_are_the_sample() -> None:
    effects = {("block", 0.1): 0.02, ("block", 0.3): 0.0}
    runs = simulated_runs(np.random.default_rng(0), effects=effects, data=("a", "b", "c"))
    comparison = compare(runs)
    row = comparison.across.iloc[0]
    answers = comparison.answers
    expected = random_effects(answers["estimate"].to_numpy(), (answers["sd"] / np.sqrt(8)).to_numpy())
    assert (len(comparison.across), row["model"], row["metric"], row["n_data"]) == (1, "mlp", "accuracy", 3)
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_one_data_set_says_nothing_of_others() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.02})
    assert compare(runs).across.empty
    several = pd.concat([runs.assign(**{"train.lr": lr, "data": data}) for lr, data in ((1, "a"), (2, "a"), (1, "b"))])
    found = compare(several).across
    assert found["model"].tolist() == ["mlp · train.lr=1"]
    assert found["n_data"].tolist() == [2]
