"""TCN: causal, and as far-sighted as it says."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from maskbench.models.tcn import tcn
from tests.models.properties import (
    PROPERTIES,
    a_missing_number_counts_as_0,
    built,
    masks_work_at_its_places,
    more_padding_changes_nothing,
    weights,
)

SMALL = partial(tcn, width=8, depth=2, kernel=3)


@pytest.mark.parametrize("kind", ["sequence", "tokens"])
@pytest.mark.parametrize("holds", PROPERTIES)
def test_it_is_a_model(kind, holds):
    holds(SMALL, kind)


@pytest.mark.parametrize("kind", ["sequence", "tokens"])
def test_masks_at_its_places(kind):
    masks_work_at_its_places(SMALL, kind, "tcn")


@pytest.mark.parametrize("kind", ["sequence", "tokens"])
def test_padding_has_no_say(kind):
    more_padding_changes_nothing(SMALL, kind)


def test_a_missing_channel():
    a_missing_number_counts_as_0(SMALL, "sequence")


@pytest.mark.parametrize(("width", "depth", "kernel"), [(5, 1, 3), (4, 3, 2), (3, 2, 4)])
def test_sizes_are_those_asked_for(width, depth, kernel):
    """A convolution has a direction per channel, its length and a bias."""
    model = built(partial(tcn, width=width, depth=depth, kernel=kernel), "sequence")
    inside = [(inputs * kernel + 2) * width for inputs in (3, *[width] * (2 * depth - 1))]
    around = (3 + 1) * width if width != 3 else 0
    assert weights(model) == sum(inside) + around + (width + 1) * 3


@pytest.mark.parametrize(("depth", "kernel"), [(1, 3), (2, 3), (3, 2)])
def test_the_last_step_sees_as_many_steps_as_it_says(depth, kernel):
    model = built(partial(tcn, width=16, depth=depth, kernel=kernel), "sequence")
    inputs = torch.randn(1, 40, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    model(inputs).square().sum().backward()
    seen = inputs.grad[0].abs().sum(1).nonzero()[:, 0]
    assert seen.tolist() == list(range(40 - (1 + 2 * (kernel - 1) * (2**depth - 1)), 40))


def test_blocks_add_to_what_they_get_and_rectify():
    steps = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    for block in built(SMALL, "sequence")[1:3]:
        first, second = block.added[0], block.added[3]
        expected = (block.around(steps) + second(first(steps).relu()).relu()).relu()
        torch.testing.assert_close(block(steps), expected)
        steps = expected


def test_no_step_sees_later_ones():
    blocks, inputs = built(SMALL, "sequence")[1:3], torch.randn(1, 9, 3)
    changed = inputs.clone()
    changed[:, 5:] += 1
    one, two = blocks(inputs), blocks(changed)
    assert torch.equal(one[:, :5], two[:, :5])
    assert not torch.isclose(one[:, 5:], two[:, 5:]).all()


def test_dropout_is_as_asked():
    model = built(partial(tcn, depth=2, dropout=0.3), "tokens")
    assert [layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)] == [0.3] * 4


@pytest.mark.parametrize(("width", "depth", "kernel"), [(0, 1, 3), (4, 0, 3), (4, 1, 1), (4, 1, 0)])
def test_sizes_that_cannot_be_are_refused(width, depth, kernel):
    with pytest.raises(ValueError, match=f"not {width}, {depth} and {kernel}"):
        built(partial(tcn, width=width, depth=depth, kernel=kernel), "tokens")
