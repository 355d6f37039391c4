"""Cells of several columns: an encoded category is hidden as one, by every mask of the menu that fits columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from maskbench.description import Features
from maskbench.masks.cells import as_cells, as_columns, per_cell
from maskbench.masks.contract import Context
from maskbench.masks.fills import Swap
from maskbench.masks.mask import INPUT, Mask, counted
from maskbench.masks.schedules import Moment
from maskbench.tally import changed_shares
from tests.helpers import generator, masks

BLOCKS = (1, 3, 1, 2, 1, 1)
FEATURES = Features("columns", (sum(BLOCKS),), blocks=BLOCKS)
STARTS = (0, 1, 4, 5, 7, 8)
FITTING = [name for name, found in masks().items() if "columns" in found.kinds and found.config.place == INPUT]


def rows(count: int, seed: int = 0, gaps: bool = False) -> Tensor:
    """Numbers that are nowhere 0, and categories of 3 and of 2; with gaps a tenth of the cells is missing."""
    stream = torch.Generator().manual_seed(seed)
    values = torch.randn((count, sum(BLOCKS)), generator=stream) + 5
    for start, size in zip(STARTS, BLOCKS, strict=True):
        if size > 1:
            codes = torch.randint(size, (count,), generator=stream)
            values[:, start : start + size] = torch.nn.functional.one_hot(codes, size).float()
    if gaps:
        missing = torch.rand((count, len(BLOCKS)), generator=stream) < 0.1
        missing[:, 0] = False
        values[as_columns(missing, FEATURES)] = torch.nan
    return values


def masked(mask: Mask, inputs: Tensor, rate: float | None, seed: int = 0):
    mask = replace(mask, rate=rate)
    mask.check(FEATURES)
    masking = mask.fit(Context(rows(500, 7), FEATURES))
    needed = mask.pattern.scored
    scores = torch.rand(len(inputs) if needed == "sample" else inputs.shape, generator=generator(5)) if needed else None
    return masking(inputs, generator(seed), Moment(1, 1, 4), scores)


def test_the_ways_between_cells_and_columns():
    values = rows(4)
    assert torch.equal(as_cells(values, FEATURES), values[:, list(STARTS)])
    spread = as_columns(torch.arange(6)[None], FEATURES)
    assert spread.tolist() == [[0, 1, 1, 1, 2, 3, 3, 4, 5]]
    assert per_cell(torch.ones(2, 9), FEATURES).tolist() == [list(BLOCKS)] * 2
    plain = Features("columns", (9,))
    for way in (as_cells, as_columns, per_cell):
        assert way(values, plain) is values
    assert FEATURES.units == Features("columns", (6,))
    assert plain.units is plain


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("name", FITTING)
def test_a_category_is_hidden_as_one_and_shown_untouched(name, gaps):
    mask = masks()[name].mask
    rate = None if mask.rate is None else 0.4
    inputs = rows(300, 1, gaps)
    found = masked(mask, inputs, rate)
    hidden, cells = counted(found.hidden, found.batch)
    assert cells.max() <= len(BLOCKS)
    shown = ~as_columns(found.hidden.expand(300, len(BLOCKS)), FEATURES)
    where = shown & ~inputs.isnan()
    assert torch.equal(found.filled[where], inputs[where])
    if found.batch.eligible is not None:
        assert not (found.hidden.expand(300, 6) & inputs.isnan()[:, list(STARTS)]).any()
    assert changed_shares(found).shape[0] == 300
    if mask.rate is not None and mask.pattern.scope == "sample":
        assert 0.3 < hidden.double().sum() / cells.sum() < 0.5


def test_the_share_of_cells_is_the_rate_whatever_their_width():
    mask = masks()["bernoulli"].mask
    found = masked(mask, rows(20_000, 2), 0.3)
    assert found.hidden.shape == (20_000, 6)
    assert found.hidden.double().mean(0).sub(0.3).abs().max() < 0.015


@pytest.mark.parametrize("source", ["train", "batch"])
@pytest.mark.parametrize("joint", [False, True])
def test_a_swapped_category_is_one_category(source, joint):
    mask = replace(masks()["bernoulli"].mask, fill=Swap(source=source, joint=joint))
    found = masked(mask, rows(400, 3), 0.7).filled
    for start, size in zip(STARTS, BLOCKS, strict=True):
        if size > 1:
            block = found[:, start : start + size]
            assert block.sum(1).eq(1).all()
            assert ((block == 0) | (block == 1)).all()


def test_scores_of_a_category_are_those_of_its_columns_together():
    mask = masks()["hardest_first"].mask
    inputs = rows(50, 4)
    scores = torch.zeros(inputs.shape)
    scores[:, 1:4] = 1.0
    scores[:, 7] = 2.5
    masking = replace(mask, rate=1 / 6).fit(Context(inputs, FEATURES))
    found = masking(inputs, generator(0), Moment(0, 1, 2), scores)
    assert found.batch.scores is not None
    assert found.batch.scores[0].tolist() == [0, 3, 0, 0, 2.5, 0]


def test_changed_cells_are_counted_as_cells():
    mask = masks()["bernoulli"].mask
    inputs = rows(200, 5)
    found = masked(mask, inputs, 0.5)
    assert torch.allclose(changed_shares(found), found.hidden.double().mean(1))
