"""CNN: shapes on images of any size, and what it is made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskbench.description import Description, Features
from maskbench.models.cnn import cnn
from tests.models.properties import PROPERTIES, a_missing_number_counts_as_0


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (2, 5, 9), (1, 1, 1)])
@pytest.mark.parametrize(("width", "depth"), [(4, 1), (2, 3)])
@pytest.mark.parametrize("outputs", [1, 10])
def test_outputs_for_images_of_any_size(shape, width, depth, outputs):
    model = cnn(Description("x", Features("image", shape), "classification", outputs), width, depth)
    assert model(torch.zeros(2, *shape)).shape == (2, outputs)
    channels = [layer.out_channels for layer in model if isinstance(layer, nn.Conv2d)]
    assert channels == [width * 2**level for level in range(depth)]
    assert [layer.stride for layer in model if isinstance(layer, nn.Conv2d)] == [(1, 1)] + [(2, 2)] * (depth - 1)


def test_pixels_keep_their_place():
    """Not a bag of pixels: moving a pixel changes the logits."""
    model = cnn(Description("x", Features("image", (1, 8, 8)), "classification", 3))
    left, right = torch.zeros(2, 1, 1, 8, 8)
    left[..., 1, 1], right[..., 6, 6] = 1, 1
    assert not torch.allclose(model(left), model(right))


@pytest.mark.parametrize(("width", "depth"), [(0, 1), (4, 0), (4, -1)])
def test_sizes_that_cannot_be_are_refused(width, depth):
    with pytest.raises(ValueError, match=f"not {width} and {depth}"):
        cnn(Description("x", Features("image", (1, 8, 8)), "classification", 2), width, depth)


@pytest.mark.parametrize("holds", [*PROPERTIES, a_missing_number_counts_as_0])
def test_it_is_a_model(holds):
    holds(cnn, "image")
