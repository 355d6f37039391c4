"""What a user's file calls its target, as classes or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Rows
from maskbench.description import Task
from maskbench.errors import ConfigError, DataError

FEW = 20
"""Floats that are all whole and have no more distinct values may be classes or quantities: only the user knows."""
MANY = 100
"""So may integers of more distinct values."""
SHOWN = 3


@dataclass(frozen=True)
class Outcome:
    """Targets (N,), int64 classes from 0 or float32 values, and what the classes are called."""

    targets: NDArray[np.generic]
    task: Task
    classes: tuple[str, ...] = ()


def outcome(values: NDArray[Any], task: str | None = None, what: str = "the target") -> Outcome:
    """Text, booleans and integers are classes, sorted; other numbers are a regression, unless `task` says otherwise."""
    if task is not None and task not in get_args(Task):
        raise ConfigError(f"data.task is one of {', '.join(get_args(Task))}, or null to find out, not '{task}'")
    if values.dtype.kind not in "Ubiuf":
        raise DataError(f"{what} is of type {values.dtype}, neither text nor numbers; convert it")
    gaps = np.flatnonzero(missing(values))
    if len(gaps) == len(values):
        raise DataError(f"{what} is missing in all {len(values)} rows; choose another target")
    if len(gaps):
        rows = ", ".join(str(row + 1) for row in gaps[:SHOWN])
        raise DataError(
            f"{what} is missing in {len(gaps)} of {len(values)} rows, first row {rows}; "
            "remove them, or let them be left out by data.drop_missing_target=true"
        )
    if (task or _guessed(values, what)) == "regression":
        return Outcome(_numbers(values, what), "regression")
    if values.dtype.kind == "f" and (fractions := _fractions(values)).size:
        raise DataError(
            f"{what} holds numbers with fractions such as {fractions[0]}, and data.task=classification needs classes; "
            "say data.task=regression or choose another target"
        )
    found, targets = np.unique(values, return_inverse=True)
    return Outcome(targets.astype(np.int64), "classification", tuple(_named(label) for label in found))


def missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which targets (N,) are not there: NaN, or empty text."""
    if values.dtype.kind == "U":
        empty: NDArray[np.bool_] = np.char.str_len(np.char.strip(values)) == 0
        return empty
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), np.bool_)


def _guessed(values: NDArray[Any], what: str) -> Task:
    if values.dtype.kind in "Ub":
        return "classification"
    distinct, real = np.unique(values), values.dtype.kind == "f"
    if len(distinct) <= FEW and not _fractions(distinct).size if real else len(distinct) > MANY:
        raise DataError(
            f"{what} is stored as {values.dtype} with {len(distinct)} distinct whole numbers, classes or quantities; "
            "say data.task=classification or data.task=regression"
        )
    return "regression" if real else "classification"


def _fractions(values: NDArray[Any]) -> NDArray[Any]:
    """The numbers that are not whole."""
    found: NDArray[Any] = values[values != np.round(values)]
    return found


def _numbers(values: NDArray[Any], what: str) -> NDArray[np.float32]:
    if values.dtype.kind == "U":
        raise DataError(
            f"{what} is text such as '{values[0]}', and data.task=regression needs numbers; "
            "choose another target or data.task=classification"
        )
    return values.astype(np.float32)


def _named(label: Any) -> str:
    return str(int(label)) if isinstance(label, np.floating) and float(label).is_integer() else str(label)


def require_known(found: Outcome, parts: Rows | None) -> None:
    """Raise DataError where rows outside the published train part (N,) hold a class that no train row has."""
    if parts is None or found.task == "regression":
        return
    outside = found.targets[~np.isin(found.targets, found.targets[parts == PARTS.index("train")])]
    strange, counts = np.unique(outside, return_counts=True)
    if len(strange):
        told = ", ".join(
            f"'{found.classes[label]}' ({count} rows)" for label, count in zip(strange, counts, strict=True)
        )
        raise DataError(f"labels that no train row has: {told}; add such rows to train or remove them")
