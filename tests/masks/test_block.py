"""Block: one clipped square, its side solved from the rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.block import Block, areas, covered
from tests.helpers import drawn, generator

RATES = (1e-3, 0.05, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 0.99, 1.0)
SIZES = ((1, 1), (1, 9), (2, 3), (8, 8), (5, 7), (7, 5), (28, 28), (32, 32), (3, 31))


def window(centre: int, side: int, cells: int) -> np.ndarray:
    """Enumerated by hand: `side` cells around the centre, the shorter half before it where `side` is odd."""
    wanted = [centre - side // 2 + step for step in range(side)]
    return np.isin(np.arange(cells), wanted)


def solve_side(rate: float, height: int, width: int) -> tuple[int, float]:
    """(side, share of side + 1) whose mixture covers `rate`, from the table of areas."""
    table = areas(height, width)
    side = max(side for side, area in enumerate(table) if area <= rate)
    if side == len(table) - 1:
        return side, 0.0
    return side, (rate - table[side]) / (table[side + 1] - table[side])


def enumerated(side: int, cells: int) -> float:
    """The expected covered share of an axis, over all centres."""
    return float(np.mean([window(centre, side, cells).mean() for centre in range(cells)]))


@pytest.mark.parametrize("cells", [1, 2, 3, 5, 8, 13, 32])
def test_covered_is_the_mean_over_all_centres(cells):
    for side in range(2 * cells + 3):
        assert covered(side, cells) == pytest.approx(enumerated(side, cells), abs=1e-12)


@pytest.mark.parametrize(
    ("size", "rate", "side", "share"),
    [
        (32, 0.1, 11, 0.067),
        (32, 0.25, 18, 0.735),
        (32, 0.5, 29, 0.355),
        (32, 0.75, 40, 0.566),
        (32, 0.9, 49, 0.492),
        (28, 0.1, 9, 0.682),
        (28, 0.25, 16, 0.394),
        (28, 0.5, 25, 0.689),
        (28, 0.9, 43, 0.294),
    ],
)
def test_known_sides(size, rate, side, share):
    found, weight = solve_side(rate, size, size)
    assert found == side
    assert weight == pytest.approx(share, abs=5.1e-4)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.floats(0, 1), st.sampled_from(RATES)), st.integers(1, 12), st.integers(1, 12))
def test_the_solved_side_covers_exactly_the_rate(rate, height, width):
    side, share = solve_side(rate, height, width)
    areas = [enumerated(length, height) * enumerated(length, width) for length in (side, side + 1)]
    assert 0 <= share <= 1
    assert (1 - share) * areas[0] + share * areas[1] == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 4), (3, 5), (6, 2)])
@pytest.mark.parametrize("rate", [0.05, 0.4, 0.8, 1.0])
def test_exactly_the_enumerated_squares_are_drawn_and_as_often(height, width, rate):
    side, share = solve_side(rate, height, width)
    chances: dict[bytes, float] = {}
    for length, weight in ((side, 1 - share), (side + 1, share)):
        for row in range(height):
            for column in range(width):
                square = np.outer(window(row, length, height), window(column, length, width)).tobytes()
                chances[square] = chances.get(square, 0) + weight / (height * width)
    draws = drawn(Block(), (20_000, 3, height, width), rate, generator(0))[:, 0].numpy()
    found: dict[bytes, int] = {}
    for draw in draws:
        found[draw.tobytes()] = found.get(draw.tobytes(), 0) + 1
    assert set(found) <= {square for square, chance in chances.items() if chance > 0}
    for square, chance in chances.items():
        error = math.sqrt(chance * max(1 - chance, 0) / len(draws))
        assert abs(found.get(square, 0) / len(draws) - chance) <= 5 * error + 1e-9


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_realised_rate_on_square_and_other_images(height, width, rate):
    shares = drawn(Block(), (8192, 1, height, width), rate, generator(1)).flatten(1).double().mean(1)
    assert abs(shares.mean() - rate) <= 5 * shares.std() / len(shares) ** 0.5 + 1e-7


def test_hidden_is_one_rectangle_per_sample():
    hidden = drawn(Block(), (300, 1, 9, 12), 0.3, generator(2))[:, 0]
    rows, columns = hidden.any(2), hidden.any(1)
    assert torch.equal(hidden, rows[:, :, None] & columns[:, None, :])
    for axis in (rows, columns):
        assert ((axis[:, 1:] & ~axis[:, :-1]).sum(1) + axis[:, 0] <= 1).all()  # one run of cells


def test_columns_are_refused():
    with pytest.raises(ConfigError, match="Block hides cells of image, and these data are columns; use bern"):
        Block().check(Features("columns", (64,)), 0.3)
    Block().check(Features("image", (1, 1, 1)), 0.3)


def test_a_side_given_directly_amounts_to_a_rate():
    features = Features("image", (1, 32, 32))
    assert Block(16).implied_rate(features) == pytest.approx(
        0.191, abs=5e-4
    )  # the published 16 of 32, cut at the border
    assert Block(8).implied_rate(features) == pytest.approx(0.055, abs=5e-4)
    assert Block().implied_rate(features) is None
    drawn_sides = drawn(Block(16), (64, 1, 32, 32), Block(16).implied_rate(features), generator(0)).any(3).sum((1, 2))
    assert drawn_sides.max() == 16
    with pytest.raises(ConfigError, match=r"pattern\.side=65 pixels is not between 0 and 64"):
        Block(65).implied_rate(features)
