"""The primary test: against brute force, and against studies whose truth is known."""

from __future__ import annotations

import itertools
import statistics

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from maskbench.comparison.inference import Floats, sign_flip_p
from maskbench.comparison.selection import RANDOM_FLIPS, choose, deviations, flip_patterns


def draw(
    generator: np.random.Generator, seeds: int, arms: int, shared: float, effect: float = 0.0
) -> tuple[Floats, Floats]:
    """Validation and test differences with unit noise, correlated by `shared`; half of the luck is all arms'."""
    luck = np.sqrt(0.5) * (generator.standard_normal((2, seeds, arms)) + generator.standard_normal((2, seeds, 1)))
    test = shared * luck[0] + np.sqrt(1 - shared**2) * luck[1]
    return luck[0] + effect, test + effect


def slow_deviations(table: Floats) -> list[float]:
    """Each arm's mean after taking out the seeds' means, shrunk as James and Stein do, in plain loops."""
    seeds, arms = table.shape
    centred = [[table[i, a] - np.nanmean(table[i]) for a in range(arms)] for i in range(seeds)]
    columns = [[row[a] for row in centred if np.isfinite(row[a])] for a in range(arms)]
    means = [statistics.fmean(column) for column in columns]
    means = [mean - statistics.fmean(means) for mean in means]
    noise = sum(statistics.variance(column) / len(column) for column in columns) / (arms - 1)
    spread = sum(mean**2 for mean in means) / (arms - 1)
    return [mean * max(0.0, 1 - noise / spread) for mean in means]


def slow_means(validation: Floats, test: Floats, effect: float) -> list[float]:
    """For every flip of the noise around `effect` and the arms' deviations: the mean beyond them of the choice.

    A flip that flips no seed with a difference shows what was seen.
    """
    seeds, arms = test.shape
    judged, worth = slow_deviations(validation), slow_deviations(test)
    level = statistics.fmean(float(np.nanmean(validation[i] - judged)) for i in range(seeds))
    observed: list[int] = []
    means = []
    for signs in itertools.product((1, -1), repeat=seeds):
        again = [[judged[a] + level + signs[i] * (validation[i, a] - judged[a] - level) for a in range(arms)]
                 for i in range(seeds)]  # fmt: skip
        enough = [arm for arm in range(arms) if 2 * (np.isfinite(test[:, arm]).sum() - 1) >= seeds - 1]
        picked = []
        for seed in range(seeds):
            others = np.delete(np.array(again), seed, axis=0)
            picked.append(max(enough, key=lambda arm: np.nanmean(others[:, arm])))
        observed = observed or picked
        there = [seed for seed in range(seeds) if np.isfinite(test[seed, observed[seed]])]
        rest = effect - statistics.fmean(worth[observed[seed]] for seed in there)
        there = [seed for seed in range(seeds) if np.isfinite(test[seed, picked[seed]])]
        if means and all(signs[i] == 1 for i in there):
            means.append(means[0])
        else:
            means.append(statistics.fmean(signs[i] * (test[i, picked[i]] - worth[picked[i]] - rest) for i in there))
    return means


@pytest.mark.parametrize("ragged", [False, True])
def test_p_is_the_count_over_all_flips_of_the_whole_procedure(ragged: bool) -> None:
    generator, truth = np.random.default_rng(5), np.array([0, 0, 0.5, 1])
    for _ in range(5):
        validation, test = draw(generator, 7, 4, 0.5, effect=0.4)
        validation, test = validation + truth, test + truth
        if ragged:
            absent = generator.random(test.shape) < 0.15
            absent[0] = absent[:, 0] = False
            validation[absent] = test[absent] = np.nan
        found = choose(validation, test, 0.3)
        tails = []
        for effect in (0.0, 0.3, -0.3):
            means = np.array(slow_means(validation, test, effect))
            tails.append(((means >= means[0] - 1e-12).mean(), (means <= means[0] + 1e-12).mean()))
        assert found.p == pytest.approx(min(1.0, 2 * min(tails[0])))
        assert found.p_equal == pytest.approx(max(tails[1][1], tails[2][0]))


def test_deviations_are_seen_where_arms_differ_and_not_in_noise() -> None:
    generator = np.random.default_rng(3)
    noise = generator.standard_normal((10, 8))
    everywhere = np.ones((10, 8), dtype=bool)
    truth = np.linspace(-3, 3, 8)
    np.testing.assert_allclose(deviations(noise + truth, everywhere), slow_deviations(noise + truth))
    np.testing.assert_allclose(deviations(noise + truth, everywhere), truth, atol=1.2)
    nothing = [np.abs(deviations(generator.standard_normal((10, 8)), everywhere)).max() for _ in range(200)]
    assert np.mean(np.array(nothing) == 0) > 0.4


def test_harmful_arms_make_no_verdict_about_a_chosen_arm_that_does_nothing() -> None:
    """Flipping whole differences would turn harmful arms into winners: too wide an interval, no power beside them."""
    generator = np.random.default_rng(9)
    effect = np.array([0.0] + [-3.0] * 5)
    found = [choose(v + effect, t + effect, 0.1) for v, t in (draw(generator, 10, 6, 0.5) for _ in range(200))]
    assert sum(one.p <= 0.05 for one in found) <= 20
    assert np.median([one.high - one.low for one in found]) < 1.9


def test_one_arm_needs_no_choice() -> None:
    validation, test = draw(np.random.default_rng(1), 9, 1, 0.5, effect=0.5)
    found = choose(validation, test, 0.1)
    np.testing.assert_array_equal(found.differences, test[:, 0])
    expected = stats.ttest_1samp(test[:, 0], 0)
    assert found.p == pytest.approx(max(expected.pvalue, 2**-8))
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p_equal == pytest.approx(DescrStatsW(test[:, 0]).ttost_mean(-0.1, 0.1)[0])


def test_hardly_any_spread_is_no_proof() -> None:
    """Six accuracies that differ by one item, and one by two, have a t test's p of 1e-4."""
    test = np.array([[1.0], [1.0], [1.0], [1.0], [1.0], [2.0]]) / 300
    assert stats.ttest_1samp(test[:, 0], 0).pvalue < 0.001
    assert choose(test, test, 0.1).p == 2**-5


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


def test_a_seed_without_the_arm_chosen_for_it_says_nothing() -> None:
    """The second best arm would stand in for it, and its harm be called the chosen one's."""
    validation, test = np.tile([1.0, 0.0], (8, 1)), np.tile([0.1, -9.0], (8, 1))
    validation[2, 0] = np.nan
    found = choose(validation, test, 0.1)
    assert np.flatnonzero(np.isnan(found.differences)).tolist() == [2]
    assert np.nanmean(found.differences) == pytest.approx(0.1)


def test_every_seed_is_judged_in_the_arm_with_the_best_mean_over_the_others() -> None:
    generator = np.random.default_rng(2)
    for _ in range(40):
        validation, test = draw(generator, 7, 6, 0.5)
        validation[generator.random(test.shape) < 0.2] = np.nan
        enough = 2 * (np.isfinite(validation).sum(axis=0) - 1) >= 6
        means = [np.nanmean(np.delete(validation[:, enough], seed, 0), axis=0) for seed in range(7)]
        picked = [np.flatnonzero(enough)[row.argmax()] for row in means]
        expected = [test[i, a] if np.isfinite(validation[i, a]) else np.nan for i, a in enumerate(picked)]
        np.testing.assert_array_equal(choose(validation, test, 0.1).differences, expected)


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
    assert not (first[1:] == 1).all(axis=1).any()
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
