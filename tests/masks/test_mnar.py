"""Missing not at random: quantiles and logistic curves of every column's own values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit

from maskbench.masks.missing import Mnar
from tests.helpers import generator
from tests.masks.missingness import LIMIT, RATES, close, context, draw, frequencies, intercept, table


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_hard_mnar_hides_what_is_above_the_quantile(rate):
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(1000, 3)) * [1, 10, 100] + [0, -50, 7]).float()
    hidden = draw(Mnar().fit(context(rows)), rows, rate)
    threshold = np.quantile(rows.numpy(), 1 - rate, axis=0, method="inverted_cdf")
    assert np.array_equal(hidden.numpy(), rows.numpy() > threshold)
    assert (hidden.sum(0) == round(1000 * rate)).all()


@pytest.mark.parametrize("rate", [0.0, 0.07, 0.3, 0.5, 0.81, 1.0])
def test_hard_mnar_splits_ties_at_random(rate):
    values = [0, 0, 0, 0, 1, 1, 1, 5, 5, 9, 9]
    rows = torch.tensor([values, values[::-1], [3] * 11], dtype=torch.float32).T
    found = frequencies(Mnar().fit(context(rows)), rows, rate, draws=4096)
    ordered = sorted(values, reverse=True)
    for row, value in enumerate(values):
        places = [place for place, other in enumerate(ordered) if other == value]
        expected = sum(min(max(rate * 11 - place, 0), 1) for place in places) / len(places)
        error = LIMIT * (expected * (1 - expected) / 4096) ** 0.5 + 1e-12
        assert abs(found[row, 0].item() - expected) <= error
        assert abs(found[10 - row, 1].item() - expected) <= error
        assert abs(found[row, 2].item() - rate) <= LIMIT * (rate * (1 - rate) / 4096) ** 0.5 + 1e-12  # constant


@pytest.mark.parametrize("slope", [None, 1.0, 5.0])
@pytest.mark.parametrize("side", ["high", "low"])
@pytest.mark.parametrize("rate", RATES)
def test_mnar_hides_the_rate_of_every_column(slope, side, rate):
    rows = table(7)
    rows[torch.rand(rows.shape, generator=generator(1)) < 0.2] = math.nan
    there = ~rows.isnan()
    found = frequencies(Mnar(side=side, slope=slope).fit(context(rows)), rows, rate, draws=8)
    shares = found.sum(0) / there.sum(0)
    assert ((shares - rate).abs() <= LIMIT * (rate * (1 - rate) / (8 * there.sum(0))).sqrt() + 1e-12).all()
    means = (found * rows.nan_to_num()).sum(0) / found.sum(0)
    away = means - rows.nanmean(0)
    assert (away > 0 if side == "high" else away < 0).all() or rate < 0.01


def test_soft_mnar_is_logistic_in_the_own_value():
    rows = table(3, 300)
    standardised = ((rows - rows.mean(0)) / rows.std(0, correction=0)).double().numpy()
    found = frequencies(Mnar(slope=1.5).fit(context(rows)), rows, 0.3)
    expected = np.stack([expit(1.5 * column + intercept(1.5 * column, 0.3)) for column in standardised.T], 1)
    assert abs(standardised).max() * 1.5 < 12
    assert close(found, torch.from_numpy(expected), 400)


def test_low_is_high_of_the_negative():
    rows = table(6)
    for slope in (None, 2.0):
        low = draw(Mnar(side="low", slope=slope).fit(context(rows)), rows, 0.3)
        assert torch.equal(low, draw(Mnar(slope=slope).fit(context(-rows)), -rows, 0.3))


@pytest.mark.parametrize("pattern", [Mnar(), Mnar(slope=3.0), Mnar(slope=50.0), Mnar(side="low")])
def test_rates_0_and_1_hold_beyond_the_train_part(pattern):
    rows = table(4)
    rows[0] = 1e3  # an outlier: its score is far from all others
    fitted = pattern.fit(context(rows))
    beyond = torch.cat([rows + 1e6, rows - 1e6])
    assert not draw(fitted, beyond, 0.0).any()
    assert draw(fitted, beyond, 1.0).all()
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(len(rows))
    assert torch.equal(draw(fitted, beyond, ends), (ends == 1)[:, None].expand(beyond.shape))


def test_a_channel_of_a_sequence_is_one_column_over_time():
    rows = table(6, 400).view(400, 2, 3).repeat(1, 2, 1)
    for pattern in (Mnar(), Mnar(slope=2.0)):
        found = draw(pattern.fit(context(rows)), rows, 0.3)
        flat = draw(pattern.fit(context(rows.flatten(0, 1))), rows.flatten(0, 1), 0.3)
        assert torch.equal(found, flat.view(rows.shape))
        rates = torch.rand(400, generator=generator(0), dtype=torch.float64)
        each = draw(pattern.fit(context(rows)), rows, rates)
        spread = draw(pattern.fit(context(rows.flatten(0, 1))), rows.flatten(0, 1), rates.repeat_interleave(4))
        assert torch.equal(each, spread.view(rows.shape))


def test_a_column_constant_on_the_train_part_loses_cells_at_random():
    rows = table(3)
    rows[:, 1] = 0.1
    fitted = Mnar(slope=1.0).fit(context(rows))
    other = rows.clone()
    other[:, 1] = torch.linspace(-9, 9, len(rows))
    found = frequencies(fitted, other, 0.3)[:, 1]
    assert close(found, 0.3, 400)
