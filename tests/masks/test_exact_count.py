"""Exact count: the same number of hidden cells in every sample."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.exact_count import BEYOND, ExactCount, lowest
from tests.helpers import drawn, generator, random_inputs


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.one_of(st.floats(1e-3, 1), st.sampled_from([0.1, 0.3, 0.7, 0.9, 1.0])),
    st.sampled_from([(1,), (2,), (7,), (10,), (64,), (101,), (1, 8, 8), (3, 5, 7)]),
    st.integers(0, 2**32),
)
def test_every_sample_is_within_one_cell_of_the_rate(rate, shape, seed):
    hidden = drawn(ExactCount(), (64, *shape), rate, generator(seed)).flatten(1)
    wanted, cells = rate * hidden.shape[1], hidden.shape[1]
    counts = set(hidden.sum(1).tolist())
    near = round(wanted)
    allowed = {near} if math.isclose(wanted, near, rel_tol=1e-6) else {math.floor(wanted), math.ceil(wanted)}
    assert counts <= allowed
    assert hidden.shape == (64, cells)


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5, 0.77])
def test_every_set_of_cells_is_equally_likely(rate):
    """Enumerated: all subsets of 5 cells, by size."""
    rows = drawn(ExactCount(), (40_000, 5), rate, generator(0)).numpy()
    low = math.floor(rate * 5)
    share = rate * 5 - low
    for count, chance in ((low, 1 - share), (low + 1, share)):
        subsets = list(itertools.combinations(range(5), count))
        for subset in subsets:
            pattern = np.isin(range(5), subset)
            found = (rows == pattern).all(1).mean()
            expected = chance / len(subsets)
            assert abs(found - expected) <= 5 * math.sqrt(expected * (1 - expected) / len(rows)) + 1e-9


def test_an_image_has_one_cell_per_pixel():
    hidden = drawn(ExactCount(), (5, 3, 4, 6), 0.5, generator(0))
    assert hidden.shape == (5, 1, 4, 6)
    assert (hidden.sum((1, 2, 3)) == 12).all()


@pytest.mark.parametrize("features", [Features("columns", (1,)), Features("image", (3, 2, 2))], ids=str)
def test_it_fits_everything(features):
    ExactCount().check(features, 1.0)


def test_equal_draws_at_the_threshold_are_settled_exactly():
    draws = torch.tensor([[0.5, 0.5, 0.5, 0.1], [0.5, 0.5, 0.2, BEYOND], [0.1, 0.2, 0.3, 0.4]])
    hidden = lowest(draws, torch.tensor([2, 2, 4]))
    assert hidden.tolist() == [[True, False, False, True], [True, False, True, False], [True, True, True, True]]


def test_over_the_batch_the_count_is_exact_and_samples_vary():
    hidden = drawn(ExactCount(over="batch"), (50, 9), 0.3, generator(0))
    assert hidden.sum() == 135
    assert len(set(hidden.sum(1).tolist())) > 2


def test_only_eligible_cells_count():
    inputs = random_inputs(200, (10,))
    inputs[:, ::2] = math.nan
    hidden = ExactCount().sample(Batch.of(inputs, Features("columns", (10,))), torch.tensor([0.4]), generator(0))
    assert (hidden.sum(1) == 2).all()
    assert not hidden[:, ::2].any()


def test_even_counts_are_the_same_in_all_samples():
    hidden = drawn(ExactCount("step", even=True), (50, 9, 4), 0.5, generator(0))
    assert hidden.shape == (50, 9, 1)
    assert len(set(hidden.sum(1).flatten().tolist())) == 1
    assert (
        len({drawn(ExactCount("step", even=True), (1, 9, 4), 0.5, generator(seed)).sum().item() for seed in range(20)})
        == 2
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (ExactCount(over="all"), "pattern.over is sample or batch, not 'all'"),
        (ExactCount("row"), "pattern.unit is one of cell, step, not 'row'"),
        (ExactCount("step"), "these data are columns and have no step; use pattern.unit=cell"),
    ],
)
def test_settings_that_cannot_be_are_refused(pattern, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(Features("columns", (3,)), 0.3)
