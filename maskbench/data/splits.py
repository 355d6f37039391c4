"""Train, validation and test rows of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, Rows
from maskbench.errors import ConfigError, DataError
from maskbench.seeding import Streams

TEST_SHARE = 0.2
KINDS = ("auto", "own", "published")
DUPLICATES = ("group", "drop", "keep")


@dataclass(frozen=True)
class Sampling:
    """Which rows a run learns from, and how they are labelled; the same for masked and unmasked runs.

    `split` is `published`, `own` (drawn from the split seed), or `auto`: published where the data set
    has one. `duplicates`, rows with equal inputs, are kept on one side of a drawn split (`group`),
    reduced to one (`drop`) or not looked at (`keep`). `n_train` and `n_val` take that many rows of
    their part, stratified and nested: the 300 are among the 1,000. `val_share` is the share of the rows
    for validation, of the train rows where the split is published. `label_noise` is the chance that a train or
    validation label is another class, drawn uniformly; lower noise is a part of higher noise.
    """

    split: str = "auto"
    duplicates: str = "group"
    n_train: int | None = None
    n_val: int | None = None
    val_share: float = 0.2
    label_noise: float = 0.0

    def check(self) -> None:
        """Refuse what cannot be, whatever the data are."""
        for key, choices in (("split", KINDS), ("duplicates", DUPLICATES)):
            if getattr(self, key) not in choices:
                raise ConfigError(f"data.{key} is one of {', '.join(choices)}, not '{getattr(self, key)}'")
        for key in ("n_train", "n_val"):
            value = getattr(self, key)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigError(f"data.{key} is a number of rows from 1, or null for all, not {value}")
        if not 0 < self.val_share < 1 - TEST_SHARE:
            raise ConfigError(f"data.val_share={self.val_share} is out of range: it must be a share below 0.8")
        if not 0 <= self.label_noise <= 1:
            raise ConfigError(f"data.label_noise={self.label_noise} is out of range: it must be a share from 0 to 1")


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each sorted and disjoint."""

    train: Rows
    val: Rows
    test: Rows

    @property
    def digest(self) -> str:
        """Short hash of the rows of all parts: partners must share it."""
        parts = (self.train, self.val, self.test)
        return hashlib.sha256(b"|".join(part.tobytes() for part in parts)).hexdigest()[:16]


def split_rows(dataset: Dataset, streams: Streams, sampling: Sampling = Sampling()) -> Split:
    """Rows drawn from stream `split`, or published ones: stratified by class, rows of a group on one side.

    Raises DataError where the data cannot be split like this.
    """
    name = dataset.description.name
    if sampling.split == "published" and dataset.parts is None:
        raise DataError(f"data '{name}' has no published split; it is drawn with data.split=own, or auto")
    if dataset.parts is None or sampling.split == "own":
        parts, complete = _drawn(dataset, streams, sampling), len(PARTS)
    else:  # a published part may lack a class, as long as one can be learnt
        parts, complete = _published(dataset, dataset.parts, streams, sampling.val_share), 1
    split = Split(*(np.flatnonzero(parts == number).astype(np.int64) for number in range(len(PARTS))))
    _require_classes(dataset, split, PARTS[:complete])
    train = _some(dataset, split.train, sampling.n_train, "n_train", streams)
    return replace(split, train=train, val=_some(dataset, split.val, sampling.n_val, "n_val", streams))


def _drawn(dataset: Dataset, streams: Streams, sampling: Sampling) -> Rows:
    """The part of each row (N,), -1 for a row that is dropped."""
    shares = (1 - sampling.val_share - TEST_SHARE, sampling.val_share, TEST_SHARE)
    rows = np.arange(len(dataset.targets))
    groups = dataset.groups
    if sampling.duplicates == "drop":
        rows = np.sort(np.unique(dataset.twins, return_index=True)[1])
    elif sampling.duplicates == "keep":
        groups = rows if dataset.bonds is None else dataset.bonds
    parts = np.full(len(groups), -1, np.int64)
    parts[rows] = _allotted(dataset, rows, groups[rows], shares, streams)
    return parts


def _published(dataset: Dataset, parts: Rows, streams: Streams, val_share: float) -> Rows:
    """The published part of each row (N,); where none are for validation, a share of the train rows is."""
    train, val = (PARTS.index(name) for name in ("train", "val"))
    if (parts == val).any():
        return parts
    rows = np.flatnonzero(parts == train)
    parts = parts.copy()
    parts[rows] = _allotted(dataset, rows, dataset.groups[rows], (1 - val_share, val_share), streams)
    return parts


def _allotted(dataset: Dataset, rows: Rows, groups: Rows, shares: Sequence[float], streams: Streams) -> Rows:
    """The number of the share that each row goes to: at random by groups, stratified by the class of their first."""
    rng = streams.numpy("split")
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    sizes = np.bincount(member)
    strata = _strata(dataset, rows[first])
    share_of_group = np.empty(len(first), np.int64)
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        share_of_group[members] = _allot(sizes[members], shares)
    return share_of_group[member]


def _allot(sizes: Rows, shares: Sequence[float]) -> Rows:
    """The share of each group in order: a group goes where its middle row falls."""
    middles = np.cumsum(sizes) - sizes / 2
    return np.searchsorted(np.cumsum(shares)[:-1] * sizes.sum(), middles, side="right")


def _strata(dataset: Dataset, rows: Rows) -> Rows:
    """The class of each row, or one for all in a regression."""
    if dataset.description.task == "regression":
        return np.zeros(len(rows), np.int64)
    return dataset.targets[rows].astype(np.int64)


def _some(dataset: Dataset, rows: Rows, count: int | None, key: str, streams: Streams) -> Rows:
    """`count` of the rows, stratified, and among those of any larger count."""
    name = dataset.description.name
    if count is None:
        return rows
    if count > len(rows):
        raise DataError(f"data '{name}': data.{key}={count} is more than the {len(rows)} rows of that part")
    rng = streams.numpy(f"split/{key}")
    strata = _strata(dataset, rows)
    rank = np.empty(len(rows))
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        rank[members] = (np.arange(len(members)) + rng.random()) / len(members)
    chosen = np.sort(rows[rank.argsort(kind="stable")[:count]])
    gone = set(strata.tolist()) - set(_strata(dataset, chosen).tolist()) if key == "n_train" else ()
    if gone:
        raise DataError(
            f"data '{name}': data.{key}={count} leaves no row of class {_class(dataset, min(gone))}; use more rows"
        )
    return chosen


def _require_classes(dataset: Dataset, split: Split, everywhere: Sequence[str]) -> None:
    """Every part has rows, those of `everywhere` rows of every class."""
    name, classes = dataset.description.name, range(dataset.description.outputs)
    for part, members in vars(split).items():
        if not len(members):
            raise DataError(f"data '{name}': {len(dataset.targets)} rows are too few, the {part} part would be empty")
        if dataset.description.task == "regression" or part not in everywhere:
            continue
        missing = sorted(set(classes) - set(dataset.targets[members].tolist()))
        if missing:
            there = int((dataset.targets == missing[0]).sum())
            raise DataError(
                f"data '{name}': the {part} part would have no row of class {_class(dataset, missing[0])}, which has "
                f"{there} of {len(dataset.targets)} rows; it needs more distinct rows"
            )


def _class(dataset: Dataset, number: int) -> str:
    """What people call a class."""
    return f"{number} ('{dataset.classes[number]}')" if dataset.classes else str(number)


def labels(dataset: Dataset, split: Split, streams: Streams, sampling: Sampling) -> NDArray[np.generic]:
    """The targets of all rows (N,), some of those for train and validation wrong where label noise is asked for."""
    if not sampling.label_noise:
        return dataset.targets
    name, classes = dataset.description.name, dataset.description.outputs
    if dataset.description.task == "regression":
        raise ConfigError(f"data.label_noise draws other classes, and data '{name}' are a regression; leave it at 0")
    rng = streams.numpy("labels")
    wrong = rng.random(len(dataset.targets)) < sampling.label_noise
    wrong[split.test] = False
    targets = dataset.targets.copy()
    targets[wrong] = (targets.astype(np.int64) + rng.integers(1, classes, len(targets)))[wrong] % classes
    return targets
