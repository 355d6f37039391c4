"""GRU: the last state of the steps that are there."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from maskbench.models.gru import gru
from tests.models.properties import (
    PROPERTIES,
    a_missing_number_counts_as_0,
    built,
    masks_work_at_its_places,
    more_padding_changes_nothing,
    task,
    weights,
)

SMALL = partial(gru, width=8)


@pytest.mark.parametrize("kind", ["sequence", "tokens"])
@pytest.mark.parametrize("holds", PROPERTIES)
def test_it_is_a_model(kind, holds):
    holds(SMALL, kind)


@pytest.mark.parametrize("kind", ["sequence", "tokens"])
def test_masks_at_its_places(kind):
    masks_work_at_its_places(SMALL, kind, "gru")


@pytest.mark.parametrize("kind", ["sequence", "tokens"])
def test_padding_has_no_say(kind):
    more_padding_changes_nothing(SMALL, kind)


def test_a_missing_channel():
    a_missing_number_counts_as_0(SMALL, "sequence")


@pytest.mark.parametrize(("width", "depth"), [(5, 1), (4, 3)])
def test_sizes_are_those_asked_for(width, depth):
    cells = [3 * width * (inputs + width + 2) for inputs in (3, *[width] * (depth - 1))]
    assert weights(built(partial(gru, width=width, depth=depth), "sequence")) == sum(cells) + (width + 1) * 3


@pytest.mark.parametrize("holes", [False, True])
def test_it_is_what_one_computes_from_the_steps_that_are_there(holes):
    """Every example alone, its steps one by one through the equations of a gated unit."""
    model, inputs = built(SMALL, "sequence"), task("sequence", 8).inputs
    if holes:
        inputs[:, 1] = math.nan
    cells, head = model[1].cells, model[3]
    for example in inputs:
        state = torch.zeros(8)
        for step in example[~example.isnan().any(1)]:
            seen = (cells.weight_ih_l0 @ step + cells.bias_ih_l0).chunk(3)
            kept = (cells.weight_hh_l0 @ state + cells.bias_hh_l0).chunk(3)
            reset, update = torch.sigmoid(seen[0] + kept[0]), torch.sigmoid(seen[1] + kept[1])
            state = (1 - update) * torch.tanh(seen[2] + reset * kept[2]) + update * state
        torch.testing.assert_close(model(example[None])[0], head(state), rtol=1e-4, atol=1e-5)


def test_the_last_layer_is_read_out():
    model, inputs = built(partial(gru, width=8, depth=3), "sequence"), task("sequence", 5).inputs[:, :3]
    torch.testing.assert_close(model(inputs), model[3](model[1].cells(inputs)[0][:, -1]))


def test_order_matters():
    model, inputs = built(SMALL, "tokens"), task("tokens", 1).inputs
    inputs[:] = torch.arange(8, 17)
    assert (model(inputs) - model(inputs.flip(1))).abs().max() > 1e-3


def test_gradients_in_evaluation_do_without_cudnn():
    """It has none there, and masks that score the inputs ask for them."""
    model, inputs, used = built(SMALL, "tokens"), task("tokens", 3).inputs, []
    model[1].cells.register_forward_hook(lambda *_: used.append(torch.backends.cudnn.enabled))
    model(inputs)
    with torch.no_grad():
        model(inputs)
    model.train()(inputs)
    assert used == [False, True, True]


def test_dropout_is_before_the_read_out():
    model = built(partial(gru, dropout=0.3), "tokens")
    assert [layer.p for layer in model if isinstance(layer, nn.Dropout)] == [0.3]


@pytest.mark.parametrize(("width", "depth"), [(0, 1), (4, 0), (-1, 1)])
def test_sizes_that_cannot_be_are_refused(width, depth):
    with pytest.raises(ValueError, match=f"not {width} and {depth}"):
        built(partial(gru, width=width, depth=depth), "tokens")
