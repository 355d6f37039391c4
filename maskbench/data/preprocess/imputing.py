"""Gaps filled with what the train rows make likely; the padding of sequences is no gap and stays."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Floats, Inputs
from maskbench.data.preprocess.step import Fitted, Step, unchanged
from maskbench.description import Features
from maskbench.errors import ConfigError

STATISTICS = ("mean", "median", "most_frequent")
ENCODE = "encode them first with preprocess/encode=one_hot"


@dataclass(frozen=True)
class Imputer(Step):
    """Fills gaps; what is learned is per column, pixel, or channel of a sequence, and 0 where train has nothing.

    With `indicator` every cell of a table gets one more column, 1 where it was a gap: it belongs to the
    cell, and is hidden along with it. All cells get one, as the train rows alone cannot tell which have gaps.
    """

    indicator: bool = False

    def check(self, features: Features) -> None:
        """Indicators are for tables, and numbers are made of numbers."""
        if self.indicator and features.kind != "columns":
            raise ConfigError(
                f"preprocess.impute.indicator adds columns to a table, and these data are {features.kind}; "
                "set it to false"
            )
        if features.levels and (self.indicator or not self._takes_codes()):
            raise ConfigError(f"preprocess/impute would reckon with the codes of categories; {ENCODE}")

    def _takes_codes(self) -> bool:
        return False

    def after(self, features: Features) -> Features:
        """With `indicator` one column more for each cell."""
        if not self.indicator:
            return features
        blocks = tuple(size + 1 for size in _blocks(features))
        return replace(features, shape=(sum(blocks),), blocks=blocks)

    @abstractmethod
    def learn(self, table: Floats, blocks: tuple[int, ...]) -> Callable[[Floats], Floats]:
        """What fills a table like this one (N, F), whose cells are blocks of columns."""

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Learn from the examples, or from the time steps of sequences."""
        if features.kind == "tokens":
            return unchanged
        if features.kind == "sequence":
            blocks = (1,) * features.shape[1]
            return Steps(self.learn(_floats(train.reshape(-1, *features.shape[1:])), blocks))
        blocks = _blocks(features)
        return Cells(self.learn(_flat(train), blocks), blocks, self.indicator)


@dataclass(frozen=True)
class Steps:
    """Fills the time steps (M, C) of sequences (N, T, C), padding apart."""

    fill: Callable[[Floats], Floats]

    def __call__(self, inputs: Inputs) -> Inputs:
        """Sequences of the same shape."""
        filled, steps = _floats(inputs).copy(), inside(inputs)
        if steps.any():
            filled[steps] = self.fill(filled[steps])
        return filled


@dataclass(frozen=True)
class Cells:
    """Fills examples (N, *shape) as rows of a table, and tells where cells were gaps if `indicator` is on."""

    fill: Callable[[Floats], Floats]
    blocks: tuple[int, ...]
    indicator: bool

    def __call__(self, inputs: Inputs) -> Inputs:
        """Inputs of the same shape, or with a column more at the end of each cell."""
        table = _flat(inputs)
        filled = self.fill(table).astype(np.float32)
        if not self.indicator:
            return filled.reshape(inputs.shape)
        ends = np.cumsum(self.blocks)
        gaps = np.logical_or.reduceat(np.isnan(table), (ends - self.blocks).astype(np.intp), axis=1)
        return np.insert(filled, ends, gaps.astype(np.float32), axis=1)


def inside(inputs: Inputs) -> NDArray[np.bool_]:
    """The time steps (N, T) of sequences (N, T, C) that are not the padding at the end."""
    backwards = np.flip(~np.isnan(inputs).all(2), 1)
    return np.flip(np.asarray(np.logical_or.accumulate(backwards, axis=1)), 1)


@dataclass(frozen=True)
class Typical(Imputer):
    """The `mean`, `median` or `most_frequent` train value; the most frequent category where a cell is one."""

    statistic: str = "mean"

    def check(self, features: Features) -> None:
        """One of the three."""
        if self.statistic not in STATISTICS:
            raise ConfigError(f"preprocess.impute.statistic is one of {', '.join(STATISTICS)}, not '{self.statistic}'")
        super().check(features)

    def _takes_codes(self) -> bool:
        return self.statistic == "most_frequent"

    def learn(self, table: Floats, blocks: tuple[int, ...]) -> Callable[[Floats], Floats]:
        """One value for each column."""
        values = np.zeros(table.shape[1])
        if self.statistic == "most_frequent":
            values = np.concatenate([_most_frequent(part) for part in np.split(table, np.cumsum(blocks)[:-1], axis=1)])
        else:
            some = ~np.isnan(table).all(0)
            reckon = np.nanmean if self.statistic == "mean" else np.nanmedian
            values[some] = reckon(table[:, some].astype(np.float64), axis=0)
        return Values(values.astype(np.float32))


@dataclass(frozen=True)
class Values:
    """One value (F,) for the gaps of each column."""

    values: Floats

    def __call__(self, table: Floats) -> Floats:
        """The table without gaps."""
        return np.where(np.isnan(table), self.values, table)


@dataclass(frozen=True)
class Neighbours(Imputer):
    """The mean of the `neighbours` train rows that are most alike in what both have, by scikit-learn."""

    neighbours: int = 5
    weights: str = "uniform"

    def check(self, features: Features) -> None:
        """Rows of a table have neighbours."""
        if self.neighbours < 1:
            raise ConfigError(f"preprocess.impute.neighbours={self.neighbours} is out of range: it must be at least 1")
        if self.weights not in ("uniform", "distance"):
            raise ConfigError(f"preprocess.impute.weights is one of uniform, distance, not '{self.weights}'")
        _require_table(features)
        super().check(features)

    def learn(self, table: Floats, blocks: tuple[int, ...]) -> Callable[[Floats], Floats]:
        """Remember the train rows."""
        from sklearn.impute import KNNImputer

        imputer = KNNImputer(n_neighbors=self.neighbours, weights=self.weights, keep_empty_features=True)
        return _plainly(imputer.fit(table.astype(np.float64)).transform)


@dataclass(frozen=True)
class Iterative(Imputer):
    """Each column told from the others by a Bayesian ridge regression, in so many `rounds`, by scikit-learn."""

    rounds: int = 10

    def check(self, features: Features) -> None:
        """Columns of a table tell each other."""
        if self.rounds < 1:
            raise ConfigError(f"preprocess.impute.rounds={self.rounds} is out of range: it must be at least 1")
        _require_table(features)
        super().check(features)

    def learn(self, table: Floats, blocks: tuple[int, ...]) -> Callable[[Floats], Floats]:
        """Regressions on the train rows; that they have not settled after the rounds asked for is no news."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401
        from sklearn.impute import IterativeImputer

        imputer = IterativeImputer(max_iter=self.rounds, random_state=0, keep_empty_features=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            imputer.fit(table.astype(np.float64))
        return _plainly(imputer.transform)


def _plainly(transform: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """In float64, for regressions need it; a table without gaps needs no work, and scikit-learn would do it."""
    return lambda table: transform(table.astype(np.float64)) if np.isnan(table).any() else table


def _require_table(features: Features) -> None:
    if features.kind in ("image", "sequence"):
        raise ConfigError(
            f"preprocess/impute=knn and iterative are for tables, and these data are {features.kind}; "
            "choose mean, median or most_frequent"
        )


def _most_frequent(cell: Floats) -> Floats:
    """The row that most rows of a cell (N, columns) are, the smallest of equals; 0 where all are gaps."""
    there = cell[~np.isnan(cell).any(1)]
    if not len(there):
        return np.zeros(cell.shape[1], np.float32)
    found, counts = np.unique(there, axis=0, return_counts=True)
    most: Floats = found[counts.argmax()]
    return most


def _blocks(features: Features) -> tuple[int, ...]:
    return features.blocks or (1,) * features.size


def _floats(inputs: Inputs) -> Floats:
    return inputs.astype(np.float32, copy=False)


def _flat(inputs: Inputs) -> Floats:
    return _floats(inputs.reshape(len(inputs), -1))
