"""Scales per column, or per channel: mean 0 and standard deviation 1, and others by scikit-learn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Floats, Inputs
from maskbench.data.preprocess.step import Fitted, Step, axes, channel_axis, quantities, unchanged
from maskbench.description import Features
from maskbench.errors import ConfigError, DataError

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """(x - mean) / std, both broadcast against one example."""

    mean: Floats
    std: Floats

    def __call__(self, inputs: Inputs) -> Inputs:
        """Scaled inputs in float32."""
        return ((inputs - self.mean) / self.std).astype(np.float32)


def _sum(values: NDArray[np.generic], over: tuple[int, ...]) -> NDArray[np.float64]:
    """Sums of the numbers that are there, which broadcast against one example."""
    sums: NDArray[np.float64] = np.asarray(np.nansum(values, over, keepdims=True, dtype=np.float64))
    return np.squeeze(sums, 0)


@dataclass(frozen=True)
class Standardize(Step):
    """Mean 0 and standard deviation 1 per column, or per channel of an image or sequence; constants become 0.

    Gaps stay gaps; tokens and the codes of categories stay as they are.
    """

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Statistics of the numbers that are there; a column without any is 0 or a gap."""
        if features.kind == "tokens":
            return unchanged
        over = axes(features)
        there = np.isfinite(train).sum(over, keepdims=True)[0].clip(1)
        mean = _sum(train, over) / there
        std = np.sqrt(_sum(np.square(train - mean), over) / there)
        moved = quantities(features).reshape(mean.shape)
        shift, width = np.where(moved, mean, 0), np.where(moved & (std > 0), std, 1)
        return Affine(shift.astype(np.float32), width.astype(np.float32))


class Estimated(Step):
    """A step that an estimator of scikit-learn does, fitted on a table with a column for each column or channel.

    Tokens, the codes of categories and columns that are empty in train stay as they are, and so does padding.
    """

    @abstractmethod
    def make(self, rows: int) -> Any:
        """An estimator to be fitted on so many rows."""

    def wanted(self, features: Features) -> NDArray[np.bool_]:
        """Which columns or channels it is for (F,)."""
        return quantities(features)

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Fit on the rows that hold anything."""
        if features.kind == "tokens":
            return unchanged
        table = _table(train, features)
        full = ~np.isnan(table).all(1)
        used = self.wanted(features) & ~np.isnan(table).all(0)
        if not used.any():
            return unchanged
        estimator = self.make(int(full.sum()))
        name = type(estimator).__name__
        _say(name, table[full][:, used], estimator.fit)
        return Columnwise(name, estimator.transform, used, features)


@dataclass(frozen=True)
class Columnwise:
    """A fitted `transform` of the columns or channels that are `used` (F,), on rows that hold anything."""

    name: str
    transform: Callable[[Table], Any]
    used: NDArray[np.bool_]
    features: Features

    def __call__(self, inputs: Inputs) -> Inputs:
        """Inputs of the same shape in float32."""
        table = _table(inputs, self.features)
        full = ~np.isnan(table).all(1)
        if not full.any():
            return inputs
        given = table[full][:, self.used]
        made = np.asarray(_say(self.name, given, self.transform), np.float64)
        if made.shape != given.shape:
            raise ConfigError(
                f"preprocess: {self.name} makes {made.shape[1]} columns of {given.shape[1]}, and a step has to keep "
                "their number; choose another estimator"
            )
        if not np.isfinite(made[np.isfinite(given)]).all():
            raise DataError(
                f"preprocess: {self.name} makes infinite values or gaps of numbers; choose another estimator or scale"
            )
        table[np.ix_(full, self.used)] = made
        axis = channel_axis(self.features)
        whole = table.reshape(*np.moveaxis(inputs, axis, -1).shape)
        return np.ascontiguousarray(np.moveaxis(whole, -1, axis), np.float32)


def _table(inputs: Inputs, features: Features) -> Table:
    """A copy with one row for each example, pixel or time step, and one column for each column or channel."""
    return np.moveaxis(inputs, channel_axis(features), -1).reshape(-1, len(quantities(features))).astype(np.float64)


def _say(name: str, table: Table, work: Callable[[Table], Any]) -> Any:
    """What scikit-learn makes of a table; what it refuses in one line."""
    try:
        return work(table)
    except ValueError as error:
        if np.isnan(table).any():
            raise DataError(
                f"preprocess: {name} takes no gaps, and the inputs have {np.isnan(table).sum()}; "
                "fill them first with preprocess/impute"
            ) from error
        raise DataError(f"preprocess: {name} refuses the inputs: {str(error).splitlines()[0]}") from error


@dataclass(frozen=True)
class MinMax(Estimated):
    """The smallest train value becomes `low`, the largest `high`; others may lie outside, if `clip` is not on."""

    low: float = 0.0
    high: float = 1.0
    clip: bool = False

    def check(self, features: Features) -> None:
        """`low` has to be below `high`."""
        if not self.low < self.high:
            raise ConfigError(f"preprocess.scale.low={self.low} is not below preprocess.scale.high={self.high}")

    def make(self, rows: int) -> Any:
        """scikit-learn's."""
        from sklearn.preprocessing import MinMaxScaler

        return MinMaxScaler(feature_range=(self.low, self.high), clip=self.clip)


@dataclass(frozen=True)
class Robust(Estimated):
    """Median 0, and 1 between the quantiles `low` and `high` in per cent: outliers have no say."""

    low: float = 25.0
    high: float = 75.0

    def check(self, features: Features) -> None:
        """Quantiles are per cents."""
        if not 0 <= self.low < self.high <= 100:
            raise ConfigError(
                f"preprocess.scale.low={self.low} and high={self.high} are out of range: "
                "they must be rising per cents from 0 to 100"
            )

    def make(self, rows: int) -> Any:
        """scikit-learn's."""
        from sklearn.preprocessing import RobustScaler

        return RobustScaler(quantile_range=(self.low, self.high))


@dataclass(frozen=True)
class Quantile(Estimated):
    """The rank of a number among the train rows, as `normal` or as `uniform` from 0 to 1; outliers have no say."""

    quantiles: int = 1000
    output: str = "normal"

    def check(self, features: Features) -> None:
        """At least two quantiles, and one of the two distributions."""
        if self.quantiles < 2:
            raise ConfigError(f"preprocess.scale.quantiles={self.quantiles} is out of range: it must be at least 2")
        if self.output not in ("uniform", "normal"):
            raise ConfigError(f"preprocess.scale.output is one of normal, uniform, not '{self.output}'")

    def make(self, rows: int) -> Any:
        """scikit-learn's, on all rows: a sample of them would be a draw."""
        from sklearn.preprocessing import QuantileTransformer

        count = min(self.quantiles, rows)
        return QuantileTransformer(n_quantiles=count, output_distribution=self.output, subsample=None)

    def wanted(self, features: Features) -> NDArray[np.bool_]:
        """Not the columns of a category: 0 and 1 have no ranks worth telling."""
        if not features.blocks:
            return quantities(features)
        return np.repeat(np.equal(features.blocks, 1), features.blocks)


@dataclass(frozen=True)
class Transformer(Estimated):
    """Any estimator of scikit-learn, or like it, that keeps the number of columns; for `preprocess.steps`.

    Where it draws at random and names no seed, its seed is 0.
    """

    estimator: Any

    def check(self, features: Features) -> None:
        """It has to be one, and to get numbers."""
        if isinstance(self.estimator, type) or not all(hasattr(self.estimator, name) for name in ("fit", "transform")):
            raise ConfigError(
                "preprocess.steps: the estimator of a Transformer needs fit and transform, as "
                "{_target_: sklearn.preprocessing.PowerTransformer} has them"
            )
        if features.kind == "tokens":
            raise ConfigError(
                f"preprocess.steps: {type(self.estimator).__name__} works on numbers, and these data are tokens; "
                "leave it out"
            )

    def make(self, rows: int) -> Any:
        """A fresh copy."""
        from sklearn.base import clone

        copy = clone(self.estimator, safe=False)
        settings = copy.get_params() if hasattr(copy, "get_params") else {}
        seeds = {key: 0 for key, value in settings.items() if key.endswith("random_state") and value is None}
        return copy.set_params(**seeds) if seeds else copy
