"""The draws every pattern is made of, the choice by bits and the cells that may be hidden."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from maskbench.description import Features, Vocabulary
from maskbench.masks.cells import (
    LEVELS,
    Batch,
    along,
    cell_shape,
    coins,
    eligible_cells,
    mixed,
    select,
    uniform,
    whole,
)
from tests.helpers import generator, globals_as_found

SPECIAL = (0.0, -0.0, 1.5, -2.0, math.nan, math.inf, -math.inf, 1e-40, -1e-40, 3.4e38)
"""Numbers that go wrong easily: signed zeros, no numbers, infinities, denormals, the largest."""


def at(*rates: float) -> Tensor:
    return torch.tensor(rates, dtype=torch.float64)


# Coins


@pytest.mark.parametrize("rate", [1e-6, 7e-6, 2**-16, 2.5 / LEVELS, 0.1, 0.3, 0.5, 0.9, 1 - 7e-6, 1 - 1e-6])
def test_the_expected_share_is_exactly_the_rate(rate):
    """Over many calls, as the threshold is rounded once in a call: no rate is lost between two thresholds."""
    calls, cells = 8192, 8192
    stream = generator(0)
    share = sum(coins((cells,), at(rate), stream).sum().item() for _ in range(calls)) / (calls * cells)
    fraction = rate * LEVELS % 1
    variance = fraction * (1 - fraction) / LEVELS**2 + rate * (1 - rate) / cells
    assert abs(share - rate) <= 5 * (variance / calls) ** 0.5


def test_rates_per_sample_are_exact_too():
    rates = at(1e-6, 2e-5, 0.013, 1 / 3, 0.5, 0.987, 1 - 2e-5)
    calls, cells = 4096, 4096
    stream = generator(1)
    shares = sum(coins((len(rates), cells), rates, stream).double().mean(1) for _ in range(calls)) / calls
    fraction = rates * LEVELS % 1
    variance = fraction * (1 - fraction) / LEVELS**2 + rates * (1 - rates) / cells
    assert ((shares - rates).abs() <= 5 * (variance / calls).sqrt()).all()


@pytest.mark.parametrize("seed", range(5))
def test_rate_0_hides_nothing_and_rate_1_hides_all(seed):
    shape = (4, 500_000)  # every one of the 65536 draws comes up
    assert not coins(shape, at(0), generator(seed)).any()
    assert coins(shape, at(1), generator(seed)).all()
    shares = coins(shape, at(0, 1, 0.5, 1), generator(seed)).double().mean(1)
    assert shares[[0, 1, 3]].tolist() == [0, 1, 1]
    assert abs(shares[2] - 0.5) < 5 * (0.25 / shape[1]) ** 0.5


def test_the_lowest_and_the_highest_threshold_differ_from_0_and_1():
    """One draw of 65536 tells them apart."""
    cells = 40 * LEVELS
    one = coins((cells,), at(1 / LEVELS), generator(2)).sum().item()
    rest = (~coins((cells,), at(1 - 1 / LEVELS), generator(2))).sum().item()
    assert abs(one - 40) <= 5 * 40**0.5
    assert abs(rest - 40) <= 5 * 40**0.5


@pytest.mark.parametrize("rate", [0.0, 1e-5, 0.2, 0.5, 0.7777, 1 - 1e-5, 1.0])
def test_one_rate_for_all_is_the_same_rate_for_each(rate):
    for seed in range(5):
        together = coins((9, 31), at(rate), generator(seed))
        each = coins((9, 31), at(rate).expand(9), generator(seed))
        assert torch.equal(together, each)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    rates=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**31),
)
def test_what_is_drawn_does_not_depend_on_the_rate_and_masks_are_nested(shape, rates, seed):
    low, high = sorted(rates)
    one, two = generator(seed), generator(seed)
    less = coins(tuple(shape), at(low), one)
    more = coins(tuple(shape), torch.full((shape[0],), high, dtype=torch.float64), two)
    assert less.shape == more.shape == tuple(shape)
    assert less.dtype == more.dtype == torch.bool
    assert torch.equal(one.get_state(), two.get_state())
    assert (less <= more).all()


def test_coins_of_one_word_are_independent():
    """Four coins share a 64-bit word: all 16 patterns come up as often as four separate coins would give."""
    for rate in (0.5, 0.2):
        flips = coins((200_000, 4), at(rate), generator(3))
        found = np.bincount((flips * torch.tensor([1, 2, 4, 8])).sum(1).numpy(), minlength=16)
        heads = np.array([pattern.bit_count() for pattern in range(16)])
        expected = len(flips) * rate**heads * (1 - rate) ** (4 - heads)
        assert stats.chisquare(found, expected).pvalue > 1e-6


def test_coins_of_neighbouring_words_and_of_the_next_call_are_independent():
    stream = generator(4)
    flips = torch.cat([coins((50_000, 13), at(0.3), stream), coins((50_000, 13), at(0.3), stream)], 1).double()
    correlations = torch.corrcoef(flips.T)[torch.triu(torch.ones(26, 26), 1) > 0]
    assert correlations.abs().max() < 6 / 50_000**0.5


def test_draws_leave_the_global_generators_alone():
    with globals_as_found():
        coins((7, 9), at(0.5), generator(0))
        uniform((7, 9), generator(0))


def test_uniform_draws_are_float32_from_0_to_below_1():
    draws = uniform((100_000,), generator(5))
    assert draws.dtype == torch.float32
    assert 0 <= draws.min() < draws.max() < 1
    assert stats.kstest(draws.double().numpy(), "uniform").pvalue > 1e-6


# Whole numbers and neighbours


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.floats(0, 1000))
def test_whole_numbers_have_exactly_the_expectation(expected):
    """Averaged over a fine grid of dithers, which is all there is to chance."""
    grid = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    counts = whole(torch.full((1000,), expected, dtype=torch.float64), grid)
    assert counts.dtype == torch.int64
    assert set(counts.tolist()) <= {math.floor(expected), math.floor(expected) + 1}
    assert abs(counts.double().mean().item() - expected) <= 1e-3


@pytest.mark.parametrize("count", [0.0, 1.0, 17.0])
def test_a_whole_number_stays_what_it_is(count):
    assert whole(at(count, count), at(0, 0.999999)).tolist() == [count, count]


rising = st.lists(st.floats(0.01, 1), min_size=1, max_size=8).map(
    lambda steps: [0.0, *(value / sum(steps) for value in itertools.accumulate(steps))]
)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(rising, st.floats(0, 1))
def test_neighbours_are_mixed_to_exactly_the_rate(table, rate):
    shares, grid = at(*table), (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    chosen = mixed(shares, torch.full((1000,), rate, dtype=torch.float64), grid)
    used = sorted(set(chosen.tolist()))
    assert used[-1] - used[0] <= 1
    assert abs(shares[chosen].mean().item() - rate) <= 1e-3
    assert shares[used[0]] - 1e-12 <= rate <= shares[min(used[-1] + (len(used) == 1), len(table) - 1)] + 1e-12


def test_a_rate_in_the_table_is_its_own_parameter():
    table = at(0, 0.1, 0.25, 0.7, 1)
    for parameter, rate in enumerate(table.tolist()):
        assert set(mixed(table, at(*[rate] * 5), at(0, 0.2, 0.5, 0.9, 1 - 1e-12)).tolist()) == {parameter}


def test_every_sample_has_its_own_rate_in_the_table():
    assert mixed(at(0, 0.5, 1), at(0, 0.25, 0.25, 0.75, 1), at(0.3, 0.4, 0.6, 0.4, 0.3)).tolist() == [0, 1, 0, 2, 2]


# The choice by bits


def bits(values: Tensor) -> Tensor:
    """Bit patterns, so that -0.0 is not 0.0 and NaN is NaN."""
    return values.detach().contiguous().view({2: torch.int16, 4: torch.int32, 8: torch.int64}[values.element_size()])


PAIRS = torch.tensor(list(itertools.product(SPECIAL, SPECIAL)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_values_are_chosen_bit_by_bit(dtype):
    inputs, there = PAIRS.to(dtype).unbind(1)
    for hidden in (torch.ones(100, dtype=torch.bool), torch.zeros(100, dtype=torch.bool), torch.arange(100) % 3 == 0):
        chosen = select(hidden, there, inputs)
        assert chosen.dtype == dtype
        assert torch.equal(bits(chosen), bits(torch.where(hidden, there, inputs)))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        *itertools.product([*SPECIAL, 0, 3], [torch.float32, torch.float64]),
        (2.5, torch.float16),
        (math.nan, torch.float16),
    ],
)
def test_a_number_is_chosen_and_what_was_there_is_wiped_out(value, dtype):
    inputs = torch.tensor(SPECIAL, dtype=dtype)
    hidden = torch.arange(len(SPECIAL)) % 2 == 0
    chosen = select(hidden, value, inputs)
    assert chosen.dtype == dtype
    assert torch.equal(bits(chosen[~hidden]), bits(inputs[~hidden]))
    expected = torch.full((int(hidden.sum()),), value, dtype=dtype)
    torch.testing.assert_close(chosen[hidden], expected, rtol=0, atol=0, equal_nan=True)
    if value != 0:
        assert torch.equal(bits(chosen[hidden]), bits(expected))


@pytest.mark.parametrize("there", [(3, 4, 5), (1, 4, 5), (4, 1), (5,), (1,), ()])
@pytest.mark.parametrize("hides", [(3, 4, 5), (3, 1, 5), (1, 4, 1), (5,), ()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_shapes_broadcast(there, hides, dtype):
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 4, 5, generator=stream).to(dtype)
    values = torch.randn(there, generator=stream).to(dtype)
    hidden = torch.rand(hides, generator=stream) < 0.5
    assert torch.equal(select(hidden, values, inputs), torch.where(hidden, values, inputs))
    assert torch.equal(select(hidden, 2.5, inputs), torch.where(hidden, torch.tensor(2.5, dtype=dtype), inputs))
    assert torch.equal(select(hidden, 0, inputs), torch.where(hidden, torch.tensor(0.0, dtype=dtype), inputs))


def test_inputs_that_do_not_lie_in_one_piece():
    inputs, there = torch.randn(6, 4).T, torch.randn(4, 12)[:, ::2]
    hidden = torch.rand(6, 4).T < 0.5
    for flags in (hidden, hidden[:1].expand(4, 6), hidden[:, :1].expand(4, 6)):
        assert torch.equal(select(flags, there, inputs), torch.where(flags, there, inputs))
        assert torch.equal(select(flags, 0, inputs), torch.where(flags, 0.0, inputs))


@pytest.mark.parametrize("value", [0, 2.0, None])
def test_nothing_is_changed_in_place(value):
    inputs, there, hidden = torch.randn(5, 6), torch.randn(5, 6), torch.rand(5, 6) < 0.5
    kept = inputs.clone(), there.clone(), hidden.clone()
    chosen = select(hidden, there if value is None else value, inputs)
    chosen += 1
    assert torch.equal(inputs, kept[0])
    assert torch.equal(there, kept[1])
    assert torch.equal(hidden, kept[2])


@pytest.mark.parametrize(
    ("value", "which"),
    [(0, "inputs"), (1.5, "inputs"), ("tensor", "inputs"), ("tensor", "there"), ("tensor", "both")],
)
def test_gradients_flow_to_what_is_chosen(value, which):
    hidden = torch.rand(7, 3) < 0.5
    inputs = torch.randn(7, 3).requires_grad_(which != "there")
    there = torch.randn(7, 3).requires_grad_(which != "inputs") if value == "tensor" else value
    select(hidden, there, inputs).sum().backward()
    if which != "there":
        assert torch.equal(inputs.grad, (~hidden).float())
    if which != "inputs":
        assert torch.equal(there.grad, hidden.float())


def test_without_gradients_asked_for_none_are_kept():
    inputs = torch.randn(7, 3, requires_grad=True)
    with torch.no_grad():
        chosen = select(inputs > 0, 0, inputs)
    assert not chosen.requires_grad
    assert torch.equal(chosen, inputs.detach().clamp(max=0))


def test_tokens_are_chosen_too():
    inputs, hidden = torch.arange(6).view(2, 3), torch.tensor([[True, False, True], [False, False, True]])
    assert select(hidden, 9, inputs).tolist() == [[9, 1, 9], [3, 4, 9]]
    assert select(hidden, -inputs, inputs).tolist() == [[0, 1, -2], [3, 4, -5]]


# Cells


@pytest.mark.parametrize(
    ("shape", "cells"),
    [((4, 7), (4, 7)), ((4, 3, 5, 6), (4, 1, 5, 6)), ((4, 9, 2), (4, 9, 2)), ((0, 3, 5, 6), (0, 1, 5, 6))],
)
def test_channels_of_an_image_share_a_cell(shape, cells):
    assert cell_shape(shape) == cells
    assert Batch(torch.zeros(shape), Features("columns", shape[1:])).cells == cells


def test_one_value_per_sample_is_shaped_along_the_samples():
    assert along(at(0.1, 0.2, 0.3), 4).shape == (3, 1, 1, 1)
    assert along(at(0.1), 2).shape == (1, 1)


def test_reserved_tokens_are_not_eligible():
    words = Vocabulary(9, pad=0, mask=1, unknown=2, special=(3, 5))
    tokens = torch.tensor([[3, 4, 2, 5, 0], [8, 1, 7, 3, 6]], dtype=torch.int32)
    eligible = eligible_cells(tokens, Features("tokens", (5,), words))
    assert eligible.tolist() == [[False, True, True, False, False], [True, False, True, False, True]]


def test_numbers_that_are_not_there_are_not_eligible():
    inputs = torch.tensor([[1.0, math.nan, math.inf], [math.nan, 0.0, -1.0]])
    eligible = eligible_cells(inputs, Features("columns", (3,)))
    assert eligible.tolist() == [[True, False, True], [False, True, True]]


def test_a_pixel_that_lacks_a_channel_is_not_eligible():
    images = torch.zeros(2, 3, 2, 2)
    images[0, 1, 0, 1] = images[1, :, 1, 0] = math.nan
    eligible = eligible_cells(images, Features("image", (3, 2, 2)))
    assert eligible.shape == (2, 1, 2, 2)
    assert (~eligible).nonzero().tolist() == [[0, 0, 0, 1], [1, 0, 1, 0]]


@pytest.mark.parametrize(
    "inputs",
    [torch.ones(2, 3), torch.tensor([[math.inf, -math.inf, 1.0]]), torch.zeros(0, 3), torch.ones(2, 3).long()],
    ids=["ordinary", "infinite", "empty", "whole numbers"],
)
def test_where_all_are_there_every_cell_is_eligible(inputs):
    assert eligible_cells(inputs, Features("columns", (3,))) is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_large_numbers_are_there(dtype):
    largest = torch.full((2, 3), torch.finfo(dtype).max, dtype=dtype)
    largest[1] *= -1
    assert eligible_cells(largest, Features("columns", (3,))) is None


def test_a_batch_counts_its_eligible_cells():
    inputs = torch.tensor([[1.0, math.nan, 2.0], [math.nan] * 3, [1.0, 2.0, 3.0]])
    features = Features("columns", (3,))
    batch = Batch.of(inputs, features)
    assert len(batch) == 3
    assert batch.counts.tolist() == [2, 0, 3]
    assert Batch.of(torch.zeros(2, 3, 4, 5), Features("image", (3, 4, 5))).counts.tolist() == [20, 20]
    assert Batch.of(torch.zeros(0, 3), features).counts.tolist() == []
