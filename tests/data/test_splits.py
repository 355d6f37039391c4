"""Splits: shares, strata, groups of equal rows, refusals, and what they may depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.data.dataset import Dataset, describe
from maskbench.data.sets import bundled
from maskbench.data.splits import PARTS, Split, split_rows
from maskbench.errors import DataError
from maskbench.seeding import Streams
from tests.helpers import globals_as_found

SETS = [bundled.digits, bundled.breast_cancer, bundled.wine, bundled.diabetes]
some = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def parts(split: Split) -> list[np.ndarray]:
    return [getattr(split, name) for name in PARTS]


def table(targets: np.ndarray, copies: int = 1, task: str = "classification") -> Dataset:
    """One distinct row per target, each `copies` times in a row."""
    inputs = np.repeat(np.arange(len(targets), dtype=np.float32)[:, None], copies, axis=0)
    return describe("table", "columns", inputs, np.repeat(targets, copies), task)


@pytest.mark.parametrize("load", SETS)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_disjoint_complete_sorted_and_60_20_20(load, seed):
    dataset = load()
    split = split_rows(dataset, Streams(seed))
    rows = len(dataset.inputs)
    assert sorted(np.concatenate(parts(split)).tolist()) == list(range(rows))
    assert all((np.diff(part) > 0).all() for part in parts(split))
    for part, share in zip(parts(split), (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part) - share * rows) <= dataset.description.outputs


@pytest.mark.parametrize("load", SETS[:3])
def test_every_class_has_its_share_of_every_part(load):
    dataset = load()
    split = split_rows(dataset, Streams(3))
    for number in range(dataset.description.outputs):
        total = (dataset.targets == number).sum()
        for part, share in zip(parts(split), (0.6, 0.2, 0.2), strict=True):
            assert abs((dataset.targets[part] == number).sum() - share * total) <= 1


@some
@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(20, 80))
def test_equal_rows_stay_on_one_side(seed, classes, rows):
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(classes).repeat(8), rng.integers(0, classes, rows)])
    inputs = rng.integers(0, 12, (len(targets), 2)).astype(np.float32)
    inputs[: classes * 8] += 100 * np.arange(classes * 8)[:, None]  # enough distinct rows of each class
    dataset = describe("x", "columns", inputs, targets, "classification")
    split = split_rows(dataset, Streams(seed))
    sides = [{row.tobytes() for row in inputs[part]} for part in parts(split)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert sum(map(len, parts(split))) == len(targets)


def test_copies_keep_the_shares():
    dataset = table(np.arange(100) % 2, copies=3)
    lengths = [len(part) for part in parts(split_rows(dataset, Streams(0)))]
    assert np.abs(np.array(lengths) - (180, 60, 60)).max() <= 6


@pytest.mark.parametrize("load", SETS)
def test_the_split_is_a_function_of_its_seed(load):
    dataset = load()
    with globals_as_found():
        one = split_rows(dataset, Streams(4))
    assert one.digest == split_rows(load(), Streams(4)).digest
    digests = {split_rows(dataset, Streams(seed)).digest for seed in range(10)}
    assert len(digests) == 10


def test_the_digest_knows_which_part_a_row_is_in():
    one = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    assert one.digest != Split(np.array([0, 1]), np.array([3]), np.array([2])).digest
    assert one.digest != Split(np.array([0]), np.array([1, 2]), np.array([3])).digest
    assert one.digest == Split(np.array([0, 1]), np.array([2]), np.array([3])).digest


def test_rows_are_shuffled():
    """Files are often sorted by class or source: no part is a run of rows."""
    split = split_rows(bundled.diabetes(), Streams(0))
    for part in parts(split):
        assert np.ptp(part) > 0.9 * 442
    first_thirds = [(part < 147).mean() for part in parts(split)]
    assert max(first_thirds) < 0.5


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_class_with_too_few_rows_is_refused(rows, seed):
    targets = np.array([0] * 30 + [1] * rows)
    with pytest.raises(
        DataError, match=rf"data 'table': the (val|test) part would have no row of class 1, which has {rows} of"
    ):
        split_rows(table(targets), Streams(seed))


@pytest.mark.parametrize("seed", range(20))
def test_five_distinct_rows_of_a_class_are_enough(seed):
    split_rows(table(np.array([0] * 30 + [1] * 5)), Streams(seed))


def test_copies_of_one_row_are_not_enough():
    targets = np.array([0] * 30 + [1])
    with pytest.raises(DataError, match="no row of class 1"):
        split_rows(table(targets, copies=9), Streams(0))


def test_a_class_that_never_occurs_is_refused():
    with pytest.raises(DataError, match="no row of class 1"):
        split_rows(table(np.array([0, 2] * 20)), Streams(0))


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_for_a_regression_are_refused(rows):
    with pytest.raises(DataError, match=f"data 'table': {rows} rows are too few, the (val|test|train) part"):
        split_rows(table(np.arange(rows, dtype=np.float32), task="regression"), Streams(0))


def test_a_regression_is_not_stratified_by_its_values():
    dataset = table(np.linspace(0, 1, 40, dtype=np.float32), task="regression")
    other = replace(dataset, targets=dataset.targets[::-1].copy())
    assert split_rows(dataset, Streams(1)).digest == split_rows(other, Streams(1)).digest
