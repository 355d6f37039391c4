"""Data sets: description, fingerprint and groups of equal rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskbench.data.dataset import Dataset, describe
from maskbench.errors import DataError

INPUTS = np.arange(12, dtype=np.float32).reshape(4, 3)
CLASSES = np.array([0, 1, 2, 0])


def test_a_description_follows_from_the_arrays():
    columns = describe("x", "columns", INPUTS, CLASSES, "classification").description
    assert (columns.name, columns.features.shape, columns.outputs) == ("x", (3,), 3)
    image = describe("x", "image", INPUTS.reshape(4, 1, 3, 1), CLASSES * 1.5, "regression").description
    assert (image.features.shape, image.features.size, image.outputs) == ((1, 3, 1), 3, 1)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_values_are_refused(bad):
    inputs = INPUTS.copy()
    inputs[2, 1] = bad
    with pytest.raises(DataError, match="data 'x' holds 1 infinite values, the first in its inputs; mend or remove"):
        describe("x", "columns", inputs, CLASSES, "classification")
    with pytest.raises(DataError, match="the first in column 'b'; mend or remove them"):
        describe("x", "columns", inputs, CLASSES, "classification", columns="abc")


def test_a_gap_is_no_infinite_value():
    inputs = INPUTS.copy()
    inputs[2, 1] = np.nan
    assert np.isnan(describe("x", "columns", inputs, CLASSES, "classification").inputs).sum() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_are_numbers(bad):
    with pytest.raises(DataError, match="data 'x' holds targets that are NaN or infinite; remove those rows"):
        describe("x", "columns", INPUTS, np.array([1, bad, 2, 3], np.float32), "regression")


def test_a_single_class_is_refused():
    with pytest.raises(DataError, match="data 'x' has one class only; a comparison needs at least two"):
        describe("x", "columns", INPUTS, np.zeros(4, np.int64), "classification")
    with pytest.raises(DataError, match=r"one class only \('cat', 4 rows\)"):
        describe("x", "columns", INPUTS, np.zeros(4, np.int64), "classification", classes=["cat", "dog"])


def base() -> Dataset:
    return describe("x", "columns", INPUTS.copy(), CLASSES.copy(), "classification")


def test_equal_content_has_one_fingerprint():
    assert base().fingerprint == base().fingerprint
    fortran = describe("x", "columns", np.asfortranarray(INPUTS), CLASSES, "classification")
    assert fortran.fingerprint == base().fingerprint


def test_any_change_of_content_changes_the_fingerprint():
    input_bit, target, dtype = INPUTS.copy(), CLASSES.copy(), CLASSES.astype(np.int32)
    input_bit[0, 0] = -0.0
    target[0] = 2
    others = [
        replace(base(), inputs=input_bit),
        replace(base(), inputs=INPUTS.reshape(4, 1, 3)),
        replace(base(), targets=target),
        replace(base(), targets=dtype),
        replace(base(), inputs=INPUTS[:3], targets=CLASSES[:3]),
        replace(base(), inputs=INPUTS[::-1]),
    ]
    prints = {dataset.fingerprint for dataset in (base(), *others)}
    assert len(prints) == len(others) + 1


def test_equal_bytes_of_another_type_are_other_content():
    whole, real = (replace(base(), targets=np.zeros(4, dtype)) for dtype in (np.int64, np.float64))
    assert whole.fingerprint != real.fingerprint


@pytest.mark.parametrize("shape", [(3,), (1, 3, 1)])
def test_rows_with_equal_inputs_share_a_group(shape):
    inputs = np.array([[1, 2, 3], [4, 5, 6], [1, 2, 3], [1, 2, 4], [4, 5, 6]], np.float32).reshape(5, *shape)
    groups = describe("x", "columns", inputs, np.array([0, 1, 1, 0, 1]), "classification").groups
    assert groups.shape == (5,)
    same = groups[:, None] == groups
    expected = (inputs.reshape(5, -1)[:, None] == inputs.reshape(5, -1)).all(2)
    assert np.array_equal(same, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_twins_are_numbered_alike_whatever_the_type(dtype):
    inputs = np.random.default_rng(0).integers(0, 3, (60, 4)).astype(dtype)
    twins = replace(base(), inputs=inputs).twins
    assert np.array_equal(twins, np.unique(inputs, axis=0, return_inverse=True)[1].reshape(-1))


def test_rows_with_the_same_gaps_are_twins():
    inputs = np.array([[1, np.nan], [1, np.nan], [np.nan, 1], [1, 2]], np.float32)
    assert replace(base(), inputs=inputs).twins.tolist() in ([1, 1, 2, 0], [0, 0, 1, 2], [1, 1, 0, 2])
    assert len(set(replace(base(), inputs=inputs).twins.tolist())) == 3


def test_bonds_and_twins_join_groups_in_turn():
    inputs = np.array([[1.0], [1.0], [2.0], [2.0], [3.0], [4.0]], np.float32)
    bonds = np.array([7, 5, 5, 9, 9, 3])
    groups = replace(base(), inputs=inputs, bonds=bonds).groups
    assert len(set(groups[:5].tolist())) == 1
    assert groups[5] != groups[0]


def test_bonds_parts_and_levels_are_content():
    rows = np.zeros(4, np.int64)
    mixed = describe("x", "columns", INPUTS, CLASSES, "classification", levels=[0, 12, 0])
    others = [replace(base(), bonds=rows), replace(base(), parts=rows + 1), mixed]
    assert len({dataset.fingerprint for dataset in (base(), *others)}) == 4
    assert (
        describe("x", "columns", INPUTS, CLASSES, "classification", levels=[0, 0, 0]).fingerprint == base().fingerprint
    )
