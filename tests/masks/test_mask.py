"""Mask: its checks, its rescaling and its context."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.fills import Mean, Noise, Scale, Swap, Zero
from maskbench.masks.mask import Context, Mask
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
    with pytest.raises(ConfigError, match="rescale is one of none, inverted, not 'inverse'"):
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
    masked = Mask(Bernoulli(), Zero(), 0.25, "inverted")(inputs, generator(0), random_context((9,)))
    expected = np.where(masked.hidden.numpy(), 0, inputs.numpy() / np.float32(0.75))
    np.testing.assert_allclose(masked.inputs.numpy(), expected, rtol=1e-6)


def test_inverted_scale_divides_by_the_expected_factor():
    inputs = random_inputs(50, (9,))
    plain, inverted = (
        Mask(Bernoulli(), Scale(0.2), 0.5, rescale)(inputs, generator(0), random_context((9,))).inputs
        for rescale in ("none", "inverted")
    )
    np.testing.assert_allclose(inverted.numpy(), plain.numpy() / (1 - 0.5 * 0.8 / 2), rtol=1e-6)


def test_rescaling_comes_from_the_mask_and_not_from_the_hidden_share():
    inputs = torch.ones(200, 4)
    masked = Mask(Bernoulli(), Zero(), 0.5, "inverted")(inputs, generator(0), random_context((4,)))
    assert set(masked.inputs.flatten().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(("shape", "axes"), [((7,), 0), ((3, 4, 5), (0, 2, 3))])
def test_context_holds_statistics_per_column_or_channel(shape, axes):
    rows = random_inputs(31, shape)
    context = Context.of(rows)
    array = rows.double().numpy()
    np.testing.assert_allclose(context.mean.flatten().numpy(), array.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(context.std.flatten().numpy(), array.std(axes), rtol=1e-4)
    assert context.mean.shape == context.std.shape == ((7,) if len(shape) == 1 else (3, 1, 1))
    assert context.rows is rows


def test_a_mask_is_a_value():
    assert Mask(Bernoulli(), Zero(), 0.5) == Mask(Bernoulli(), Zero(), 0.5)
    assert len({Mask(Bernoulli(), Zero(), 0.5), Mask(Bernoulli(), Zero(), 0.5), Mask(Bernoulli(), Zero(), 0.4)}) == 2
    with pytest.raises(AttributeError):
        Mask(Bernoulli(), Zero(), 0.5).rate = 0.1  # type: ignore[misc]
