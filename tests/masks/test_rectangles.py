"""Rectangle: one inside the image, its area the rate. Rectangles: equal squares, their side solved from the rate."""

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
from maskbench.masks.cells import Batch
from maskbench.masks.rectangles import Rectangle, Rectangles, coverage, heights
from tests.helpers import generator
from tests.masks.images import SAMPLES, assert_mean, drawn

RATES = (0.0, 1e-3, 0.05, 0.1, 0.3, 0.5, 0.75, 0.9, 0.99, 1.0)
SIZES = ((1, 1), (1, 9), (2, 3), (8, 8), (7, 5), (28, 28), (31, 3))


def sides(hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(heights, widths) of what is hidden."""
    return hidden.any(2).sum(1), hidden.any(1).sum(1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "pattern", [Rectangle(), Rectangle(min_aspect=1), Rectangles(), Rectangles(holes=1), Rectangles(holes=19)], ids=str
)
def test_the_hidden_share_is_the_rate(pattern, size, rate):
    assert_mean(drawn(pattern, size, rate).flatten(1).double().mean(1), rate)


@pytest.mark.parametrize("pattern", [Rectangle(), Rectangles(), Rectangle(area=(0.1, 0.9))], ids=str)
def test_every_sample_has_its_own_rate(pattern):
    rates = torch.tensor([0.0, 0.2, 0.45, 0.5], dtype=torch.float64).repeat_interleave(SAMPLES)
    shares = drawn(pattern, (9, 6), rates, samples=len(rates)).flatten(1).double().mean(1)
    for rate, group in zip((0.0, 0.2, 0.45, 0.5), shares.chunk(4), strict=True):
        assert_mean(group, rate)


@pytest.mark.parametrize("pattern", [Rectangle(), Rectangles()], ids=str)
@pytest.mark.parametrize("samples", [0, 1, 3])
def test_small_batches_and_the_ends(pattern, samples):
    assert not drawn(pattern, (5, 7), 0.0, samples=samples).any()
    assert drawn(pattern, (5, 7), 1.0, samples=samples).all()
    ends = torch.tensor([0.0, 1.0] * samples, dtype=torch.float64)
    assert torch.equal(drawn(pattern, (5, 7), ends, samples=2 * samples).flatten(1).all(1), ends == 1)


@pytest.mark.parametrize("pattern", [Rectangle(), Rectangle(area=(0.1, 0.9)), Rectangles(holes=5)], ids=str)
def test_what_is_drawn_from_the_generator_does_not_depend_on_the_rate(pattern):
    after = []
    for rate in (0.0, 0.2, 0.5):
        stream = generator(3)
        batch = Batch.of(torch.zeros(6, 1, 5, 5), Features("image", (1, 5, 5)))
        pattern.sample(batch, torch.tensor([rate], dtype=torch.float64), stream)
        after.append(stream.get_state())
    assert torch.equal(after[0], after[1])
    assert torch.equal(after[0], after[2])


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8])
def test_one_rectangle_of_the_wanted_area_inside_the_image(rate):
    hidden = drawn(Rectangle(), (9, 14), rate)
    rows, columns = hidden.any(2), hidden.any(1)
    assert torch.equal(hidden, rows[:, :, None] & columns[:, None, :])
    for axis in (rows, columns):
        assert ((axis[:, 1:] & ~axis[:, :-1]).sum(1) + axis[:, 0] <= 1).all()  # one run
    height, width = sides(hidden)
    there = height > 0
    assert ((height * width - rate * 9 * 14).abs() < height)[there].all()  # the width is rounded, nothing else


def test_the_aspect_is_log_uniform():
    height, width = sides(drawn(Rectangle(min_aspect=0.3), (150, 150), 0.06, samples=2500))
    position = (height / width).double().log() / math.log(1 / 0.3) / 2 + 0.5
    assert stats.kstest(position.numpy(), "uniform").pvalue > 1e-6
    height, width = sides(drawn(Rectangle(min_aspect=1), (40, 40), 0.25))
    assert (height == 20).all()
    assert (width == 20).all()


def test_aspects_that_do_not_fit_give_the_nearest_that_does():
    height, width = sides(drawn(Rectangle(), (4, 100), 0.5))
    assert (height == 4).all()  # 50 wide; an aspect of 0.08 is the largest
    assert (width == 50).all()
    height, _ = sides(drawn(Rectangle(), (20, 20), 0.81))
    assert height.min() == 17  # 16.2 rows of 20 are needed
    assert height.max() == 20


def test_height_place_and_presence_are_independent():
    hidden = drawn(Rectangle(area=(0.05, 0.3)), (60, 60), 0.1, samples=16_000)
    there = hidden.flatten(1).any(1)
    assert_mean(there, 0.1 / 0.175)
    hidden = hidden[there]
    height, width = (side.double() for side in sides(hidden))
    top, left = (hidden.any(axis).byte().argmax(1).double() for axis in (2, 1))
    facts = torch.stack((height * width, height / width, top / (61 - height), left / (61 - width)))
    ranks = facts.argsort(1).argsort(1).double()
    correlation = torch.corrcoef(ranks) - torch.eye(4)
    assert correlation.abs().max() < 5 / len(hidden) ** 0.5
    for place in facts[2:]:
        assert stats.kstest(place.numpy(), "uniform").statistic < 0.04 + 3 / len(hidden) ** 0.5  # whole pixels


def test_every_place_is_as_likely():
    hidden = drawn(Rectangle(min_aspect=1), (6, 5), 4 / 30, samples=20_000)
    found: dict[bytes, int] = {}
    for one in hidden.numpy():
        found[one.tobytes()] = found.get(one.tobytes(), 0) + 1
    assert len(found) == 5 * 4
    assert stats.chisquare(list(found.values())).pvalue > 1e-6


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.floats(0.01, 1), st.floats(0, 0.999))
def test_heights_leave_a_width_that_fits(rows, columns, share, least, draw):
    area = share * rows * columns
    [height] = heights(np.array([area]), (rows, columns), least, np.array([draw]))
    assert height == int(height)
    assert 1 <= height <= rows
    assert area / height <= columns * (1 + 1e-12)
    assert height <= max(1, area, math.ceil(area / columns - 1e-9))  # at least one pixel wide where there are enough
    if area >= 1:
        lowest, highest = area / columns**2, rows**2 / area
        low, high = max(least, lowest), min(1 / least, highest)
        aspect = low * (high / low) ** draw if low <= high else lowest if lowest > 1 else highest
        wanted = (area * aspect) ** 0.5
        nearest = min(max(wanted, math.ceil(area / columns)), max(1, math.floor(area)), rows)
        assert abs(height - wanted) <= max(0.5, abs(nearest - wanted)) + 1e-6


def test_the_published_form_amounts_to_a_rate():
    image = Features("image", (3, 32, 32))
    published = Rectangle(area=(0.02, 0.4), applied=0.5)
    assert published.implied_rate(image) == pytest.approx(0.105)
    hidden = drawn(published, (32, 32), 0.105).flatten(1)
    assert_mean(hidden.double().mean(1), 0.105)
    assert_mean(hidden.any(1), 0.5)
    shares = hidden.double().mean(1)[hidden.any(1)]
    assert shares.min() > 0.01
    assert shares.max() < 0.42
    assert stats.kstest(shares.numpy(), stats.uniform(0.02, 0.38).cdf).pvalue > 1e-6
    assert Rectangle().implied_rate(image) is None
    assert Rectangle(area=(0.02, 0.4)).implied_rate(image) is None
    Rectangle(area=(0.02, 0.4)).check(image, 0.21)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (Rectangle(area=(0.4, 0.02)), r"area=\[0.4, 0.02\] is not \[low, high\] with 0 < low <= high <= 1; give"),
        (Rectangle(area=(0.4,)), r"area=\[0.4\] is not \[low, high\]"),
        (Rectangle(area=(0, 0.5)), "0 < low"),
        (Rectangle(applied=0.5), r"applied=0.5 goes with an area; set pattern.area=\[low,high\]"),
        (Rectangle(area=(0.1, 0.2), applied=0), r"applied is the chance of a rectangle and lies in \(0, 1\], not 0"),
        (Rectangles(side=9), "side=9 pixels does not fit into images of 4 x 8; use 0 to 8"),
        (Rectangles(holes=0, side=2), "holes is a number of squares and at least 1, not 0"),
    ],
    ids=str,
)
def test_refused_native_parameters(pattern, message):
    with pytest.raises(ConfigError, match=message):
        pattern.implied_rate(Features("image", (1, 4, 8)))


@pytest.mark.parametrize(
    ("pattern", "kind", "message"),
    [
        (Rectangle(min_aspect=0), "image", r"min_aspect is the height .* lies in \(0, 1\], not 0; 1 makes squares"),
        (Rectangle(min_aspect=1.5), "image", "not 1.5"),
        (Rectangle(area=(0.02, 0.4)), "image", "cover at most 0.21 of an image on average, and the rate is 0.3; lower"),
        (Rectangles(holes=0), "image", "at least 1, not 0"),
        (Rectangles(holes=1.5), "image", "at least 1, not 1.5"),
        (Rectangle(), "columns", "hides cells of image, and these data are columns"),
        (Rectangles(), "columns", "hides cells of image, and these data are columns"),
    ],
    ids=str,
)
def test_refused_settings(pattern, kind, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(Features(kind, (1, 4, 8)), 0.3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 3), (4, 2)], ids=str)
@pytest.mark.parametrize("holes", [1, 2, 3])
def test_the_coverage_is_the_mean_over_all_placements(size, holes):
    for side, share in enumerate(coverage(*size, holes)):
        tall, wide = (min(side, cells) for cells in size)
        pictures = []
        for top, left in itertools.product(range(size[0] - tall + 1), range(size[1] - wide + 1)):
            picture = np.zeros(size, dtype=bool)
            picture[top : top + tall, left : left + wide] = True
            pictures.append(picture)
        unions = [np.any(chosen, axis=0).mean() for chosen in itertools.product(pictures, repeat=holes)]
        assert share == pytest.approx(np.mean(unions), abs=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 50))
def test_the_coverage_rises_from_nothing_to_all(rows, columns, holes):
    shares = coverage(rows, columns, holes)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert all(before <= after for before, after in itertools.pairwise(shares))


def test_overlaps_are_counted():
    assert coverage(32, 32, 4)[16] == pytest.approx(0.56, abs=5e-3)
    ignoring_the_border = 1 - (1 - 0.25) ** 4
    assert ignoring_the_border > 0.68


@pytest.mark.parametrize("holes", [1, 2, 8, 11])
def test_a_given_side_and_number_of_squares(holes):
    pattern = Rectangles(holes=holes, side=2)
    rate = pattern.implied_rate(Features("image", (1, 12, 12)))
    hidden = drawn(pattern, (12, 12), rate, samples=8192)
    counts = hidden.flatten(1).sum(1)
    assert counts.min() >= 4
    assert counts.max() <= 4 * holes
    if holes == 1:
        assert (counts == 4).all()
    if holes == 2:  # apart unless one start lies within one row and column of the other
        near = sum(abs(a - c) < 2 and abs(b - d) < 2 for a, b, c, d in itertools.product(range(11), repeat=4)) / 11**4
        assert_mean(counts == 8, 1 - near)
    if holes == 11:
        assert counts.max() > 32  # more than eight squares are there


def test_squares_of_one_sample_are_independent():
    hidden = drawn(Rectangles(holes=2, side=1), (1, 5), coverage(1, 5, 2)[1], samples=20_000).double()[:, 0]
    together = (hidden.sum(1) == 1).double()
    assert_mean(together, 1 / 5)
