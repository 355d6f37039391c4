"""One column of a user's table, as numbers or as names of categories, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskbench.data.own.wording import setting
from maskbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Values = NDArray[np.float64]
Places = NDArray[np.float64]
"""Of each row (N,) the place of its value among the distinct ones, NaN for a gap."""


@dataclass(frozen=True, eq=False)
class Column:
    """`values` (N,) are numbers, or places among the `levels` of a column that names categories; NaN is a gap."""

    name: str
    values: Values
    levels: tuple[str, ...] | None = None
    whole: bool = False
    """The file says or writes integers."""
    declared: bool = False
    """The file or the user says that it names categories."""


def categories(name: str, texts: Sequence[str | None], places: Places) -> Column:
    """A column of text by its distinct values, some of them gaps; blanks around them and ends of lines go."""
    plain = [" ".join((text or "").strip().splitlines()) for text in texts]
    levels = tuple(sorted({text for text in plain if text}, key=_order(plain)))
    numbers: dict[str, float] = {text: number for number, text in enumerate(levels)}
    return Column(name, at(places, [numbers.get(text, np.nan) for text in plain]), levels)


def at(places: Places, values: Sequence[float]) -> Values:
    """What belongs to the distinct values, for each row (N,); NaN for a gap."""
    return np.array([*values, np.nan])[np.where(np.isnan(places), len(values), places).astype(np.int64)]


def declared(column: Column) -> Column:
    """The column as categories, numbers in their order."""
    if column.levels is not None:
        return replace(column, declared=True)
    there = ~np.isnan(column.values)
    found, codes = np.unique(column.values[there], return_inverse=True)
    values = np.full(len(column.values), np.nan)
    values[there] = codes
    levels = tuple(f"{number:.0f}" if number.is_integer() else str(number) for number in found.tolist())
    return Column(column.name, values, levels, declared=True)


def number(text: str) -> float | None:
    """What a text says as a number, or None."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _order(texts: Sequence[str]) -> Any:
    """Numbers by their size, anything else by the alphabet."""
    return str if any(text and number(text) is None for text in texts) else float


def column_of(name: str, array: pa.ChunkedArray, file: str, category: bool = False) -> Column:
    """A typed column of Arrow; raises DataError for dates, lists and whatever else is neither number nor category."""
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind):
        return declared(column_of(name, array.cast(kind.value_type), file))
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind):
        return Column(name, numbers(array), whole=types.is_integer(kind))
    texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_boolean)
    if (category and types.is_temporal(kind)) or any(of_kind(kind) for of_kind in texts):
        return text_column(name, array)
    raise DataError(
        f"column '{name}' of {file} holds values of type {kind}, neither numbers nor categories; "
        f"leave it out by {setting('drop', name)}, or turn it into numbers"
    )


def text_column(name: str, array: pa.ChunkedArray) -> Column:
    """A column of Arrow as categories by what its values look like as text."""
    texts, places = distinct(array)
    return categories(name, texts, places)


def distinct(array: pa.ChunkedArray) -> tuple[list[str | None], Places]:
    """The distinct values as text, and where each row's stands among them."""
    import pyarrow as pa

    encoded = array.cast(pa.large_string()).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), _plain(encoded.indices)


def numbers(array: pa.ChunkedArray) -> Values:
    """A column of Arrow as numbers (N,), NaN for a gap."""
    import pyarrow as pa

    return _plain(array.cast(pa.float64(), safe=False).combine_chunks())


def _plain(array: pa.Array) -> Values:
    """From Arrow's own memory, as its conversion would import pandas."""
    import pyarrow as pa

    values = _buffer(array.cast(pa.float64()), np.float64).copy()
    if array.null_count:
        values[_buffer(array.is_valid().cast(pa.uint8()), np.uint8) == 0] = np.nan
    return values


def _buffer(array: pa.Array, of: type[Any]) -> NDArray[Any]:
    whole = np.frombuffer(array.buffers()[1] or b"", of)
    return whole[array.offset : array.offset + len(array)]
