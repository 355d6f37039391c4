"""FCN: the published size, and padding that has no say."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from maskbench.description import Description, Features
from maskbench.models.fcn import fcn
from tests.models.properties import (
    PROPERTIES,
    a_missing_number_counts_as_0,
    built,
    masks_work_at_its_places,
    more_padding_changes_nothing,
    task,
    trained,
    weights,
)

SMALL = partial(fcn, width=6)


@pytest.mark.parametrize("holds", [*PROPERTIES, more_padding_changes_nothing, a_missing_number_counts_as_0])
def test_it_is_a_model(holds):
    holds(SMALL, "sequence")


def test_masks_at_its_places():
    masks_work_at_its_places(SMALL, "sequence", "fcn")


def test_it_is_as_large_as_published():
    """Convolutions of 8, 5 and 3 steps to 128, 256 and 128 channels, each with two numbers a channel to normalise."""
    layers = (8 + 1) * 128 + (5 * 128 + 1) * 256 + (3 * 256 + 1) * 128
    model = fcn(Description("x", Features("sequence", (150, 1)), "classification", 2), 128)
    assert weights(model) == layers + 2 * (128 + 256 + 128) + (128 + 1) * 2


def test_it_is_what_one_computes_from_the_steps_that_are_there():
    """Every example alone, cut to its length, by torch's own layers."""
    model, inputs = trained(built(SMALL, "sequence"), "sequence", 1), task("sequence", 8).inputs
    layers = list(model)
    for example in inputs:
        values = example[~example.isnan().any(1)].T[None]
        for first, before, after in ((1, 3, 4), (4, 2, 2), (7, 1, 1)):
            values = layers[first].convolve(nn.functional.pad(values, (before, after)))
            norm = layers[first + 1]
            scaled = (values - norm.running_mean[:, None]) / (norm.running_var[:, None] + norm.eps).sqrt()
            values = torch.relu(scaled * norm.weight[:, None] + norm.bias[:, None])
        torch.testing.assert_close(model(example[None]), layers[-1](values.mean(2)), rtol=1e-4, atol=1e-5)


def test_where_a_pattern_stands_has_no_say():
    model, pattern = built(SMALL, "sequence"), torch.zeros(2, 40, 3)
    pattern[0, 12:15], pattern[1, 22:25] = 1, 1
    torch.testing.assert_close(*model(pattern), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [0, -2])
def test_sizes_that_cannot_be_are_refused(width):
    with pytest.raises(ValueError, match=rf"not {width}; set model\.width"):
        built(partial(fcn, width=width), "sequence")
