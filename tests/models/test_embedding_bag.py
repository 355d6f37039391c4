"""Embedding bag: the mean of the words that are there."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from maskbench.models.embedding_bag import embedding_bag
from tests.models.properties import (
    PROPERTIES,
    WORDS,
    built,
    masks_work_at_its_places,
    more_padding_changes_nothing,
    task,
    weights,
)

SMALL = partial(embedding_bag, width=8)


@pytest.mark.parametrize("holds", [*PROPERTIES, more_padding_changes_nothing])
def test_it_is_a_model(holds):
    holds(SMALL, "tokens")


def test_masks_at_its_places():
    masks_work_at_its_places(SMALL, "tokens", "embedding_bag")


def test_it_is_an_affine_map_of_the_mean():
    """As torch's own EmbeddingBag and Linear compute it."""
    model, inputs = built(SMALL, "tokens"), task("tokens", 12).inputs
    bag = nn.EmbeddingBag.from_pretrained(model[0].vectors.weight, mode="mean", padding_idx=WORDS.pad)
    torch.testing.assert_close(model(inputs), model[3](bag(inputs)))


def test_sizes_are_those_asked_for():
    assert weights(built(SMALL, "tokens")) == 20 * 8 + (8 + 1) * 3


def test_order_has_no_say():
    model, inputs = built(SMALL, "tokens"), task("tokens", 12).inputs
    torch.testing.assert_close(model(inputs), model(inputs.flip(1)))


def test_dropout_is_before_the_read_out():
    model = built(partial(embedding_bag, dropout=0.3), "tokens")
    assert [layer.p for layer in model if isinstance(layer, nn.Dropout)] == [0.3]


@pytest.mark.parametrize("width", [0, -2])
def test_sizes_that_cannot_be_are_refused(width):
    with pytest.raises(ValueError, match=rf"not {width}; set model\.width"):
        built(partial(embedding_bag, width=width), "tokens")
