"""The short form of benchmarks/truth.py: verdicts and intervals on sweeps whose truth is known."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from maskbench.comparison.simulated import NOISES, Noise, simulated_differences
from tests.helpers import REPOSITORY

SWEEPS = 400


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    spec = importlib.util.spec_from_file_location("truth", REPOSITORY / "benchmarks" / "truth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["truth"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def most(share: float) -> float:
    """What a true `share` exceeds with a chance of one in ten thousand over SWEEPS."""
    return float(stats.binom.isf(1e-4, SWEEPS, share)) / SWEEPS


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("seeds", "arms", "luck"), [(6, 36, 0.95), (10, 12, 0.8), (10, 1, 0.5)])
def test_null_sweeps_have_no_verdict(truth: ModuleType, seeds: int, arms: int, luck: float, noise: Noise) -> None:
    found = truth.measure(truth.Cell(seeds, arms, noise=noise, luck=luck), SWEEPS)
    assert found.helps <= most(0.025)
    assert found.hurts <= most(0.025)
    assert found.covered >= 1 - most(0.05)


@pytest.mark.parametrize(
    ("seeds", "missing", "pattern"),
    [(10, 0.15, "no arm helps"), (10, 0.0, "all but one hurt by 3"), (13, 0.0, "no arm helps")],
)
def test_neither_lost_runs_nor_harmful_arms_nor_sampled_flips_make_one(
    truth: ModuleType, seeds: int, missing: float, pattern: str
) -> None:
    found = truth.measure(truth.Cell(seeds, 6, pattern, luck=0.8, missing=missing), SWEEPS)
    assert found.helps <= most(0.025)
    assert found.hurts <= most(0.025)


@pytest.mark.parametrize("luck", [0.0, 0.95])
def test_an_effect_worth_having_is_not_called_equal(truth: ModuleType, luck: float) -> None:
    for shift in (truth.BOUND, -truth.BOUND):
        assert truth.measure(truth.Cell(10, 12, shift=shift, luck=luck), SWEEPS).equal <= most(0.025)


@pytest.mark.parametrize("pattern", ["a twelfth by 1.4", "from -2 to 0.7", "half hurt by 1.5"])
def test_intervals_hold_what_was_chosen(truth: ModuleType, pattern: str) -> None:
    found = truth.measure(truth.Cell(10, 12, pattern, luck=0.8), SWEEPS)
    assert 1 - most(0.05) <= found.covered <= 0.995


def test_a_planned_arm_is_found_as_often_as_theory_says(truth: ModuleType) -> None:
    for cell in truth.planned_cells((6, 10)):
        theory = truth.power(cell.shift, cell.seeds, 0.05)
        assert truth.measure(cell, SWEEPS).helps == pytest.approx(theory, abs=0.05 + 2 / np.sqrt(SWEEPS) / 2)


def test_the_choice_finds_more_than_max_t_and_bonferroni(truth: ModuleType) -> None:
    found = truth.measure(truth.Cell(10, 12, "a twelfth by 1.4", rivals=True), SWEEPS)
    assert found.helps > max(found.max_t, found.bonferroni)
    assert min(found.max_t, found.bonferroni) > 0.3


def test_the_whole_program_prints_its_tables(truth: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    truth.main(["--sweeps", "2", "--seeds", "6", "--arms", "1", "2", "--workers", "1"])
    printed = capsys.readouterr().out
    assert printed.count("## ") == 7
    assert "| 6 | 2 | binomial |" in printed
    assert "nan" not in printed


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("luck", [0.0, 0.8])
def test_simulated_differences_are_what_they_say(noise: Noise, luck: float) -> None:
    generator = np.random.default_rng(0)
    effects = np.array([0.0, 1.0])
    validation, test = simulated_differences(generator, effects=effects, seeds=60_000, noise=noise, shared_luck=luck)
    np.testing.assert_allclose(test.mean(axis=0), effects, atol=0.02)
    np.testing.assert_allclose(test.std(axis=0), 1, atol=0.1)
    assert np.corrcoef(test.T)[0, 1] == pytest.approx(0.5, abs=0.08)
    assert np.corrcoef(validation[:, 0], test[:, 0])[0, 1] == pytest.approx(luck, abs=0.08)
    assert abs(stats.skew(test[:, 0])) < (5 if noise == "heavy" else 0.1)
    assert (len(np.unique(test[:, 0].round(9))) < 1000) == (noise == "binomial")


def test_missing_runs_take_their_pairs_along() -> None:
    validation, test = simulated_differences(np.random.default_rng(0), effects=np.zeros(4), seeds=4000, missing=0.1)
    gone = np.isnan(test)
    np.testing.assert_array_equal(gone, np.isnan(validation))
    assert gone.mean() == pytest.approx(0.19, abs=0.01)
    assert gone.all(axis=1).mean() == pytest.approx(0.1, abs=0.015)
