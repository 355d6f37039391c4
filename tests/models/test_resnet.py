"""ResNet: the published size, and what a block is."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from maskbench.description import Description, Features
from maskbench.models.resnet import Residual, resnet
from tests.models.properties import (
    PROPERTIES,
    a_missing_number_counts_as_0,
    built,
    masks_work_at_its_places,
    task,
    trained,
    weights,
)

SMALL = partial(resnet, width=4)


@pytest.mark.parametrize("holds", [*PROPERTIES, a_missing_number_counts_as_0])
def test_it_is_a_model(holds):
    holds(SMALL, "image")


def test_masks_at_its_places():
    masks_work_at_its_places(SMALL, "image", "resnet")


def test_it_is_as_large_as_published():
    """ResNet-20 of He et al. 2016, "0.27M parameters" in their table 6."""
    assert weights(resnet(Description("x", Features("image", (3, 32, 32)), "classification", 10), 16, 20)) == 269_722


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 9), (1, 1, 1)])
def test_images_of_any_size(shape):
    model = resnet(Description("x", Features("image", shape), "classification", 4), 2)
    assert model(torch.zeros(1, *shape)).shape == (1, 4)


def test_stages_halve_the_image_and_double_the_channels():
    shapes = []
    model = built(partial(resnet, width=3, depth=14), "image")
    for block in (module for module in model if isinstance(module, Residual)):
        block.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    model(torch.zeros(1, 2, 7, 8))
    assert shapes == [(3, 7, 8)] * 2 + [(6, 4, 4)] * 2 + [(12, 2, 2)] * 2


def test_it_is_what_one_computes_layer_by_layer():
    model, inputs = trained(built(SMALL, "image"), "image", 1), task("image", 4).inputs
    with torch.no_grad():
        values = model[2](model[1](inputs)).relu()
        for block in (module for module in model if isinstance(module, Residual)):
            first, norm, _, second, last = block.added
            around = values[..., :: block.stride, :: block.stride]
            values = last(second(norm(first(values)).relu()))
            values[:, : around.shape[1]] += around
            values = values.relu()
        torch.testing.assert_close(model(inputs), model[-1][2](values.mean((2, 3))), rtol=1e-4, atol=1e-5)


def test_the_way_around_keeps_channels_and_adds_empty_ones():
    block = Residual(2, 4).eval()
    with torch.no_grad():
        block.added[4].weight.zero_()
    values = torch.rand(3, 2, 6, 6)
    assert torch.equal(block(values)[:, :2], values[..., ::2, ::2])
    assert not block(values)[:, 2:].any()


@pytest.mark.parametrize(("width", "depth"), [(0, 8), (16, 2), (16, 7), (16, 18), (16, -4)])
def test_sizes_that_cannot_be_are_refused(width, depth):
    with pytest.raises(ValueError, match=rf"8, 14, 20, 26 …, not {width} and {depth}; set model\.width"):
        built(partial(resnet, width=width, depth=depth), "image")
