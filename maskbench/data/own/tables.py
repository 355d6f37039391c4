"""From the columns of a user's table to a data set: what each is for, and what cannot be used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, Rows, describe
from maskbench.data.own.columns import Column, declared
from maskbench.data.own.outcomes import Outcome, outcome, require_known
from maskbench.data.own.wording import listed, near, setting, shown
from maskbench.errors import ConfigError, DataError

SHOWN_ROWS = 3
SEPARATORS = (";", "\t", "|", ",")
"""Between columns; a name that holds one may be several."""
MOST_SHARE = 0.5
"""Text with more distinct values than this share of the rows names the rows and no categories."""
SLIPS = 0.1
"""Not more than this share of values can be slips in a column of another kind."""
LARGE = 1e30
"""What is beyond is infinite or a slip, and no offset that could be subtracted."""
CLOSE, COARSE = 1e3, 256
"""Numbers this many standard deviations away from 0 may run into each other in 32 bits; so many distinct ones do."""
COUNTED_ROWS = 10
"""Fewer rows may count upwards by chance."""
DATE = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{4})([ T].*)?|\d{1,2}:\d{2}(:\d{2}\S*)?")


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are for.

    `group` holds what rows of one person or source share. `drop` are left out, `categorical` name categories although
    they are numbers, and `numeric` are quantities although they look like codes or row numbers.
    """

    target: str | None = None
    group: str | None = None
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    numeric: Sequence[str] = ()
    task: str | None = None
    drop_missing_target: bool = False
    max_levels: int = 1000

    def columns(self, names: Sequence[str], file: str) -> list[str]:
        """The columns that are used; raises where a setting names one that is not there."""
        _require_distinct(names, file)
        if self.target is None:
            raise ConfigError(f"data.target is not given; name the column to predict. {file} has {listed(names)}")
        for key in ("target", "group", "drop", "categorical", "numeric"):
            for name in self.named(key):
                if name not in names:
                    glued = any(name in other.split(sign) for other in names for sign in SEPARATORS)
                    hint = " Another separator (data.sep)?" if glued else near(name, names)
                    raise DataError(f"data.{key}: {file} has no column '{name}'.{hint} {_there(names)}")
        self._require_one_role()
        used = [name for name in names if name not in self.named("drop")]
        if not set(used) - {str(self.target), str(self.group)}:
            raise DataError(f"{file} has no column left to predict '{self.target}' from; it has {listed(names)}")
        return used

    def named(self, key: str) -> list[str]:
        """The columns that a setting names."""
        value = getattr(self, key)
        if value is None:
            return []
        return [str(value)] if isinstance(value, (str, int)) else [str(name) for name in value]

    def _require_one_role(self) -> None:
        for one, other in (("target", "drop"), ("target", "group"), ("group", "drop"), ("numeric", "categorical")):
            if both := set(self.named(one)) & set(self.named(other)):
                raise ConfigError(
                    f"column '{min(both)}' is named by data.{one} and by data.{other}; take it out of one"
                )


@dataclass(frozen=True)
class Source:
    """The files of a table: what messages call them, what the record says, and the rows of each published part."""

    file: str
    origin: str
    sizes: tuple[int, ...]
    parts: tuple[str, ...] = ()
    """The part that each of the sizes is, or nothing where none is published."""

    def row(self, row: int) -> str:
        """A row for people, counted from 1 in its part."""
        if not self.parts:
            return f"row {row + 1}"
        part = int(np.searchsorted(np.cumsum(self.sizes), row, side="right"))
        return f"row {row + 1 - sum(self.sizes[:part])} of the {self.parts[part]} part"

    def numbers(self) -> Rows | None:
        """The part of each row (N,) by its number in `PARTS`."""
        numbers = [PARTS.index(part) for part in self.parts]
        return np.repeat(numbers, self.sizes).astype(np.int64) if numbers else None


def tabulated(name: str, columns: Iterable[Column], roles: Roles, source: Source) -> Dataset:
    """A data set `name` of the columns that are used, target and group among them; raises DataError for unfit ones."""
    found = {column.name: column for column in columns}
    if not sum(source.sizes):
        raise DataError(f"{source.file} has no rows; give a table with a header and rows below it")
    target = found.pop(str(roles.target))
    bonds = _bonds(found.pop(str(roles.group)), source) if roles.group is not None else None
    features = [_usable(column, roles, source) for column in found.values()]
    rows = _rows_with_target(target, roles, source)
    result, parts = _outcome(target, rows, roles, source), source.numbers()
    parts = None if parts is None else parts[rows]
    require_known(result, parts)
    with np.errstate(over="ignore"):  # what is too large becomes infinite and is refused as such
        inputs = np.stack([column.values[rows].astype(np.float32) for column in features], axis=1)
    return describe(
        name,
        "columns",
        inputs,
        result.targets,
        result.task,
        levels=[len(column.levels or ()) for column in features],
        parts=parts,
        bonds=None if bonds is None else bonds[rows],
        classes=result.classes,
        columns=[column.name for column in features],
        origin=source.origin,
    )


def _rows_with_target(target: Column, roles: Roles, source: Source) -> Rows:
    gone = np.flatnonzero(np.isnan(target.values))
    if len(gone) and not roles.drop_missing_target:
        first = ", ".join(source.row(row) for row in gone[:SHOWN_ROWS].tolist())
        raise DataError(
            f"target '{target.name}' of {source.file} is missing in {len(gone)} of {len(target.values)} rows, first "
            f"{first}; mend them, or leave them out by data.drop_missing_target=true"
        )
    if len(gone) == len(target.values):
        raise DataError(f"target '{target.name}' of {source.file} is missing in all rows; choose another")
    return np.flatnonzero(~np.isnan(target.values)).astype(np.int64)


def _outcome(target: Column, rows: Rows, roles: Roles, source: Source) -> Outcome:
    values: NDArray[Any] = target.values[rows]
    what = f"target '{target.name}' of {source.file}"
    if target.levels is not None:
        values = np.array(target.levels)[values.astype(np.int64)]
        distinct = len(np.unique(values))
        if distinct > max(2, MOST_SHARE * len(rows)) and roles.task != "regression":
            raise DataError(
                f"{what} is text with {distinct} distinct values in {len(rows)} rows, such as '{shown(values[0])}': "
                "too many for classes; choose another column by data.target"
            )
    elif target.whole:
        values = values.astype(np.int64)
    return outcome(values, roles.task, what)


def _bonds(group: Column, source: Source) -> Rows:
    gaps = np.flatnonzero(np.isnan(group.values))
    if len(gaps):
        raise DataError(
            f"group column '{group.name}' of {source.file} is missing in {len(gaps)} rows, first "
            f"{source.row(int(gaps[0]))}; give each row its group"
        )
    return np.unique(group.values, return_inverse=True)[1].astype(np.int64)


def _usable(column: Column, roles: Roles, source: Source) -> Column:
    """The column as an input, categories where the user says so; raises DataError for what cannot be one."""
    if column.name in roles.named("categorical"):
        column = declared(column)
    if column.levels is None:
        _require_quantity(column, column.name in roles.named("numeric"), source)
    else:
        _require_categories(column, roles, source)
    return column


def _require_quantity(column: Column, said: bool, source: Source) -> None:
    """Refuse row numbers, and numbers that 32 bits cannot tell apart."""
    first = column.values[: source.sizes[0]]
    if column.whole and not said and len(first) >= COUNTED_ROWS and (np.diff(first) == 1).all():
        raise DataError(
            f"column '{column.name}' of {source.file} numbers the rows and would only tell their order; leave it out "
            f"by {setting('drop', column.name)}, or keep it as a quantity by {setting('numeric', column.name)}"
        )
    finite = column.values[np.abs(column.values) < LARGE]
    if not len(finite) or np.abs(finite).max() < CLOSE * finite.std():
        return
    distinct, left = (len(np.unique(finite.astype(of))) for of in (np.float64, np.float32))
    if left < min(distinct / 2, COARSE):
        raise DataError(
            f"column '{column.name}' of {source.file} holds numbers around {finite.mean():.0f} so close together that "
            f"32 bits keep {left} of {distinct}; subtract the smallest, or {setting('drop', column.name)}"
        )


def _require_categories(column: Column, roles: Roles, source: Source) -> None:
    """Refuse dates, identifiers, free text, and text where the user says numbers."""
    levels, name = column.levels or (), column.name
    there = int((~np.isnan(column.values)).sum())
    where, drop = f"column '{name}' of {source.file}", f"leave it out by {setting('drop', name)}"
    if name in roles.named("numeric") and levels:
        raise DataError(f"{where} holds text such as '{shown(levels[0])}', and data.numeric says that it holds numbers")
    if len(levels) > roles.max_levels:
        raise DataError(
            f"{where} holds text with {len(levels)} distinct values, an identifier or free text such as "
            f"'{shown(levels[0])}'; {drop}, or raise data.max_levels={roles.max_levels}"
        )
    if column.declared or not levels:
        return
    if sum(not DATE.fullmatch(level) for level in levels) <= SLIPS * len(levels):
        raise DataError(
            f"{where} holds dates or times such as '{shown(levels[0])}'; {drop}, or turn them into numbers "
            f"(as categories: {setting('categorical', name)})"
        )
    if len(levels) > max(2, MOST_SHARE * there):
        raise DataError(
            f"{where} holds text with {len(levels)} distinct values in {there} rows, an identifier or free text such "
            f"as '{shown(levels[0])}'; {drop}, or keep it by {setting('categorical', name)}"
        )


def require_columns(used: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raise DataError where a further part of a table has not the columns that are used, each once."""
    for name in used:
        if name not in names:
            raise DataError(f"{where} has no column '{name}'.{near(name, names)} Rename or add it")
    _require_distinct([name for name in names if name in used], where)


def _require_distinct(names: Sequence[str], where: str) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(f"{where} has several columns called {listed(repeated)}; rename them")


def _there(names: Sequence[str]) -> str:
    numbers = sum(name.replace(".", "").lstrip("-").isdigit() for name in names)
    hint = "; without a line of names: data.header=false" if numbers > len(names) / 2 else ""
    return f"There are: {listed(names)}{hint}"
