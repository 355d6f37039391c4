"""MLP: hidden layers of rectified units."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from maskbench.description import Description, Features
from maskbench.models.mlp import mlp
from tests.models.properties import PROPERTIES, a_missing_number_counts_as_0

COLUMNS = Description("x", Features("columns", (7,)), "classification", 3)
IMAGE = Description("x", Features("image", (2, 3, 5)), "regression", 1)


@pytest.mark.parametrize("description", [COLUMNS, IMAGE], ids=["columns", "image"])
@pytest.mark.parametrize(("width", "depth"), [(4, 1), (5, 2), (3, 4), (9, 0)])
def test_widths_and_depths(description, width, depth):
    model = mlp(description, width, depth, dropout=0.1)
    sizes = [description.features.size, *[width] * depth, description.outputs]
    found = [(layer.in_features, layer.out_features) for layer in model if isinstance(layer, nn.Linear)]
    assert found == list(itertools.pairwise(sizes))
    assert sum(isinstance(layer, nn.ReLU) for layer in model) == depth
    assert sum(isinstance(layer, nn.Dropout) for layer in model) == depth
    assert model(torch.zeros(6, *description.features.shape)).shape == (6, description.outputs)


def test_no_dropout_layer_unless_asked():
    assert not any(isinstance(layer, nn.Dropout) for layer in mlp(COLUMNS))
    rates = [layer.p for layer in mlp(COLUMNS, dropout=0.3) if isinstance(layer, nn.Dropout)]
    assert rates == [0.3, 0.3]


def test_outputs_are_not_squashed():
    model = mlp(COLUMNS, width=4)
    assert isinstance(model[-1], nn.Linear)


@pytest.mark.parametrize(("width", "depth"), [(0, 1), (-3, 2), (4, -1)])
def test_sizes_that_cannot_be_are_refused(width, depth):
    with pytest.raises(ValueError, match=f"not {width} and {depth}"):
        mlp(COLUMNS, width, depth)


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
@pytest.mark.parametrize("holds", [*PROPERTIES, a_missing_number_counts_as_0])
def test_it_is_a_model(kind, holds):
    holds(mlp, kind)
