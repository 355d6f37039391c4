"""Patches: an exact count of squares. PatchBlocks: blocks of them up to an exact budget."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks import patches
from maskbench.masks.cells import Batch
from maskbench.masks.patches import PatchBlocks, Patches
from tests.helpers import generator
from tests.masks.images import SAMPLES, assert_mean, drawn

RATES = (0.0, 1e-3, 0.05, 0.1, 0.3, 0.5, 0.75, 0.9, 0.99, 1.0)
SIZES = ((2, 2), (2, 18), (4, 6), (8, 8), (14, 10), (28, 28), (62, 6))
BOTH = pytest.mark.parametrize("kind", [Patches, PatchBlocks])


@BOTH
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_hidden_share_is_the_rate_and_every_sample_within_one_patch(kind, size, rate):
    counts = drawn(kind(size=2), size, rate)[:, ::2, ::2].flatten(1).sum(1)
    wanted = rate * size[0] * size[1] / 4
    assert_mean(counts, wanted)
    assert counts.min() >= math.floor(wanted)
    assert counts.max() <= math.ceil(wanted - 1e-12)


@BOTH
def test_every_sample_has_its_own_rate(kind):
    rates = torch.tensor([0.0, 0.23, 0.7, 1.0], dtype=torch.float64).repeat_interleave(SAMPLES)
    shares = drawn(kind(size=3), (9, 6), rates, samples=len(rates)).flatten(1).double().mean(1)
    for rate, group in zip((0.0, 0.23, 0.7, 1.0), shares.chunk(4), strict=True):
        assert_mean(group, rate)


@BOTH
@pytest.mark.parametrize("samples", [0, 1, 3])
def test_small_batches_and_the_ends(kind, samples):
    assert not drawn(kind(size=1), (5, 7), 0.0, samples=samples).any()
    assert drawn(kind(size=1), (5, 7), 1.0, samples=samples).all()


@BOTH
def test_what_is_drawn_from_the_generator_does_not_depend_on_the_rate(kind):
    after = []
    for rate in (0.0, 0.2, 1.0):
        stream = generator(3)
        batch = Batch.of(torch.zeros(6, 1, 6, 6), Features("image", (1, 6, 6)))
        kind(size=2).sample(batch, torch.tensor([rate], dtype=torch.float64), stream)
        after.append(stream.get_state())
    assert torch.equal(after[0], after[1])
    assert torch.equal(after[0], after[2])


@BOTH
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(size=st.integers(1, 5), rows=st.integers(1, 6), columns=st.integers(1, 6), rate=st.floats(0, 1))
def test_patches_are_whole(kind, size, rows, columns, rate):
    hidden = drawn(kind(size=size), (rows * size, columns * size), rate, samples=20)
    tiles = hidden.view(20, rows, size, columns, size)
    assert torch.equal(tiles, tiles[:, :, :1, :, :1].expand_as(tiles))


def test_single_patches_are_exchangeable():
    """Every set of 2 of 6 patches is as likely."""
    hidden = drawn(Patches(size=2), (4, 6), 1 / 3, samples=20_000)[:, ::2, ::2].flatten(1)
    codes = (hidden.long() * 2 ** torch.arange(6)).sum(1)
    counts = torch.bincount(codes, minlength=64)
    assert (counts > 0).sum() == 15
    assert stats.chisquare(counts[counts > 0].numpy()).pvalue > 1e-6


def test_single_patches_hidden_at_a_low_rate_are_hidden_at_a_higher_one():
    masks = [drawn(Patches(size=2), (14, 8), rate, samples=200) for rate in RATES]
    for low, high in itertools.pairwise(masks):
        assert not (low & ~high).any()


def test_a_block_that_takes_the_whole_budget_is_one_square_anywhere():
    pattern = PatchBlocks(size=1, min_patches=9, min_aspect=1.0)
    hidden = drawn(pattern, (6, 7), 9 / 42, samples=20_000)
    rows, columns = hidden.any(2), hidden.any(1)
    assert torch.equal(hidden, rows[:, :, None] & columns[:, None, :])
    assert (rows.sum(1) == 3).all()
    top, left = rows.byte().argmax(1), columns.byte().argmax(1)
    counts = torch.bincount(top * 5 + left, minlength=20)
    assert counts.sum() == 20_000
    assert stats.chisquare(counts[:20].numpy()).pvalue > 1e-6


def beit(rows: int, columns: int, budget: int, rng: random.Random, blocks: int, least: int = 4) -> np.ndarray:
    """The law of a mask of blocks, one block after the other."""
    hidden = np.zeros((rows, columns), dtype=bool)
    for _ in range(blocks):
        left = budget - int(hidden.sum())
        if left == 0:
            break
        area = rng.randint(min(least, left), left)
        flattest, tallest = area / columns**2, rows**2 / area
        low, high = max(0.3, flattest), min(1 / 0.3, tallest)
        aspect = math.exp(rng.uniform(math.log(low), math.log(high))) if low < high else min(max(1, flattest), tallest)
        height = min(round(math.sqrt(area * aspect)), area)
        height = min(max(height, math.ceil(area / columns), 1), rows)
        width = area // height
        top, start = rng.randint(0, rows - height), rng.randint(0, columns - width)
        hidden[top : top + height, start : start + width] = True
    free = [divmod(cell, columns) for cell in np.flatnonzero(~hidden)]
    for row, column in rng.sample(free, budget - int(hidden.sum())):
        hidden[row, column] = True
    return hidden


def neighbours(hidden: np.ndarray) -> np.ndarray:
    """Pairs of hidden patches side by side, per sample."""
    beside = (hidden[:, :, 1:] & hidden[:, :, :-1]).sum((1, 2))
    return beside + (hidden[:, 1:] & hidden[:, :-1]).sum((1, 2))


@pytest.mark.parametrize(("size", "budget"), [((14, 14), 75), ((7, 9), 40), ((4, 4), 5), ((3, 12), 30)], ids=str)
def test_blocks_follow_the_law_told_one_by_one(size, budget):
    rng = random.Random(0)
    expected = np.stack([beit(*size, budget, rng, patches.BLOCKS) for _ in range(SAMPLES)])
    found = drawn(PatchBlocks(size=1), size, budget / (size[0] * size[1])).numpy()
    facts = [(neighbours(found), neighbours(expected)), (found.any(2).sum(1), expected.any(2).sum(1))]
    facts += [(found[:, y, x], expected[:, y, x]) for y, x in ((0, 0), (size[0] // 2, size[1] // 2), (-1, 1))]
    for ours, theirs in facts:
        error = math.sqrt((ours.var() + theirs.var()) / SAMPLES)
        assert abs(ours.mean() - theirs.mean()) <= 5 * error + 1e-9


def test_blocks_hang_together():
    single = neighbours(drawn(Patches(size=1), (14, 14), 0.4, samples=500).numpy()).mean()
    blocks = neighbours(drawn(PatchBlocks(size=1), (14, 14), 0.4, samples=500).numpy()).mean()
    assert blocks > 1.6 * single


def test_few_patches_are_left_to_be_single(monkeypatch):
    left = []
    lowest = patches.lowest
    monkeypatch.setattr(patches, "lowest", lambda draws, counts: left.append(counts) or lowest(draws, counts))
    drawn(PatchBlocks(size=2), (28, 28), 0.4)
    assert left[0].double().mean() < 2  # of 78


@BOTH
@pytest.mark.parametrize("size", [0, -2, 3, 5, 8, 2.0])
def test_patches_that_do_not_divide_the_image_are_refused(kind, size):
    message = rf"patches of pattern.size={size} do not divide images of 12 x 28; use 1, 2, 4$"
    with pytest.raises(ConfigError, match=message):
        kind(size=size).check(Features("image", (1, 12, 28)), 0.3)
    for fitting in (1, 2, 4):
        kind(size=fitting).check(Features("image", (1, 12, 28)), 0.3)


@pytest.mark.parametrize(
    ("pattern", "kind", "message"),
    [
        (PatchBlocks(min_patches=0), "image", "min_patches is the size of the smallest block .* at least 1, not 0"),
        (PatchBlocks(min_patches=1.5), "image", "not 1.5"),
        (PatchBlocks(min_aspect=0), "image", r"min_aspect is the height .* lies in \(0, 1\], not 0"),
        (PatchBlocks(), "columns", "hides cells of image, and these data are columns"),
        (Patches(), "tokens", "hides cells of image, and these data are tokens"),
    ],
    ids=str,
)
def test_refused_settings(pattern, kind, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(Features(kind, (1, 4, 8)), 0.3)
