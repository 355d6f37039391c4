"""The primary test: against brute force, and against studies whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from maskbench.comparison.inference import Floats, sign_flip_p
from maskbench.comparison.selection import RANDOM_FLIPS, choose, flip_patterns


def draw(
    generator: np.random.Generator, seeds: int, arms: int, shared: float, effect: float = 0.0
) -> tuple[Floats, Floats]:
    """Validation and test differences with unit noise, correlated by `shared`; half of the luck is all arms'."""
    luck = np.sqrt(0.5) * (generator.standard_normal((2, seeds, arms)) + generator.standard_normal((2, seeds, 1)))
    test = shared * luck[0] + np.sqrt(1 - shared**2) * luck[1]
    return luck[0] + effect, test + effect


def slow_means(validation: Floats, test: Floats) -> list[float]:
    """The leave-one-seed-out mean for every flip, in plain loops over the definition."""
    means = []
    for signs in itertools.product((1, -1), repeat=len(test)):
        flipped_validation = validation * np.array(signs)[:, None]
        flipped_test = test * np.array(signs)[:, None]
        chosen = []
        for seed in range(len(test)):
            others = np.delete(flipped_validation, seed, axis=0)
            candidates = [
                arm
                for arm in range(test.shape[1])
                if np.isfinite(flipped_test[seed, arm]) and 2 * np.isfinite(others[:, arm]).sum() >= len(others)
            ]
            if candidates:
                best = max(candidates, key=lambda arm: np.nanmean(others[:, arm]))
                chosen.append(flipped_test[seed, best])
        means.append(float(np.mean(chosen)))
    return means


@pytest.mark.parametrize("ragged", [False, True])
def test_p_is_the_count_over_all_flips_of_the_whole_procedure(ragged: bool) -> None:
    generator = np.random.default_rng(5)
    for _ in range(5):
        validation, test = draw(generator, 6, 4, 0.5, effect=0.4)
        if ragged:
            absent = generator.random(test.shape) < 0.2
            absent[0] = False
            validation[absent] = test[absent] = np.nan
        means = np.array(slow_means(validation, test))
        above, below = (means >= means[0] - 1e-12).mean(), (means <= means[0] + 1e-12).mean()
        found = choose(validation, test, 0.1)
        assert np.nanmean(found.differences) == pytest.approx(means[0])
        assert found.p == pytest.approx(min(1.0, 2 * min(above, below)))


def test_one_arm_needs_no_choice() -> None:
    validation, test = draw(np.random.default_rng(1), 9, 1, 0.5, effect=0.5)
    found = choose(validation, test, 0.1)
    np.testing.assert_array_equal(found.differences, test[:, 0])
    assert found.p == pytest.approx(sign_flip_p(test)[0])


def test_each_seed_is_judged_in_the_arm_the_others_choose() -> None:
    validation = np.array([[9.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    test = np.array([[10.0, 1.0], [20.0, 2.0], [30.0, 3.0]])
    found = choose(validation, test, 0.1)
    assert found.differences.tolist() == [1.0, 20.0, 30.0]
    assert found.arm == 0


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    validation, test = draw(np.random.default_rng(8), 8, 5, 0.5, effect=1.0)
    found = choose(validation, test, 0.1)
    assert found.low < np.nanmean(found.differences) < found.high
    for bound, inside in ((found.low, 1), (found.high, -1)):
        assert choose(validation - bound - inside * 0.02, test - bound - inside * 0.02, 0.1).p > 0.05
        assert choose(validation - bound + inside * 0.02, test - bound + inside * 0.02, 0.1).p <= 0.05


def test_equal_needs_both_sides() -> None:
    validation, test = draw(np.random.default_rng(2), 10, 3, 0.5)
    assert choose(validation, test, 5.0).p_equal <= 0.025
    assert choose(validation, test, 0.01).p_equal > 0.025
    assert choose(validation + 5, test + 5, 5.0).p_equal > 0.025
    assert choose(validation - 5, test - 5, 5.0).p_equal > 0.025


def test_no_spread_is_no_certainty() -> None:
    found = choose(np.zeros((8, 3)), np.zeros((8, 3)), 0.1)
    assert found.p == 1
    assert np.isnan([found.p_equal, found.low, found.high]).all()


def test_one_seed_cannot_choose_among_arms() -> None:
    found = choose(np.ones((1, 3)), np.ones((1, 3)), 0.1)
    assert np.isnan(found.p)
    assert np.isnan(found.differences).all()


def test_an_arm_with_few_seeds_is_not_chosen() -> None:
    validation, test = np.ones((6, 2)), np.ones((6, 2))
    validation[:2, 1], validation[2:, 1] = 99.0, np.nan
    found = choose(validation, test, 0.1)
    assert found.arm == 0
    assert found.differences.tolist() == [1.0] * 6


def test_many_seeds_use_a_fixed_sample_of_flips() -> None:
    first, second = flip_patterns(13), flip_patterns(13)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (RANDOM_FLIPS, 13)
    assert (first[0] == 1).all()
    assert len(np.unique(first[1:], axis=0)) > 1000


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.8])
def test_null_sweeps_are_seldom_called_a_success(shared: float) -> None:
    """At most 2.5 % helps and 2.5 % hurts: 250 sweeps give at most 15 of each with a chance of 99.9 %."""
    generator = np.random.default_rng(11)
    found = [choose(*draw(generator, 8, 12, shared), 1.0) for _ in range(250)]
    signs = [np.sign(np.nanmean(one.differences)) for one in found if one.p <= 0.05]
    assert signs.count(1) <= 15
    assert signs.count(-1) <= 15
    covered = [one.low <= 0 <= one.high for one in found]
    assert np.mean(covered) >= 0.9


def test_the_naive_habit_fails_where_this_test_holds() -> None:
    """The paired t test on the arm that looks best on test calls far more null sweeps a success."""
    generator = np.random.default_rng(12)
    naive = honest = 0
    for _ in range(120):
        validation, test = draw(generator, 8, 12, 0.8)
        best = test[:, [test.mean(axis=0).argmax()]]
        naive += bool(sign_flip_p(best)[0] <= 0.05 and best.mean() > 0)
        found = choose(validation, test, 1.0)
        honest += bool(found.p <= 0.05 and np.nanmean(found.differences) > 0)
    assert naive >= 12
    assert honest <= 9


def test_a_planted_effect_is_found() -> None:
    """3 arms of 12 are better by 1.4 sd; at 10 seeds four of five sweeps should show it."""
    generator = np.random.default_rng(13)
    effect = np.repeat([1.4, 0.0], [3, 9])
    wins = 0
    for _ in range(30):
        validation, test = draw(generator, 10, 12, 0.5)
        found = choose(validation + effect, test + effect, 0.1)
        wins += bool(found.p <= 0.05 and np.nanmean(found.differences) > 0)
    assert wins >= 20
