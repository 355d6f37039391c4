"""Exact count: the same number of hidden cells in every sample."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features
from maskbench.masks.exact_count import ExactCount
from tests.helpers import generator


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.one_of(st.floats(1e-3, 1), st.sampled_from([0.1, 0.3, 0.7, 0.9, 1.0])),
    st.sampled_from([(1,), (2,), (7,), (10,), (64,), (101,), (1, 8, 8), (3, 5, 7)]),
    st.integers(0, 2**32),
)
def test_every_sample_is_within_one_cell_of_the_rate(rate, shape, seed):
    hidden = ExactCount().sample((64, *shape), rate, generator(seed)).flatten(1)
    wanted, cells = rate * hidden.shape[1], hidden.shape[1]
    counts = set(hidden.sum(1).tolist())
    near = round(wanted)
    allowed = {near} if math.isclose(wanted, near, rel_tol=1e-6) else {math.floor(wanted), math.ceil(wanted)}
    assert counts <= allowed
    assert hidden.shape == (64, cells)


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5, 0.77])
def test_every_set_of_cells_is_equally_likely(rate):
    """Enumerated: all subsets of 5 cells, by size."""
    rows = ExactCount().sample((40_000, 5), rate, generator(0)).numpy()
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
    hidden = ExactCount().sample((5, 3, 4, 6), 0.5, generator(0))
    assert hidden.shape == (5, 1, 4, 6)
    assert (hidden.sum((1, 2, 3)) == 12).all()


@pytest.mark.parametrize("features", [Features("columns", (1,)), Features("image", (3, 2, 2))], ids=str)
def test_it_fits_everything(features):
    ExactCount().check(features, 1.0)
