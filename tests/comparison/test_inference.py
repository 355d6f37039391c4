"""Numbers about few paired differences, against scipy, statsmodels and brute force."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from maskbench.comparison.inference import (
    adjusted,
    all_flips,
    equivalence_p,
    paired_t_p,
    pairs_needed,
    sign_flip_p,
    t_interval,
    verdict,
)

NAN = float("nan")


@pytest.fixture
def differences() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(3).normal(0.3, 1.0, size=(9, 4))


def test_t_interval_is_scipys(differences: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    low, high = t_interval(differences)
    expected = stats.ttest_rel(differences, np.zeros_like(differences)).confidence_interval(0.95)
    np.testing.assert_allclose(low, expected.low)
    np.testing.assert_allclose(high, expected.high)


def test_equivalence_is_statsmodels_tost(differences: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    bounds = np.array([0.1, 0.5, 1.0, 2.0])
    expected = [DescrStatsW(d).ttost_mean(-b, b)[0] for d, b in zip(differences.T, bounds, strict=True)]
    np.testing.assert_allclose(equivalence_p(differences, bounds), expected)


@pytest.mark.parametrize("n", [1, 3, 12, 15])
def test_half_and_half_is_every_flip(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1.0, size=(n, 3))
    values[:, 2] = np.round(values[:, 2])
    sums = np.abs(all_flips(n) @ values)
    expected = (sums >= np.abs(values.sum(axis=0)) - 1e-9).mean(axis=0)
    np.testing.assert_allclose(sign_flip_p(values), expected)


def test_the_t_test_of_a_planned_arm_claims_no_more_than_flips_can(
    differences: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    expected = np.maximum(stats.ttest_1samp(differences, 0).pvalue, 2.0**-8)
    np.testing.assert_allclose(paired_t_p(differences), expected)
    assert paired_t_p(np.ones((6, 1)))[0] == 2**-5
    assert paired_t_p(np.zeros((6, 1)))[0] == 1


@pytest.mark.parametrize("n", [2, 5, 8])
def test_sign_flip_is_scipys_permutation_test(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1.0, size=n)
    expected = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=10**6).pvalue
    assert sign_flip_p(values[:, None])[0] == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_sign_flip_is_the_count_of_all_flips_even_with_ties(values: list[int]) -> None:
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    expected = np.mean([total >= abs(sum(values)) for total in sums])
    assert sign_flip_p(np.array(values, dtype=float)[:, None] / 10)[0] == pytest.approx(expected)


def test_many_columns_of_sixteen_pairs_need_little_memory() -> None:
    values = np.random.default_rng(0).standard_normal((16, 2000))
    tracemalloc.start()
    sign_flip_p(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20


def test_above_sixteen_pairs_the_t_test_takes_over() -> None:
    values = np.random.default_rng(0).normal(0.2, 1.0, size=(17, 2))
    np.testing.assert_allclose(sign_flip_p(values), stats.ttest_1samp(values, 0).pvalue)
    assert sign_flip_p(np.zeros((17, 1)))[0] == 1
    assert sign_flip_p(np.ones((17, 1)))[0] < 0.001


@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_no_spread_gives_no_interval_and_no_equivalence(constant: float) -> None:
    values = np.full((8, 1), constant)
    assert np.isnan(t_interval(values)).all()
    assert np.isnan(equivalence_p(values, np.array([1.0]))).all()


def test_one_pair_gives_nothing_but_a_p_of_one() -> None:
    values = np.array([[0.4]])
    assert np.isnan(t_interval(values)).all()
    assert np.isnan(equivalence_p(values, np.array([1.0]))).all()
    assert sign_flip_p(values)[0] == 1


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_adjustment_is_that_of_statsmodels(method: str, size: int) -> None:
    p_values = np.round(np.random.default_rng(size).random(size) ** 3, 2)  # some tie
    expected = multipletests(p_values, method=method)[1]
    np.testing.assert_allclose(adjusted(p_values, method), expected, atol=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_a_missing_p_stays_missing_and_still_counts(method: str) -> None:
    found = adjusted(np.array([0.01, NAN, 0.02]), method)  # type: ignore[arg-type]
    expected = multipletests([0.01, 1.0, 0.02], method=method)[1]
    np.testing.assert_allclose(found, [expected[0], NAN, expected[2]])
    assert np.isnan(adjusted(np.array([NAN]), method)).all()  # type: ignore[arg-type]


def test_flips_start_unflipped_and_are_all_different() -> None:
    flips = all_flips(4)
    assert (flips[0] == 1).all()
    assert len(np.unique(flips, axis=0)) == 16


@pytest.mark.parametrize(
    ("mean", "p", "p_equal", "n", "word"),
    [
        (1.0, 0.05, NAN, 6, "helps"),
        (-1.0, 0.05, NAN, 6, "hurts"),
        (1.0, 0.051, 0.026, 6, "unsettled"),
        (1.0, 0.9, 0.025, 6, "equal"),
        (1.0, 0.001, 0.025, 6, "equal"),
        (1.0, 0.0, 0.0, 5, "unsettled"),
        (NAN, NAN, NAN, 0, "unsettled"),
    ],
)
def test_verdict(mean: float, p: float, p_equal: float, n: int, word: str) -> None:
    assert verdict(mean, p, p_equal, n) == word


def test_pairs_needed_are_those_of_the_statistics_table() -> None:
    assert [pairs_needed(m) for m in (1, 5, 10, 20, 45)] == [6, 8, 9, 10, 11]
