"""Columns that name things, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Floats, Rows

Column = NDArray[Any]


def coded(values: Column) -> tuple[Rows, tuple[str, ...]]:
    """The number of each value (N,), -1 for a gap, and what the numbers stand for: in order, numbers by their size."""
    there = np.array([value == value for value in values], bool)  # a gap is NaN, which does not equal itself
    names, found = np.unique(values[there].astype(str), return_inverse=True)
    try:
        order = names.astype(np.float64).argsort()
    except ValueError:
        order = np.arange(len(names))
    codes = np.full(len(values), -1, np.int64)
    codes[there] = order.argsort()[found]
    return codes, tuple(names[order].tolist())


def in_numbers(values: Column) -> tuple[Floats, int]:
    """A column (N,) with NaN for gaps and how many categories it names: 0 where all values are numbers already."""
    try:
        return values.astype(np.float64).astype(np.float32), 0
    except ValueError:
        codes, names = coded(values)
    return np.where(codes < 0, np.nan, codes).astype(np.float32), len(names)
