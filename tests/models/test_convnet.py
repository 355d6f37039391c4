"""Convnet: sizes, pooling and dropout."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from maskbench.description import Description, Features
from maskbench.models.convnet import convnet
from maskbench.models.steps import Known
from tests.models.properties import PROPERTIES, a_missing_number_counts_as_0, built, masks_work_at_its_places, weights

SMALL = partial(convnet, width=4, dropout=0.0)


@pytest.mark.parametrize("holds", [*PROPERTIES, a_missing_number_counts_as_0])
def test_it_is_a_model(holds):
    holds(SMALL, "image")


def test_masks_at_its_places():
    masks_work_at_its_places(SMALL, "image", "convnet")


def test_on_fashion_mnist_it_has_less_than_100_000_weights():
    """Convolutions of 1 to 32 to 64 channels, and a read-out of 7 x 7 pixels."""
    model = convnet(Description("x", Features("image", (1, 28, 28)), "classification", 10))
    assert weights(model) == (9 + 1) * 32 + (9 * 32 + 1) * 64 + (7 * 7 * 64 + 1) * 10 == 50_186


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 5, 9), (1, 1, 1)])
@pytest.mark.parametrize("depth", [1, 3])
def test_images_of_any_size(shape, depth):
    model = convnet(Description("x", Features("image", shape), "classification", 4), 2, depth)
    assert model(torch.zeros(2, *shape)).shape == (2, 4)


def test_hidden_units_come_before_the_read_out():
    model = built(partial(SMALL, hidden=11), "image")
    linear = [(layer.in_features, layer.out_features) for layer in model if isinstance(layer, nn.Linear)]
    assert linear == [(2 * 2 * 8, 11), (11, 3)]


def test_what_it_is_made_of_and_in_which_order():
    convolution = [nn.Conv2d, nn.ReLU, nn.MaxPool2d]
    read_out = [nn.Flatten, nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    layers = [type(layer) for layer in built(partial(convnet, depth=2, hidden=4), "image")]
    assert layers == [Known, *convolution, *convolution, *read_out]


def test_dropout_is_as_asked():
    model = built(partial(convnet, hidden=4, dropout=0.3), "image")
    assert [layer.p for layer in model if isinstance(layer, nn.Dropout)] == [0.3, 0.3]


@pytest.mark.parametrize("sizes", [(0, 1, 0, 0.5), (4, 0, 0, 0.5), (4, 1, -1, 0.5), (4, 1, 0, 1.0), (4, 1, 0, -0.1)])
def test_sizes_that_cannot_be_are_refused(sizes):
    width, depth, hidden, dropout = sizes
    with pytest.raises(ValueError, match=f"not {width}, {depth}, {hidden} and {dropout}"):
        convnet(Description("x", Features("image", (1, 8, 8)), "classification", 2), *sizes)
