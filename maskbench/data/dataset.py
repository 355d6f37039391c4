"""A data set: arrays, what they mean, and a fingerprint of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maskbench.description import Description, Features, Kind, Task, Vocabulary
from maskbench.errors import DataError

Floats = NDArray[np.float32]
Inputs = NDArray[np.float32] | NDArray[np.int64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Examples of one task.

    `inputs` are (N, *shape) float32, or int64 for tokens; `targets` are (N,), int64 classes from 0 or float32 values.
    """

    description: Description
    inputs: Inputs
    targets: NDArray[np.generic]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of shapes, types and bytes: part of every run's key."""
        digest = hashlib.sha256()
        for array in (self.inputs, self.targets):
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @cached_property
    def groups(self) -> Rows:
        """The group of each row (N,): rows with equal inputs share one, and stay on one side of a split."""
        flat = np.ascontiguousarray(self.inputs.reshape(len(self.inputs), -1))
        groups: Rows = np.unique(flat, axis=0, return_inverse=True)[1].reshape(-1)
        return groups


def describe(
    name: str,
    kind: Kind,
    inputs: Inputs,
    targets: NDArray[np.generic],
    task: Task,
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """A data set from clean arrays; raises DataError where values are not finite or only one class is there."""
    if not np.isfinite(inputs).all():
        raise DataError(f"data '{name}' holds NaN or infinite inputs; remove or impute them first")
    outputs = 1
    if task == "classification":
        outputs = int(targets.max()) + 1
        if outputs < 2:
            raise DataError(f"data '{name}' has one class only; a comparison needs at least two")
    if vocabulary is not None and not 0 <= inputs.min() <= inputs.max() < vocabulary.size:
        raise DataError(f"data '{name}' holds token ids outside its vocabulary of {vocabulary.size}; mend its ids")
    features = Features(kind, inputs.shape[1:], vocabulary)
    return Dataset(Description(name, features, task, outputs), inputs, targets)
