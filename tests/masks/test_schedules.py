"""Schedules: the mean over a training is the rate, and the rate is a function of the moment."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskbench.config.build import mask_of
from maskbench.config.compose import typed
from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.contract import Context
from maskbench.masks.exact_count import ExactCount
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask, counted
from maskbench.masks.schedules import Constant, Cyclic, Moment, Ramp, Schedule, Uniform
from tests.helpers import generator, globals_as_found, options, random_inputs, stock

RAMPS = [Ramp(), Ramp(direction="down"), Ramp(cosine=True), Ramp(direction="down", cosine=True)]
FIXED: list[Schedule] = [Constant(), *RAMPS, Cyclic(), Cyclic(levels=2)]
DRAWN: list[Schedule] = [Uniform(), Uniform(per="batch")]
RATES = (0.0, 0.001, 0.15, 0.5, 0.8, 1.0)


def rate_at(schedule: Schedule, rate: float, moment: Moment) -> float:
    found = schedule.rates(rate, moment, 3, generator(0))
    assert (found.shape, found.dtype) == ((1,), torch.float64)
    return found.item()


def course(schedule: Schedule, rate: float, epochs: int = 8, per_epoch: int = 5) -> list[float]:
    """The rate at every step of a training."""
    steps = epochs * per_epoch
    return [rate_at(schedule, rate, Moment(step // per_epoch, step, steps)) for step in range(steps)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("schedule", FIXED, ids=str)
def test_the_mean_over_a_training_is_the_rate(schedule, rate):
    rates = course(schedule, rate)
    assert np.mean(rates) == pytest.approx(rate, abs=1e-12)
    low, high = schedule.reach(rate)
    assert min(rates) == pytest.approx(low, abs=1e-12)
    assert max(rates) == pytest.approx(high, abs=1e-12)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.floats(0, 1), st.floats(0.01, 1), st.integers(1, 40), st.sampled_from(["up", "down"]), st.booleans())
def test_the_mean_of_a_ramp_is_the_rate_for_any_number_of_steps(rate, spread, steps, direction, cosine):
    schedule = Ramp(spread, direction, cosine)
    rates = [rate_at(schedule, rate, Moment(0, step, steps)) for step in range(steps)]
    assert np.mean(rates) == pytest.approx(rate, abs=1e-9)
    assert min(rates) >= 0
    assert max(rates) <= 1


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.floats(0, 1), st.floats(0.01, 1), st.integers(2, 7), st.integers(0, 5))
def test_the_mean_of_a_cycle_is_the_rate_wherever_it_starts(rate, spread, levels, start):
    rates = [rate_at(Cyclic(spread, levels), rate, Moment(start + epoch, 0, 9)) for epoch in range(levels)]
    assert np.mean(rates) == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [0.3, 0.3, 0.3, 0.3, 0.3]),
        (Ramp(), [0.0, 0.15, 0.3, 0.45, 0.6]),
        (Ramp(direction="down"), [0.6, 0.45, 0.3, 0.15, 0.0]),
        (Ramp(0.5), [0.15, 0.225, 0.3, 0.375, 0.45]),
        (Ramp(cosine=True), [0.0, 0.3 - 0.3 / 2**0.5, 0.3, 0.3 + 0.3 / 2**0.5, 0.6]),
        (Ramp(0.5, "down", True), [0.45, 0.3 + 0.15 / 2**0.5, 0.3, 0.3 - 0.15 / 2**0.5, 0.15]),
    ],
    ids=str,
)
def test_the_course_over_five_steps(schedule, expected):
    assert course(schedule, 0.3, epochs=1) == pytest.approx(expected, abs=1e-12)


def test_a_ramp_towards_the_nearer_end():
    """Around 0.8 a rate can move by 0.2."""
    assert course(Ramp(), 0.8, epochs=1) == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0])


def test_a_cycle_falls_epoch_by_epoch_and_starts_again():
    assert course(Cyclic(), 0.3, epochs=6, per_epoch=2) == pytest.approx(
        [0.6, 0.6, 0.4, 0.4, 0.2, 0.2, 0.0, 0.0, 0.6, 0.6, 0.4, 0.4]
    )
    assert course(Cyclic(spread=0.5, levels=2), 0.4, epochs=4, per_epoch=1) == pytest.approx([0.6, 0.2, 0.6, 0.2])


@pytest.mark.parametrize("schedule", [*RAMPS, Constant()], ids=str)
def test_a_training_of_one_step_has_the_rate_itself(schedule):
    assert rate_at(schedule, 0.3, Moment(0, 0, 1)) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("rate", "spread", "expected"),
    [(0.3, 1, (0, 0.6)), (0.8, 1, (0.6, 1)), (0.5, 0.5, (0.25, 0.75)), (0.0, 1, (0, 0)), (1.0, 1, (1, 1))],
)
@pytest.mark.parametrize("kind", [Ramp, Cyclic, Uniform])
def test_the_reach(rate, spread, expected, kind):
    assert kind(spread).reach(rate) == pytest.approx(expected)
    assert Constant().reach(rate) == (rate, rate)


def test_progress_goes_from_0_to_1():
    assert [Moment(0, step, 5).progress for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert Moment(0, 0, 1).progress == 0.5


# Draws


@pytest.mark.parametrize("rate", [0.15, 0.5, 0.8])
@pytest.mark.parametrize("spread", [0.4, 1.0])
def test_uniform_draws_fill_the_reach_evenly(rate, spread):
    stream = generator(1)
    per_sample = Uniform(spread).rates(rate, Moment(), 8192, stream)
    per_batch = torch.cat([Uniform(spread, per="batch").rates(rate, Moment(), 64, stream) for _ in range(8192)])
    low, high = Uniform(spread).reach(rate)
    for drawn in (per_sample, per_batch):
        assert (drawn.shape, drawn.dtype) == ((8192,), torch.float64)
        assert abs(drawn.mean() - rate) <= 5 * (high - low) / 12**0.5 / 8192**0.5
        assert stats.kstest(drawn.numpy(), "uniform", (low, high - low)).pvalue > 1e-6


@pytest.mark.parametrize(("per", "expected"), [("sample", 7), ("batch", 1)])
def test_how_many_rates_are_drawn(per, expected):
    assert len(set(Uniform(per=per).rates(0.3, Moment(), 7, generator(0)).tolist())) == expected


def test_no_samples_need_no_rates():
    assert Uniform().rates(0.3, Moment(), 0, generator(0)).shape == (0,)


@pytest.mark.parametrize(("pattern", "cells"), [(Bernoulli(), 9), (ExactCount(), 9)], ids=["bernoulli", "exact_count"])
def test_rates_uniform_over_all_give_every_count_the_same_chance(pattern, cells):
    """Bernoulli: C(n, k) p^k (1-p)^(n-k) integrates to 1 / (n+1). Exact counts: floor(9 p + u), halves at the ends."""
    mask = Mask(pattern, Zero(), 0.5, schedule=Uniform())
    context = Context(random_inputs(5, (cells,)), Features("columns", (cells,)))
    masked = mask.fit(context)(random_inputs(20_000, (cells,)), generator(2))
    found = np.bincount(counted(masked.hidden, masked.batch)[0].numpy(), minlength=cells + 1)
    weights = np.full(cells + 1, 1 / (cells + 1))
    if isinstance(pattern, ExactCount):
        weights = np.array([0.5, *[1] * (cells - 1), 0.5]) / cells
    assert stats.chisquare(found, 20_000 * weights).pvalue > 1e-6


# Resuming


@pytest.mark.parametrize("schedule", FIXED, ids=str)
def test_a_fixed_rate_is_a_function_of_the_moment(schedule):
    """Asked in any order, with any batch and any stream; nothing is drawn."""
    moments = [Moment(step // 4, step, 20) for step in range(20)]
    forwards = [rate_at(schedule, 0.3, moment) for moment in moments]
    backwards = [rate_at(schedule, 0.3, moment) for moment in reversed(moments)]
    assert forwards == backwards[::-1]
    stream = generator(3)
    before = stream.get_state()
    assert [schedule.rates(0.3, moment, 99, stream).item() for moment in moments] == forwards
    assert torch.equal(stream.get_state(), before)


@pytest.mark.parametrize("schedule", DRAWN, ids=str)
def test_a_drawn_rate_is_a_function_of_the_stream(schedule):
    """The same amount is drawn at every rate, and the same draw is the same place within the reach."""
    one, two = generator(4), generator(4)
    low = schedule.rates(0.1, Moment(0, 0, 9), 5, one)
    high = schedule.rates(0.4, Moment(3, 7, 9), 5, two)
    assert torch.equal(one.get_state(), two.get_state())
    torch.testing.assert_close(low / 0.2, high / 0.8)
    with globals_as_found():
        schedule.rates(0.1, Moment(), 5, one)


# Settings


@pytest.mark.parametrize("kind", [Ramp, Cyclic, Uniform])
@pytest.mark.parametrize("spread", [0.0, -0.1, 1.01, math.nan])
def test_a_spread_that_cannot_be_is_refused(kind, spread):
    with pytest.raises(ConfigError, match=r"schedule\.spread is how far the rate moves and lies in \(0, 1\], not"):
        kind(spread).check()


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Ramp(direction="sideways"), r"schedule\.direction is up or down, not 'sideways'"),
        (Cyclic(levels=1), r"schedule\.levels is the number of rates in a cycle and at least 2, not 1"),
        (Uniform(per="epoch"), r"schedule\.per is batch or sample, not 'epoch'"),
    ],
    ids=["direction", "levels", "per"],
)
def test_settings_that_cannot_be_are_refused(schedule, message):
    with pytest.raises(ConfigError, match=message):
        Mask(Bernoulli(), Zero(), 0.3, schedule=schedule).check(Features("columns", (5,)))


@pytest.mark.parametrize("schedule", [*FIXED, *DRAWN], ids=str)
def test_settings_that_can_be_are_accepted(schedule):
    Mask(Bernoulli(), Zero(), 0.3, schedule=schedule).check(Features("columns", (5,)))


def test_the_menu_has_every_schedule():
    found = {
        name: mask_of(typed(stock(["mask=bernoulli", f"mask/schedule={name}"])).mask)
        for name in options("mask/schedule")
    }
    assert {name: mask.schedule for name, mask in found.items() if mask} == {
        "constant": Constant(),
        "cosine": Ramp(cosine=True),
        "cyclic_decay": Cyclic(),
        "linear_down": Ramp(direction="down"),
        "linear_up": Ramp(),
        "uniform_per_batch": Uniform(per="batch"),
        "uniform_per_sample": Uniform(),
    }
