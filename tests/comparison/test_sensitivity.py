"""How much an answer rests on one seed or one test, against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maskbench.comparison import compare
from maskbench.comparison.inference import Floats
from maskbench.comparison.selection import choose
from maskbench.comparison.sensitivity import relabel_p
from maskbench.comparison.simulated import simulated_differences, simulated_runs

EFFECTS = {("block", 0.1): 0.02, ("block", 0.3): 0.0}


def wide(runs: pd.DataFrame, part: str) -> Floats:
    table = runs.assign(rate=runs["rate"].fillna(0)).pivot(index="seed", columns="rate", values=part)
    return table.sub(table[0.0], axis=0)[[0.1, 0.3]].to_numpy()


def test_each_number_is_what_a_reader_would_compute() -> None:
    runs = simulated_runs(np.random.default_rng(2), effects=EFFECTS)
    comparison = compare(runs)
    row, answer = comparison.sensitivity.iloc[0], comparison.answers.iloc[0]
    validation, test = wide(runs, "val/accuracy"), wide(runs, "test/accuracy")
    dropped = [choose(np.delete(validation, i, 0), np.delete(test, i, 0), 0.005).differences.mean() for i in range(8)]
    differences = choose(validation, test, 0.005).differences
    assert row["estimate"] == answer["estimate"] == pytest.approx(differences.mean())
    assert (row["drop_low"], row["drop_high"]) == pytest.approx((min(dropped), max(dropped)))
    assert row["median"] == pytest.approx(np.median(differences))
    assert row["p_t"] == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert row["p_sign_flip"] == answer["p_value"]
    assert row["p_relabel"] == pytest.approx(relabel_p(validation, test))
    assert bool(row["stable"])


def test_an_answer_that_rests_on_one_seed_is_not_stable() -> None:
    six = simulated_runs(np.random.default_rng(7), effects={("block", 0.1): 0.5}, seeds=6)
    comparison = compare(six)
    assert comparison.answers["verdict"].tolist() == ["helps"]
    assert comparison.sensitivity["stable"].tolist() == [False]
    nothing = simulated_runs(np.random.default_rng(7), effects={("block", 0.1): 0.0}, noise=0.1)
    assert compare(nothing).sensitivity["stable"].tolist() == [True]


def test_a_dropped_seed_is_judged_beside_the_other_answers() -> None:
    """Seven seeds are just enough for the first of two answers, six are not; alone they are."""
    runs = simulated_runs(np.random.default_rng(7), effects={("block", 0.1): 0.5, ("b", 0.1): 0.5}, seeds=7)
    nothing = simulated_runs(np.random.default_rng(8), effects={("block", 0.1): 0.0}, seeds=7, data=("other",))
    comparison = compare(pd.concat([runs, nothing], ignore_index=True))
    assert comparison.answers["verdict"].tolist() == ["helps", "unsettled"]
    assert comparison.sensitivity["stable"].tolist() == [False, True]
    assert compare(runs).sensitivity["stable"].tolist() == [True]


def slow_relabel(validation: Floats, test: Floats) -> float:
    """Every way to hand out the labels within each seed, in plain loops."""
    seeds, arms = test.shape
    runs = [[(0.0, 0.0), *zip(validation[i], test[i], strict=True)] for i in range(seeds)]
    means = []
    for orders in itertools.product(itertools.permutations(range(arms + 1)), repeat=seeds):
        table = np.array([[runs[i][k] for k in order] for i, order in enumerate(orders)])
        table = table[:, 1:] - table[:, :1]
        picked = [np.delete(table[:, :, 0], i, 0).mean(axis=0).argmax() for i in range(seeds)]
        means.append(np.mean([table[i, arm, 1] for i, arm in enumerate(picked)]))
    observed = np.array(means)
    return float(min(1, 2 * min((observed >= means[0] - 1e-9).mean(), (observed <= means[0] + 1e-9).mean())))


def test_relabelling_is_a_sample_of_all_relabellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskbench.comparison.sensitivity.RELABELLINGS", 20_000)
    generator = np.random.default_rng(4)
    for shift in (0.0, 1.0):
        validation, test = simulated_differences(generator, effects=np.full(2, shift), seeds=4)
        assert relabel_p(validation, test) == pytest.approx(slow_relabel(validation, test), abs=0.02)


def test_relabelling_is_exact_for_skewed_results_and_missing_runs() -> None:
    generator = np.random.default_rng(5)
    p = [
        relabel_p(*simulated_differences(generator, effects=np.zeros(4), seeds=6, noise="skewed", missing=0.05))
        for _ in range(300)
    ]
    known = np.array([one for one in p if np.isfinite(one)])
    assert 0.02 <= (known <= 0.05).mean() <= 0.09
    assert 0.4 <= (known <= 0.5).mean() <= 0.6


def test_the_same_table_gives_the_same_p() -> None:
    validation, test = simulated_differences(np.random.default_rng(6), effects=np.zeros(3), seeds=7)
    assert relabel_p(validation, test) == relabel_p(validation, test)


def test_nothing_is_said_of_nothing() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects=EFFECTS, seeds=1)
    row = compare(runs).sensitivity.iloc[0]
    assert row[["drop_low", "median", "p_t", "p_relabel"]].isna().all()
    alone = compare(runs[runs["mask"] != "none"]).sensitivity.iloc[0]
    assert np.isnan(alone["estimate"])
