"""Categories as numbers: a column for each, or their codes in order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Floats, Inputs
from maskbench.data.preprocess.step import Fitted, Step, unchanged
from maskbench.description import Features


@dataclass(frozen=True)
class OneHot(Step):
    """A column of 0 and 1 for each category, together one cell; numbers stay.

    A category that no train row has is 0 in all of them, a gap is a gap in all of them. Of tokens,
    those that no train row has become unknown.
    """

    def after(self, features: Features) -> Features:
        """As many columns for a category as it has levels."""
        if not features.levels:
            return features
        blocks = tuple(count or 1 for count in features.levels)
        return replace(features, shape=(sum(blocks),), levels=(), blocks=blocks)

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Which categories, or tokens, the train rows have."""
        if features.vocabulary is not None:
            met = np.zeros(features.vocabulary.size, bool)
            met[[*np.unique(train), *features.vocabulary.reserved]] = True
            return MetTokens(met, features.vocabulary.unknown)
        if not features.levels:
            return unchanged
        spread = _spread(train, features.levels)
        return MetColumns(features.levels, spread.any(0, where=~np.isnan(spread)) | _numbers(features.levels))


@dataclass(frozen=True)
class MetTokens:
    """Tokens that were not met, False in `met` (V,), as `unknown`."""

    met: NDArray[np.bool_]
    unknown: int

    def __call__(self, inputs: Inputs) -> Inputs:
        """Ids (N, T) of the same shape."""
        return np.where(self.met[inputs], inputs, self.unknown).astype(np.int64)


@dataclass(frozen=True)
class MetColumns:
    """Columns for categories, those that were not met, False in `met`, always 0 or a gap."""

    levels: tuple[int, ...]
    met: NDArray[np.bool_]

    def __call__(self, inputs: Inputs) -> Inputs:
        """Codes and numbers (N, F) as numbers only."""
        return np.multiply(_spread(inputs, self.levels), self.met, dtype=np.float32)


@dataclass(frozen=True)
class Ordinal(Step):
    """The code of each category taken as a number; no column more."""

    def after(self, features: Features) -> Features:
        """The same columns, none of which names categories."""
        return replace(features, levels=())

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Nothing is learned."""
        return unchanged


def _numbers(levels: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which columns of the encoded table are numbers."""
    return np.repeat(np.equal(levels, 0), [count or 1 for count in levels])


def _spread(inputs: Inputs, levels: tuple[int, ...]) -> Floats:
    """The table with a column for each category, whether it was met or not."""
    columns = []
    for values, count in zip(inputs.T, levels, strict=True):
        if count:
            hot = np.equal.outer(values, np.arange(count)).astype(np.float32)
            hot[np.isnan(values)] = np.nan
            columns.append(hot)
        else:
            columns.append(values[:, None].astype(np.float32))
    return np.concatenate(columns, axis=1)
