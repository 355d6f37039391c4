"""Mask: its checks, its rescaling and its context."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.attention import Unattended
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.contract import Context
from maskbench.masks.fills import Mean, Noise, Scale, Swap, Zero
from maskbench.masks.mask import Mask
from maskbench.masks.schedules import Ramp, Uniform
from tests.helpers import generator, random_context, random_inputs

COLUMNS, IMAGE = Features("columns", (7,)), Features("image", (3, 4, 5))


@pytest.mark.parametrize("rate", [-1e-9, 1 + 1e-9, math.nan, math.inf, -math.inf, True, False])
def test_a_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(ConfigError, match=r"rate is the share of hidden cells and lies in \[0, 1\], not"):
        Mask(Bernoulli(), Zero(), rate).check(COLUMNS)


@pytest.mark.parametrize("rate", [0, 0.0, 1e-3, 1, 1.0])
def test_a_rate_from_0_to_1_is_accepted(rate):
    Mask(Bernoulli(), Zero(), rate).check(COLUMNS)


def test_an_unknown_rescale_is_refused():
    with pytest.raises(ConfigError, match="rescale is one of none, inverted, sparsity, not 'inverse'"):
        Mask(Bernoulli(), Zero(), 0.5, "inverse").check(COLUMNS)


@pytest.mark.parametrize("fill", [Mean(), Noise(), Noise("add"), Noise("scale"), Swap()])
def test_inverted_is_refused_where_the_fill_is_no_factor(fill):
    with pytest.raises(ConfigError, match="rescale=inverted undoes a fill that shrinks"):
        Mask(Bernoulli(), fill, 0.5, "inverted").check(COLUMNS)


@pytest.mark.parametrize("fill", [Zero(), Scale(), Scale(0.5)])
def test_inverted_is_accepted_where_the_fill_is_a_factor(fill):
    Mask(Bernoulli(), fill, 0.5, "inverted").check(COLUMNS)


def test_the_checks_of_the_fill_are_made():
    with pytest.raises(ConfigError, match=r"fill\.std"):
        Mask(Bernoulli(), Noise(std=-1.0), 0.5).check(COLUMNS)


def test_inverted_zero_divides_what_is_left_by_the_share_that_is_left():
    inputs = random_inputs(50, (9,))
    masked = Mask(Bernoulli(), Zero(), 0.25, "inverted").fit(random_context((9,)))(inputs, generator(0))
    expected = np.where(masked.hidden.numpy(), 0, inputs.numpy() / np.float32(0.75))
    np.testing.assert_allclose(masked.inputs.numpy(), expected, rtol=1e-6)


def test_inverted_scale_divides_by_the_expected_factor():
    inputs = random_inputs(50, (9,))
    plain, inverted = (
        Mask(Bernoulli(), Scale(0.2), 0.5, rescale).fit(random_context((9,)))(inputs, generator(0)).inputs
        for rescale in ("none", "inverted")
    )
    np.testing.assert_allclose(inverted.numpy(), plain.numpy() / (1 - 0.5 * 0.8 / 2), rtol=1e-6)


def test_rescaling_comes_from_the_mask_and_not_from_the_hidden_share():
    inputs = torch.ones(200, 4)
    masked = Mask(Bernoulli(), Zero(), 0.5, "inverted").fit(random_context((4,)))(inputs, generator(0))
    assert set(masked.inputs.flatten().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(("shape", "axes"), [((7,), 0), ((3, 4, 5), (0, 2, 3)), ((6, 2), (0, 1))])
def test_context_holds_statistics_per_column_or_channel(shape, axes):
    context = random_context(shape, 31)
    rows = context.rows
    array = rows.double().numpy()
    np.testing.assert_allclose(context.mean.flatten().numpy(), array.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(context.std.flatten().numpy(), array.std(axes), rtol=1e-4)
    np.testing.assert_allclose(context.low.flatten().numpy(), array.min(axes))
    np.testing.assert_allclose(context.high.flatten().numpy(), array.max(axes))
    wanted = {1: (7,), 2: (2,), 3: (3, 1, 1)}[len(shape)]
    assert context.mean.shape == context.std.shape == context.low.shape == context.high.shape == wanted


def test_a_mask_is_a_value():
    assert Mask(Bernoulli(), Zero(), 0.5) == Mask(Bernoulli(), Zero(), 0.5)
    assert len({Mask(Bernoulli(), Zero(), 0.5), Mask(Bernoulli(), Zero(), 0.5), Mask(Bernoulli(), Zero(), 0.4)}) == 2
    with pytest.raises(AttributeError):
        Mask(Bernoulli(), Zero(), 0.5).rate = 0.1  # type: ignore[misc]


def test_statistics_leave_out_what_is_not_there():
    rows = torch.tensor([[1.0, math.nan], [3.0, 5.0], [math.nan, 9.0]])
    context = Context(rows, COLUMNS)
    assert context.mean.tolist() == [2, 7]
    assert context.std.tolist() == [1, 2]
    assert (context.low.tolist(), context.high.tolist()) == ([1, 5], [3, 9])


def test_sparsity_makes_up_for_each_samples_own_losses():
    inputs = torch.ones(200, 8)
    masked = Mask(Bernoulli(), Zero(), 0.5, "sparsity").fit(random_context((8,)))(inputs, generator(0))
    kept = 8 - masked.hidden.sum(1)
    for row, count in zip(masked.inputs, kept.tolist(), strict=True):
        assert row.sum() == pytest.approx(8 if count else 0)
    assert masked.inputs.isfinite().all()


def test_sparsity_is_refused_where_hidden_cells_are_not_0():
    with pytest.raises(ConfigError, match="rescale=sparsity makes up for cells that became 0; use mask/fill=zero"):
        Mask(Bernoulli(), Mean(), 0.5, "sparsity").check(COLUMNS)


@pytest.mark.parametrize("rescale", ["inverted", "sparsity"])
def test_rescaling_under_rates_per_sample_keeps_the_expected_input(rescale):
    inputs = torch.ones(40_000, 12)
    mask = Mask(Bernoulli(), Zero(), 0.4, rescale, schedule=Uniform(spread=0.8))
    means = mask.fit(random_context((12,)))(inputs, generator(0)).inputs.double().mean(1)
    assert abs(means.mean() - 1) < 5 * means.std() / 200 + 1e-3


def test_a_rate_is_set_or_amounts_from_the_patterns_own_parameters():
    features = Features("image", (1, 32, 32))
    assert Mask(Block(16), Zero(), None).rate_on(features) == pytest.approx(0.191, abs=5e-4)
    with pytest.raises(ConfigError, match=r"amount to a rate of 0\.191, and a rate is set as well"):
        Mask(Block(16), Zero(), 0.3).check(features)
    with pytest.raises(ConfigError, match=r"it needs a rate; set mask\.rate"):
        Mask(Block(), Zero(), None).check(features)
    with pytest.raises(ConfigError, match="a schedule moves the rate, and the pattern's own parameters fix it"):
        Mask(Block(16), Zero(), None, schedule=Ramp()).check(features)


def test_a_mask_works_where_its_parts_do():
    sequence = Features("sequence", (8, 4))
    Mask(Bernoulli("step"), Unattended(), 0.3, place="attention").check(sequence)
    with pytest.raises(ConfigError, match=r"fill Unattended works inside a model only; set mask\.place to a place of"):
        Mask(Bernoulli("step"), Unattended(), 0.3).check(sequence)
    with pytest.raises(ConfigError, match=r"pattern Block works on the input only; set mask\.place to input"):
        Mask(Block(), Zero(), 0.3, place="hidden").check(IMAGE)
    with pytest.raises(ConfigError, match="compounding overwrites the inputs without a model"):
        Mask(Bernoulli(), Zero(), 0.3, place="hidden", compounding=True).check(COLUMNS)


def test_one_step_is_kept_where_a_fill_needs_it_and_the_hidden_cells_say_so():
    inputs = random_inputs(4000, (5, 3))
    inputs[::2, 3:] = math.nan  # every other sequence is three steps long
    context = Context(inputs[:50], Features("sequence", (5, 3)))
    masking = Mask(Bernoulli("step"), Unattended(), 1.0, place="attention").fit(context)
    visible = ~masking(inputs, generator(0)).hidden[..., 0]
    there = ~inputs.isnan().any(2)
    assert ((visible & there).sum(1) == 1).all()
    shares = (visible & there)[1::2].double().mean(0)
    assert ((shares - 0.2).abs() < 5 * (0.16 / 2000) ** 0.5).all()
