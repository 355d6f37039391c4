"""A data set: arrays, what they mean, and a fingerprint of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbench.description import Description, Features, Kind, Task, Vocabulary
from maskbench.errors import DataError

Floats = NDArray[np.float32]
Inputs = NDArray[np.float32] | NDArray[np.int64] | NDArray[np.uint8]
Rows = NDArray[np.int64]
PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples of one task.

    `inputs` are (N, *shape): float32, or uint8 grey values from 0 to 255, or int64 for tokens. A number
    that is not there is NaN. `targets` are (N,), int64 classes from 0 or float32 values.
    """

    description: Description
    inputs: Inputs
    targets: NDArray[np.generic]
    parts: Rows | None = None
    """The part of each row (N,) as published, by its number in `PARTS`; None where none is published."""
    bonds: Rows | None = None
    """Rows of one recording, person or source share a number (N,), and stay on one side of a drawn split."""
    classes: tuple[str, ...] = ()
    """What each class is called, for people."""
    columns: tuple[str, ...] = ()
    """What each column is called, for people."""
    origin: str = ""
    """The file that was read, and its sha256."""

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of shapes, types and bytes: part of every run's key."""
        digest = hashlib.sha256()
        for array in (self.inputs, self.targets, self.parts, self.bonds):
            if array is not None:
                digest.update(f"{array.shape}{array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).data)
        if levels := self.description.features.levels:
            digest.update(str(levels).encode())
        return digest.hexdigest()

    @cached_property
    def twins(self) -> Rows:
        """A number for each row (N,), the same for rows with equal inputs."""
        flat = np.ascontiguousarray(self.inputs.reshape(len(self.inputs), -1))
        if flat.dtype != np.float32:  # in this form bytes have the order of the numbers, and rows are compared as one
            plain = np.ascontiguousarray(flat.astype(">u8") if flat.dtype == np.int64 else flat)
            whole = plain.view(np.dtype((np.void, plain.shape[1] * plain.itemsize)))[:, 0]
            return _numbered(whole)
        if np.isnan(flat).any():  # no NaN equals another, and two rows with the same gaps are twins
            flat = np.where(np.isnan(flat), np.finfo(np.float32).max, flat)
        return _numbered(flat)

    @cached_property
    def groups(self) -> Rows:
        """The group of each row (N,) that a split keeps together: its twins, its bonds, and theirs in turn."""
        if self.bonds is None:
            return self.twins
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        bonds = np.unique(self.bonds, return_inverse=True)[1] + self.twins.max() + 1
        size = int(bonds.max()) + 1
        joined = coo_array((np.ones(len(bonds), np.int8), (self.twins, bonds)), shape=(size, size))
        return _numbered(connected_components(joined, directed=False)[1][self.twins])


def _numbered(rows: NDArray[Any]) -> Rows:
    """For each row the number of its value among the distinct ones in order."""
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def describe(
    name: str,
    kind: Kind,
    inputs: Inputs,
    targets: NDArray[np.generic],
    task: Task,
    vocabulary: Vocabulary | None = None,
    *,
    levels: Sequence[int] = (),
    parts: Rows | None = None,
    bonds: Rows | None = None,
    classes: Sequence[str] = (),
    columns: Sequence[str] = (),
    origin: str = "",
) -> Dataset:
    """A data set from clean arrays; raises DataError where inputs are infinite or there is nothing to learn."""
    _require_finite(name, inputs, columns)
    outputs = 1 if task == "regression" else _outputs(name, targets, classes)
    if not np.isfinite(targets.astype(np.float64)).all():
        raise DataError(f"data '{name}' holds targets that are NaN or infinite; remove those rows")
    if vocabulary is not None and not 0 <= inputs.min() <= inputs.max() < vocabulary.size:
        raise DataError(f"data '{name}' holds token ids outside its vocabulary of {vocabulary.size}; mend its ids")
    features = Features(kind, inputs.shape[1:], vocabulary, tuple(levels) if any(levels) else ())
    description = Description(name, features, task, outputs)
    return Dataset(description, inputs, targets, parts, bonds, tuple(classes), tuple(columns), origin)


def _require_finite(name: str, inputs: Inputs, columns: Sequence[str]) -> None:
    """NaN is a gap; infinity is nothing that can be trained on."""
    if inputs.dtype != np.float32 or not (infinite := np.isinf(inputs)).any():
        return
    where = f"column '{columns[int(infinite.any(0).argmax())]}'" if inputs.ndim == 2 and columns else "its inputs"
    raise DataError(f"data '{name}' holds {infinite.sum()} infinite values, the first in {where}; mend or remove them")


def _outputs(name: str, targets: NDArray[np.generic], classes: Sequence[str]) -> int:
    outputs = max(int(targets.max()) + 1, len(classes))
    if len(np.unique(targets)) < 2:
        only = f" ('{classes[int(targets[0])]}', {len(targets)} rows)" if classes else ""
        raise DataError(f"data '{name}' has one class only{only}; a comparison needs at least two")
    return outputs
