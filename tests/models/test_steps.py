"""Layers of steps: only what is there counts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from maskbench.models.steps import Average, BatchNorm, Convolution, Flat, Known, StepNorm, present

STEPS = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0)) + 2
THERE = torch.arange(6) < torch.tensor([6, 4, 1, 0])[:, None]
HOLED = STEPS.where(THERE[..., None], math.nan)


def test_what_is_not_there_is_0_and_infinity_stays():
    values = torch.tensor([[1.0, math.nan], [math.inf, -math.inf]])
    assert Known()(values).tolist() == [[1, 0], [math.inf, -math.inf]]
    assert Flat()(values[None]).tolist() == [[1, 0, math.inf, -math.inf]]


def test_which_steps_are_there():
    assert torch.equal(present(HOLED), THERE)


def test_the_average_is_over_the_steps_that_are_there():
    expected = torch.stack([STEPS[0].mean(0), STEPS[1, :4].mean(0), STEPS[2, 0], torch.zeros(3)])
    torch.testing.assert_close(Average()(HOLED), expected)


@pytest.mark.parametrize("shape", [(7, 3), (7, 3, 5), (7, 3, 4, 5)])
def test_batch_normalisation_is_that_of_torch(shape):
    ours, theirs = BatchNorm(3), (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(3)
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    torch.testing.assert_close(ours(values), theirs(values))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(values), theirs.eval()(values))


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1), (0, 3)])
def test_a_batch_without_spread_is_normalised_as_in_evaluation_and_moves_no_statistic(shape):
    norm = BatchNorm(3)
    norm(torch.randn(9, 3) + 4)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    values = torch.ones(shape)
    found = norm(values)
    torch.testing.assert_close(norm.state_dict(), before)
    torch.testing.assert_close(found, norm.eval()(values))


def test_statistics_are_those_of_the_steps_that_are_there():
    norm, plain = StepNorm(3), nn.BatchNorm1d(3)
    found = norm(HOLED)
    assert torch.equal(present(found), THERE)
    torch.testing.assert_close(found[THERE], plain(STEPS[THERE]))
    torch.testing.assert_close(norm.state_dict(), plain.state_dict())


@pytest.mark.parametrize(("kernel", "dilation", "causal"), [(8, 1, False), (3, 1, False), (1, 1, False), (3, 2, True)])
def test_a_convolution_of_a_padded_example_is_that_of_the_example(kernel, dilation, causal):
    layer = Convolution(3, 5, kernel, dilation, causal)
    found, reach = layer(HOLED), dilation * (kernel - 1)
    assert found.shape == (4, 6, 5)
    assert torch.equal(present(found), THERE)
    left = reach if causal else reach // 2
    for example, steps in enumerate((6, 4, 1)):
        values = torch.zeros(steps + reach, 3)
        values[left : left + steps] = STEPS[example, :steps]
        windows = torch.stack([values[start : start + reach + 1 : dilation] for start in range(steps)])
        expected = torch.einsum("tkc,dck->td", windows, layer.convolve.weight) + layer.convolve.bias
        torch.testing.assert_close(found[example, :steps], expected, rtol=1e-4, atol=1e-5)
