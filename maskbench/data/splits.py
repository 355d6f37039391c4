"""Train, validation and test rows of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from maskbench.data.dataset import Dataset, Rows
from maskbench.errors import DataError
from maskbench.seeding import Streams

SHARES = (0.6, 0.2, 0.2)
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each sorted, disjoint, together all rows."""

    train: Rows
    val: Rows
    test: Rows

    @property
    def digest(self) -> str:
        """Short hash of the rows of all parts: partners must share it."""
        parts = (self.train, self.val, self.test)
        return hashlib.sha256(b"|".join(part.tobytes() for part in parts)).hexdigest()[:16]


def split_rows(dataset: Dataset, streams: Streams) -> Split:
    """60 / 20 / 20 per cent drawn from stream `split`: stratified by class, equal rows on one side.

    Raises DataError where a part would miss a class.
    """
    rng = streams.numpy("split")
    first = np.unique(dataset.groups, return_index=True)[1]
    sizes = np.bincount(dataset.groups)
    classification = dataset.description.task == "classification"
    strata = dataset.targets[first].astype(np.int64) if classification else np.zeros(len(first), np.int64)
    part_of_group = np.empty(len(first), np.int64)
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        part_of_group[members] = _allot(sizes[members])
    part = part_of_group[dataset.groups]
    rows = [np.flatnonzero(part == number).astype(np.int64) for number in range(len(PARTS))]
    _require_classes(dataset, rows)
    return Split(*rows)


def _allot(sizes: Rows) -> Rows:
    """The part of each group in order: a group goes where its middle row falls."""
    middles = np.cumsum(sizes) - sizes / 2
    return np.searchsorted(np.cumsum(SHARES)[:-1] * sizes.sum(), middles, side="right")


def _require_classes(dataset: Dataset, rows: list[Rows]) -> None:
    name, classes = dataset.description.name, dataset.description.outputs
    for part, members in zip(PARTS, rows, strict=True):
        if not len(members):
            raise DataError(f"data '{name}': {len(dataset.targets)} rows are too few, the {part} part would be empty")
        if dataset.description.task == "classification":
            missing = sorted(set(range(classes)) - set(dataset.targets[members].tolist()))
            if missing:
                raise DataError(
                    f"data '{name}': the {part} part would have no row of class {missing[0]}; "
                    "it needs more distinct rows"
                )
