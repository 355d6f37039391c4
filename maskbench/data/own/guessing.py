"""What a column of text holds: numbers, categories, or numbers spoilt by a few texts; judged by all its rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maskbench.data.own.columns import Column, Places, at, categories, distinct, number, numbers, text_column
from maskbench.data.own.tables import SLIPS, Source
from maskbench.data.own.wording import setting, shown
from maskbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

CODE = r"^0[0-9]+$"
COMMA = re.compile(r"[+-]?\d*,\d+")
WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Spelling:
    """How values are written: the decimal point, what stands for a gap, and columns of which the user says it."""

    decimal: str
    gaps: Collection[str]
    categorical: Collection[str]
    numeric: Collection[str]


def guessed(name: str, array: pa.ChunkedArray, spelling: Spelling, source: Source) -> Column:
    """A column of text as numbers or categories; raises DataError where it is nearly numbers."""
    import pyarrow as pa
    from pyarrow import compute

    if name in spelling.categorical:
        return _categories(name, array, spelling)
    said, written = name in spelling.numeric, array
    if spelling.decimal != ".":
        written = compute.replace_substring(array, spelling.decimal, ".")
    for kind in (pa.int64(), pa.float64()):
        try:
            values = numbers(written.cast(kind))
        except pa.ArrowInvalid:
            continue
        whole = pa.types.is_integer(kind)
        return text_column(name, array) if whole and not said and _is_code(array) else Column(name, values, whole=whole)
    return _judged(name, array, spelling, source)


def _is_code(array: pa.ChunkedArray) -> bool:
    """Whether some integers begin with a 0, as postcodes do."""
    from pyarrow import compute

    return bool(compute.any(compute.match_substring_regex(array, CODE)).as_py())


def _categories(name: str, array: pa.ChunkedArray, spelling: Spelling) -> Column:
    texts, places = distinct(array)
    return categories(name, [None if (text or "").strip() in spelling.gaps else text for text in texts], places)


def _judged(name: str, array: pa.ChunkedArray, spelling: Spelling, source: Source) -> Column:
    """A column that is not numbers in Arrow's eyes, by its distinct values without the blanks around them."""
    texts, places = distinct(array)
    plain = [(text or "").strip() for text in texts]
    found = [None if text in spelling.gaps else number(text.replace(spelling.decimal, ".")) for text in plain]
    bad = np.array([value is None and text not in spelling.gaps for text, value in zip(plain, found, strict=True)])
    if not bad.any():
        whole = all(value is None or WHOLE.fullmatch(text) for text, value in zip(plain, found, strict=True))
        return Column(name, at(places, [np.nan if value is None else value for value in found]), whole=whole)
    _require_no_numbers(name, plain, bad.tolist(), places, spelling, source)
    return _categories(name, array, spelling)


def _require_no_numbers(
    name: str, plain: Sequence[str], bad: Sequence[bool], places: Places, spelling: Spelling, source: Source
) -> None:
    """Refuse a column in which few values are no numbers, or all are but for the decimal point."""
    there = int(np.nansum(at(places, [float(text not in spelling.gaps) for text in plain])))
    wrong = np.flatnonzero(at(places, [float(value) for value in bad]) == 1)
    first, where = shown(plain[int(places[wrong[0]])]), f"column '{name}' of {source.file}"
    commas = all(COMMA.fullmatch(text) for text, no_number in zip(plain, bad, strict=True) if no_number)
    if commas and spelling.decimal == ".":
        raise DataError(
            f"{where} holds numbers with a comma such as '{first}'; is that the decimal point? data.decimal=comma"
        )
    if name in spelling.numeric or len(wrong) <= SLIPS * there:
        ways = f"{setting('na_values', first)} makes it a gap, {setting('categorical', name)} takes all as categories"
        raise DataError(
            f"{where} holds text where numbers are expected: {len(wrong)} of {there} values, first '{first}' in "
            f"{source.row(int(wrong[0]))}; {ways}"
        )
