"""Linear: one affine map."""

from __future__ import annotations

import pytest
import torch

from maskbench.description import Description, Features
from maskbench.models.linear import linear
from tests.models.properties import PROPERTIES, a_missing_number_counts_as_0


@pytest.mark.parametrize(("kind", "shape"), [("columns", (7,)), ("image", (2, 3, 5))])
@pytest.mark.parametrize("outputs", [1, 4])
def test_it_is_affine_in_the_flattened_inputs(kind, shape, outputs):
    features = Features(kind, shape)
    model = linear(Description("x", features, "classification", outputs))
    assert sum(weight.numel() for weight in model.parameters()) == (features.size + 1) * outputs
    one, two = torch.ones(3, *shape), torch.full((3, *shape), -2.0)
    assert model(one).shape == (3, outputs)
    torch.testing.assert_close(model(0.25 * one + 0.75 * two), 0.25 * model(one) + 0.75 * model(two))


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
@pytest.mark.parametrize("holds", [*PROPERTIES, a_missing_number_counts_as_0])
def test_it_is_a_model(kind, holds):
    holds(linear, kind)
