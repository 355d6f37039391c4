"""Residual FCN: the published size, and what a block is."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from maskbench.description import Description, Features
from maskbench.models.resfcn import Residual, resfcn
from tests.models.properties import (
    PROPERTIES,
    a_missing_number_counts_as_0,
    built,
    masks_work_at_its_places,
    more_padding_changes_nothing,
    weights,
)

SMALL = partial(resfcn, width=6)


@pytest.mark.parametrize("holds", [*PROPERTIES, more_padding_changes_nothing, a_missing_number_counts_as_0])
def test_it_is_a_model(holds):
    holds(SMALL, "sequence")


def test_masks_at_its_places():
    masks_work_at_its_places(SMALL, "sequence", "resfcn")


def size(inputs: int, outputs: int) -> int:
    """Weights of a block: three convolutions, a fourth of one step where channels change, and their normalisations."""
    around = (inputs + 1) * outputs if inputs != outputs else 0
    return (8 * inputs + 5 * outputs + 3 * outputs + 3) * outputs + around + 4 * 2 * outputs


def test_it_is_as_large_as_published():
    model = resfcn(Description("x", Features("sequence", (150, 1)), "classification", 2), 64)
    assert weights(model) == size(1, 64) + size(64, 128) + size(128, 128) + (128 + 1) * 2


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (4, 4)])
def test_blocks_add_to_what_they_get(inputs, outputs):
    block = Residual(inputs, outputs).eval()
    steps = torch.randn(2, 7, inputs)
    with torch.no_grad():
        block.added[-1].weight.zero_()
        around = steps if inputs == outputs else block.around[0](steps)
        torch.testing.assert_close(block(steps), torch.relu(around), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("width", [0, -2])
def test_sizes_that_cannot_be_are_refused(width):
    with pytest.raises(ValueError, match=rf"not {width}; set model\.width"):
        built(partial(resfcn, width=width), "sequence")
