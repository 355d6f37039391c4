"""Names become numbers: in order, gaps kept apart."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.data.sets.categories import coded, in_numbers

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "codes", "names"),
    [
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        (["10", "9", "2", "10"], [2, 1, 0, 2], ("2", "9", "10")),
        (["10", "9", "x"], [0, 1, 2], ("10", "9", "x")),
        ([3, 1, 3], [1, 0, 1], ("1", "3")),
    ],
)
def test_names_are_in_order_and_numbers_by_size(values, codes, names):
    found, told = coded(np.array(values))
    assert (found.dtype, found.tolist(), told) == (np.int64, codes, names)


def test_a_gap_is_no_name():
    codes, names = coded(np.array(["b", NAN, "nan", "a", NAN], object))
    assert codes.tolist() == [1, -1, 2, 0, -1]
    assert names == ("a", "b", "nan")


@pytest.mark.parametrize(
    ("values", "dtype", "numbers", "levels"),
    [
        (["1.5", "-2", "3e2"], str, [1.5, -2, 300], 0),
        ([1, 2, 3], np.int64, [1, 2, 3], 0),
        ([1.5, NAN], np.float64, [1.5, NAN], 0),
        (["b", NAN, "a", "b"], object, [1, NAN, 0, 1], 2),
        (["1", "x", "1"], str, [0, 1, 0], 2),
    ],
)
def test_a_column_is_numbers_or_numbers_of_names(values, dtype, numbers, levels):
    found, count = in_numbers(np.array(values, dtype))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(numbers, np.float32))
    assert count == levels
