"""Residual MLP: what its blocks add, and batches of one row."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from maskbench.models.resmlp import Residual, resmlp
from tests.models.properties import (
    PROPERTIES,
    a_missing_number_counts_as_0,
    built,
    masks_work_at_its_places,
    task,
    trained,
    weights,
)

SMALL = partial(resmlp, width=8, depth=2)


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
@pytest.mark.parametrize("holds", [*PROPERTIES, a_missing_number_counts_as_0])
def test_it_is_a_model(kind, holds):
    holds(SMALL, kind)


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
def test_masks_at_its_places(kind):
    masks_work_at_its_places(SMALL, kind, "resmlp")


@pytest.mark.parametrize(("width", "depth", "factor", "inside"), [(8, 1, 2.0, 16), (5, 3, 1.5, 7)])
def test_sizes_are_those_asked_for(width, depth, factor, inside):
    block = 2 * width + (width + 1) * inside + (inside + 1) * width
    model = built(partial(resmlp, width=width, depth=depth, factor=factor), "columns")
    assert weights(model) == (6 + 1) * width + depth * block + 2 * width + (width + 1) * 3


def test_blocks_add_to_what_they_get():
    model = built(SMALL, "columns")
    values = torch.randn(4, 8)
    block = next(module for module in model if isinstance(module, Residual))
    with torch.no_grad():
        added = block.added[4](torch.relu(block.added[1](block.added[0](values))))
        torch.testing.assert_close(block(values), values + added)


def test_the_read_out_is_of_normalised_and_rectified_units():
    model, inputs = trained(built(SMALL, "columns"), "columns", 1), task("columns", 5).inputs
    with torch.no_grad():
        norm, _, linear = model[-1]
        expected = linear(norm(model[:-1](inputs)).clamp_min(0))
        torch.testing.assert_close(model(inputs), expected)


def test_dropout_is_as_asked():
    model = built(partial(resmlp, dropout=0.3), "columns")
    assert {layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)} == {0.3}


@pytest.mark.parametrize(("width", "depth", "factor"), [(0, 1, 2.0), (8, 0, 2.0), (8, 1, 0.1), (8, 1, -1.0)])
def test_sizes_that_cannot_be_are_refused(width, depth, factor):
    with pytest.raises(ValueError, match=f"not {width}, {depth} and {factor}"):
        built(partial(resmlp, width=width, depth=depth, factor=factor), "columns")
