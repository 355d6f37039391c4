"""Groups of columns: hidden and kept as a whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.groups import FeatureGroups
from tests.helpers import generator

SAMPLES = 8192


def draw(pattern: FeatureGroups, columns: int, rates: float | torch.Tensor, samples: int = SAMPLES) -> torch.Tensor:
    batch = Batch.of(torch.ones(samples, columns), Features("columns", (columns,)))
    rates = rates if isinstance(rates, torch.Tensor) else torch.tensor([rates], dtype=torch.float64)
    return pattern.sample(batch, rates, generator(0))


def together(hidden: torch.Tensor) -> set[tuple[int, ...]]:
    """Sets of columns that are always hidden together."""
    return {tuple((column == hidden.T).all(1).nonzero().flatten().tolist()) for column in hidden.T}


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(2, 40), st.data())
def test_groups_are_neighbours_of_nearly_equal_size(columns, data):
    count = data.draw(st.integers(2, columns))
    pattern = FeatureGroups(count=count)
    pattern.check(Features("columns", (columns,)), 0.5)
    found = sorted(together(draw(pattern, columns, 0.5, 512)))
    assert [column for group in found for column in group] == list(range(columns))  # each in one, in order
    sizes = {len(group) for group in found}
    assert len(found) == count
    assert max(sizes) - min(sizes) <= 1


def test_groups_as_given():
    groups = [[0, 3], [4, 1, 5], [2]]
    pattern = FeatureGroups(groups=groups)
    pattern.check(Features("columns", (6,)), 0.5)
    assert together(draw(pattern, 6, 0.5)) == {tuple(sorted(group)) for group in groups}


@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.05, 0.15, 0.3, 0.5, 0.75, 0.9, 1.0])
@pytest.mark.parametrize("columns", [2, 3, 7, 64])
def test_each_group_has_the_rate_and_groups_are_independent(rate, columns):
    hidden = draw(FeatureGroups(count=min(4, columns)), columns, rate).double()
    error = (rate * (1 - rate) / SAMPLES) ** 0.5
    assert ((hidden.mean(0) - rate).abs() <= 5 * error).all()
    first, last = hidden[:, 0], hidden[:, -1]
    assert abs((first * last).mean() - rate**2) <= 5 * (rate**2 * (1 - rate**2) / SAMPLES) ** 0.5 + 1e-12


def test_groups_of_other_sizes_keep_the_rate():
    hidden = draw(FeatureGroups(groups=[[0], list(range(1, 20))]), 20, 0.3).double()
    assert abs(hidden.mean() - 0.3) <= 5 * hidden.mean(1).std() / SAMPLES**0.5


def test_a_rate_per_sample():
    rates = torch.linspace(0, 1, SAMPLES, dtype=torch.float64)
    hidden = draw(FeatureGroups(), 8, rates).double()
    for part in range(4):
        rows = slice(part * SAMPLES // 4, (part + 1) * SAMPLES // 4)
        assert abs(hidden[rows].mean() - rates[rows].mean()) <= 5 * hidden[rows].mean(1).std() / (SAMPLES / 4) ** 0.5
    assert not hidden[0].any()
    assert hidden[-1].all()


@pytest.mark.parametrize("samples", [0, 1])
def test_tiny_batches(samples):
    assert draw(FeatureGroups(), 9, 0.5, samples).shape == (samples, 9)


@pytest.mark.parametrize(
    ("pattern", "columns", "message"),
    [
        (FeatureGroups(count=1), 5, "count=1 groups cannot be made of 5 columns; use 2 to 5"),
        (FeatureGroups(count=6), 5, "count=6 groups cannot be made of 5 columns; use 2 to 5"),
        (FeatureGroups(), 1, "count=4 groups cannot be made of 1 columns; use bernoulli"),
        (FeatureGroups(groups=[[0, 1, 2]]), 3, "hides some groups and keeps others; give at least 2"),
        (FeatureGroups(groups=[[0, 1, 2], []]), 3, "none of them empty"),
        (FeatureGroups(groups=[[0, 1], [1, 2]]), 3, "columns 1 of pattern.groups are in more than one group"),
        (FeatureGroups(groups=[[0, 0], [1, 2]]), 3, "columns 0 of pattern.groups are in more than one group"),
        (FeatureGroups(groups=[[0], [2]]), 4, "columns 1, 3 of pattern.groups are in no group; name every column"),
        (FeatureGroups(groups=[[0], [1]]), 9, "columns 2, 3, 4, 5, 6 and 2 more of pattern.groups are in no group"),
        (FeatureGroups(groups=[[0, 1], [2, 3, -1]]), 3, "columns -1, 3 of pattern.groups are not there; .* 0 to 2"),
    ],
)
def test_groups_that_cannot_be(pattern, columns, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(Features("columns", (columns,)), 0.3)


def test_images_are_refused():
    with pytest.raises(ConfigError, match="hides cells of columns, and these data are image; use bernoulli"):
        FeatureGroups().check(Features("image", (1, 8, 8)), 0.3)
