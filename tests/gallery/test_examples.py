"""Examples to show masks on: real rows, standardised, of every kind; evenly spaced, texts at full length."""

from __future__ import annotations

import pytest
import torch

from maskbench.config.build import dataset_of
from maskbench.config.compose import typed
from maskbench.description import KINDS
from maskbench.gallery.examples import PHOTO_SIDE, USUAL, of_dataset, photos, shown
from maskbench.masks.contract import Context
from tests.helpers import stock, tiny_data


@pytest.mark.parametrize("kind", KINDS)
def test_the_usual_data_are_of_the_kind_they_stand_for(kind):
    context = of_dataset(dataset_of(typed(stock([f"data={USUAL[kind]}"]))))
    assert context.features.kind == kind
    assert tuple(context.rows.shape[1:]) == context.features.shape
    assert len(context.rows) > 100


def test_rows_are_standardised_and_all_there():
    dataset = tiny_data()
    context = of_dataset(dataset)
    assert len(context.rows) == len(dataset.inputs)
    assert context.features == dataset.description.features
    # float32 sums over 90 rows
    torch.testing.assert_close(context.rows.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(context.rows.std(0, correction=0), torch.ones(6), atol=1e-5, rtol=0)


def test_photographs_are_colourful_crops():
    context = photos()
    assert tuple(context.rows.shape[1:]) == context.features.shape == (3, PHOTO_SIDE, PHOTO_SIDE)
    assert context.rows.dtype == torch.float32
    assert len(context.rows) >= 4
    assert len(torch.unique(context.rows, dim=0)) == len(context.rows)
    for channel in range(3):
        values = context.rows[:, channel].double()
        assert abs(values.mean().item()) < 1e-4
        assert abs(values.std().item() - 1) < 1e-4
    red, green, blue = context.rows[:, 0], context.rows[:, 1], context.rows[:, 2]
    assert (red - green).abs().mean() > 0.1
    assert (green - blue).abs().mean() > 0.1
    assert all(row.std() > 0.1 for row in context.rows)


def test_shown_rows_are_evenly_spaced():
    context = of_dataset(tiny_data(rows=91))
    places = [int((context.rows == row).all(1).nonzero()) for row in shown(context, 4)]
    gaps = {after - before for before, after in zip([0, *places], [*places, 90], strict=True)}
    assert max(gaps) - min(gaps) <= 1
    assert 0 < shown(context, 1).shape[0] == 1


def test_of_texts_the_longest_are_shown():
    context = of_dataset(dataset_of(typed(stock(["data=descriptions"]))))
    pad = context.features.vocabulary.pad
    lengths = (shown(context, 5) != pad).sum(1)
    assert set(lengths.tolist()) == {(context.rows != pad).sum(1).max().item()}


def test_of_the_longest_texts_those_with_the_fewest_unknown_words_are_shown():
    context = of_dataset(dataset_of(typed(stock(["data=descriptions"]))))
    vocabulary = context.features.vocabulary
    unknown = [(rows == vocabulary.unknown).sum(1) for rows in (shown(context, 5), context.rows)]
    longest = (context.rows != vocabulary.pad).all(1)
    assert unknown[0].tolist() == sorted(unknown[1][longest].tolist())[:5]


def test_short_texts_are_left_out():
    context = of_dataset(dataset_of(typed(stock(["data=descriptions"]))))
    rows = torch.full((12, 24), 7)
    rows[:, 0] = torch.arange(12) + 10
    rows[1::2, -1] = context.features.vocabulary.pad
    assert set((shown(Context(rows, context.features), 3)[:, 0] % 2).tolist()) == {0}
