"""Tiles: a coin per tile of a grid drawn per sample. GridMask: squares at regular distances, also turned."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks import grids
from maskbench.masks.cells import Batch
from maskbench.masks.grids import GridMask, Tiles
from tests.helpers import generator
from tests.masks.images import SAMPLES, assert_mean, drawn

RATES = (0.0, 1e-3, 0.05, 0.16, 0.3, 0.5, 0.75, 0.9, 0.99, 1.0)
SIZES = ((1, 1), (1, 9), (2, 3), (8, 8), (7, 5), (28, 28), (31, 3))
PATTERNS = (Tiles(), Tiles(sizes=(2,)), GridMask(), GridMask(rotate=False), GridMask(period=(0.1, 0.3)))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_the_hidden_share_is_the_rate(pattern, size, rate):
    hidden = drawn(pattern, size, rate)
    assert_mean(hidden.flatten(1).double().mean(1), rate)
    assert_mean(hidden[:, -1, -1], rate)  # the last pixel, at the border, as well
    assert_mean(hidden[:, 0, size[1] // 2], rate)


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_every_sample_has_its_own_rate(pattern):
    rates = torch.tensor([0.0, 0.2, 0.7, 1.0], dtype=torch.float64).repeat_interleave(SAMPLES)
    shares = drawn(pattern, (9, 6), rates, samples=len(rates)).flatten(1).double().mean(1)
    for rate, group in zip((0.0, 0.2, 0.7, 1.0), shares.chunk(4), strict=True):
        assert_mean(group, rate)
    assert (shares[-SAMPLES:] == 1).all()


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("samples", [0, 1, 3])
def test_small_batches_and_the_ends(pattern, samples):
    assert not drawn(pattern, (5, 7), 0.0, samples=samples).any()
    assert drawn(pattern, (5, 7), 1.0, samples=samples).all()


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_what_is_hidden_at_a_low_rate_is_hidden_at_a_higher_one(pattern):
    masks = [drawn(pattern, (13, 8), rate, samples=200) for rate in RATES]
    for low, high in itertools.pairwise(masks):
        assert not (low & ~high).any()


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_what_is_drawn_from_the_generator_does_not_depend_on_the_rate(pattern):
    after = []
    for rate in (0.0, 0.2, 1.0):
        stream = generator(3)
        batch = Batch.of(torch.zeros(6, 1, 5, 5), Features("image", (1, 5, 5)))
        pattern.sample(batch, torch.tensor([rate], dtype=torch.float64), stream)
        after.append(stream.get_state())
    assert torch.equal(after[0], after[1])
    assert torch.equal(after[0], after[2])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(2, 6), st.integers(1, 23), st.integers(1, 23))
def test_tiles_are_whole_and_differ_by_a_pixel(size, rows, columns):
    hidden = drawn(Tiles(sizes=(size,)), (rows, columns), 0.5, samples=400)
    for axis, cells in ((hidden, rows), (hidden.transpose(1, 2), columns)):
        borders = [i for i in range(1, cells) if not torch.equal(axis[:, i], axis[:, i - 1])]
        lengths = np.diff([0, *borders, cells])
        assert len(lengths) == min(size, cells)
        assert max(lengths) - min(lengths) <= 1


def test_every_tile_has_its_own_coin():
    tiles = drawn(Tiles(sizes=(3,)), (6, 9), 0.4)[:, ::2, ::3].flatten(1).double()
    correlation = torch.corrcoef(tiles.T) - torch.eye(9)
    assert correlation.abs().max() < 5 / SAMPLES**0.5


def test_every_grid_is_as_likely():
    """Grids of 1, 2 and 6 tiles per side, told apart by the number of different tiles in a row."""
    hidden = drawn(Tiles(sizes=(1, 2, 6)), (6, 6), 0.5, samples=20_000)
    alike = hidden.flatten(1).double().mean(1)
    assert_mean((alike == 0) | (alike == 1), 1 / 3 + 2 / 16 / 3)
    halves = (hidden[:, 0] == hidden[:, 2]).all(1) & (hidden[:, 3] == hidden[:, 5]).all(1)
    assert_mean(halves, 2 / 3 + 2**-12 / 3)


def turned(place: float, turn: float, first: float, second: float, rows: int, columns: int, rate: float) -> np.ndarray:
    """The law of a turned grid on one image, pixel by pixel, with a period from 4 to 8."""
    period = 4 + math.floor(5 * place)
    hidden = np.zeros((rows, columns), dtype=bool)
    for y in range(rows):
        for x in range(columns):
            down = y * math.cos(turn * 2 * math.pi) + x * math.sin(turn * 2 * math.pi)
            across = x * math.cos(turn * 2 * math.pi) - y * math.sin(turn * 2 * math.pi)
            side = period * rate**0.5
            hidden[y, x] = (down + first * period) % period < side and (across + second * period) % period < side
    return hidden


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("rate", [0.16, 0.6])
def test_the_grid_is_the_one_told_pixel_by_pixel(rotate, rate, monkeypatch):
    numbers = torch.rand((4, 60), generator=torch.Generator().manual_seed(5))
    asked = []
    monkeypatch.setattr(grids, "uniform", lambda shape, _: asked.append(shape) or numbers)
    hidden = drawn(GridMask(period=(0.5, 1.0), rotate=rotate), (8, 11), rate, samples=60).numpy()
    assert asked == [(4, 60)]
    for one, (place, turn, first, second) in zip(hidden, numbers.T.tolist(), strict=True):
        expected = turned(place, turn if rotate else 0.0, first, second, 8, 11, rate)
        assert (one != expected).sum() <= (1 if rotate else 0)  # a pixel on the very edge of a square


def test_squares_that_are_not_turned_have_whole_sides_as_often_as_the_rate_asks():
    """Period 4 and rate 0.3: sides of 2 or 3 pixels, 4 sqrt(0.3) = 2.19 on average, at each of 4 places each way."""
    hidden = drawn(GridMask(period=(1.0, 1.0), rotate=False), (4, 4), 0.3, samples=20_000)
    rows, columns = hidden.any(2), hidden.any(1)
    assert torch.equal(hidden, rows[:, :, None] & columns[:, None, :])
    longer = 4 * 0.3**0.5 - 2
    for axis in (rows, columns):
        assert set(axis.sum(1).tolist()) == {2, 3}
        assert_mean(axis.sum(1) == 3, longer)
    codes = (rows.long() * torch.tensor([8, 4, 2, 1])).sum(1)
    counts = torch.bincount(codes, minlength=16)
    two, three = counts[[0b1100, 0b0110, 0b0011, 0b1001]], counts[[0b1110, 0b0111, 0b1011, 0b1101]]
    assert counts.sum() == two.sum() + three.sum()
    assert stats.chisquare(two.numpy()).pvalue > 1e-6
    assert stats.chisquare(three.numpy()).pvalue > 1e-6
    other = (columns.long() * torch.tensor([8, 4, 2, 1])).sum(1)
    assert abs(torch.corrcoef(torch.stack((codes, other)).double())[0, 1]) < 5 / len(codes) ** 0.5


def test_the_period_is_uniform_on_its_range():
    hidden = drawn(GridMask(period=(0.125, 0.25), rotate=False), (64, 64), 0.25)
    rows = hidden.any(2).byte()
    starts = (rows[:, 1:] > rows[:, :-1]).byte()
    first = starts.argmax(1)
    later = starts.scatter(1, first[:, None], 0)
    period = later.argmax(1) - first
    counts = torch.bincount(period, minlength=17)
    assert counts[8:17].sum() == SAMPLES
    assert stats.chisquare(counts[8:17].numpy()).pvalue > 1e-6


def test_tiny_images_have_a_period_of_two():
    hidden = drawn(GridMask(period=(0.1, 0.1), rotate=False), (6, 6), 0.25)
    assert (hidden.flatten(1).sum(1) == 9).all()


def test_turned_grids_are_turned():
    """Rows of an upright grid hold the same or nothing; those of a turned one do not."""
    for rotate, expected in ((False, 1.0), (True, 0.1)):
        hidden = drawn(GridMask(period=(0.5, 0.6), rotate=rotate), (28, 28), 0.3, samples=500)
        rows, columns = hidden.any(2), hidden.any(1)
        upright = (hidden == (rows[:, :, None] & columns[:, None, :])).flatten(1).all(1).double().mean()
        assert upright == 1 if rotate is False else upright < expected


def test_a_given_hole_amounts_to_its_square():
    image = Features("image", (1, 28, 28))
    assert GridMask().implied_rate(image) is None
    assert GridMask(hole=0.4).implied_rate(image) == pytest.approx(0.16)
    assert GridMask(hole=1.0).implied_rate(image) == 1


@pytest.mark.parametrize(
    ("pattern", "kind", "message"),
    [
        (Tiles(sizes=()), "image", r"sizes=\[\] are not numbers of tiles per side from 2; use for example \[3,4,5,7\]"),
        (Tiles(sizes=(1, 4)), "image", r"sizes=\[1, 4\] are not"),
        (Tiles(sizes=(2.5,)), "image", r"sizes=\[2.5\] are not"),
        (Tiles(), "columns", "hides cells of image, and these data are columns"),
        (GridMask(period=(0.5, 0.2)), "image", r"period=\[0.5, 0.2\] is not \[low, high\] with 0 < low <= high; give"),
        (GridMask(period=(0.5,)), "image", r"period=\[0.5\] is not"),
        (GridMask(period=(0, 1)), "image", r"0 < low"),
        (GridMask(period=(0.5, math.inf)), "image", r"period=\[0.5, inf\]"),
        (GridMask(), "sequence", "hides cells of image, and these data are sequence"),
    ],
    ids=str,
)
def test_refused_settings(pattern, kind, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(Features(kind, (1, 4, 8)), 0.3)


@pytest.mark.parametrize("hole", [-0.1, 1.1, math.nan])
def test_a_hole_beyond_its_period_is_refused(hole):
    with pytest.raises(ConfigError, match=rf"hole is a share of the period and lies in \[0, 1\], not {hole}"):
        GridMask(hole=hole).implied_rate(Features("image", (1, 4, 8)))
