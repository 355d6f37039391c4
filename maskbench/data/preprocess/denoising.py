"""Noise taken out before training: filters along time or over an image, principal components of a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Floats, Inputs
from maskbench.data.preprocess.imputing import inside
from maskbench.data.preprocess.step import Fitted, Step
from maskbench.description import Features
from maskbench.errors import ConfigError, DataError

CHUNK = 4096
"""Rows filtered at once: a filter needs several copies of them."""


@dataclass(frozen=True)
class Filter(Step):
    """Looks at windows of `size` steps along time, or `size` x `size` pixels, of one channel of one example.

    Nothing is learned from other rows. Beyond its border an example goes on as in a mirror; padding stays.
    """

    size: int = 3

    def check(self, features: Features) -> None:
        """A window has a middle, and neighbours to look at."""
        if features.kind not in ("image", "sequence"):
            other = "pca or none" if features.kind == "columns" else "none"
            raise ConfigError(
                f"preprocess/denoise={type(self).__name__.lower()} filters images and sequences, and these data are "
                f"{features.kind}; choose {other}"
            )
        if self.size < 3 or self.size % 2 == 0:
            raise ConfigError(f"preprocess.denoise.size={self.size} is out of range: it must be an odd number from 3")

    @abstractmethod
    def smooth(self, inputs: Floats, window: tuple[int, ...]) -> Floats:
        """Whole inputs filtered, `window` cells at a time."""

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Nothing is learned, but gaps are found here."""
        _require_whole(train, features, type(self).__name__)
        window = (1, self.size, 1) if features.kind == "sequence" else (1, 1, self.size, self.size)
        return Filtered(lambda inputs: self.smooth(inputs, window), features, type(self).__name__)


@dataclass(frozen=True)
class Filtered:
    """A filter applied to images, or to sequences without their padding."""

    smooth: Callable[[Floats], Floats]
    features: Features
    name: str

    def __call__(self, inputs: Inputs) -> Inputs:
        """Inputs of the same shape."""
        _require_whole(inputs, self.features, self.name)
        smoothed = inputs.astype(np.float32)
        lengths = np.full(len(inputs), self.features.shape[0])
        if self.features.kind == "sequence":
            lengths = inside(inputs).sum(1)
        for length in np.unique(lengths[lengths > 0]):
            rows = np.flatnonzero(lengths == length)
            for some in np.array_split(rows, -(-len(rows) // CHUNK)):
                smoothed[some, :length] = self.smooth(smoothed[some, :length])
        return smoothed


@dataclass(frozen=True)
class Median(Filter):
    """The median of the window."""

    def smooth(self, inputs: Floats, window: tuple[int, ...]) -> Floats:
        """SciPy's."""
        from scipy.ndimage import median_filter

        return np.asarray(median_filter(inputs, size=window), np.float32)


@dataclass(frozen=True)
class Wiener(Filter):
    """Drawn to the mean of the window as far as the window varies no more than noise does.

    The noise is the mean variance of the windows of that channel of that example.
    """

    def smooth(self, inputs: Floats, window: tuple[int, ...]) -> Floats:
        """scipy.signal.wiener does this for one example, takes what lies beyond as 0, and fails where all is flat."""
        from scipy.ndimage import uniform_filter

        exact = inputs.astype(np.float64)
        mean = uniform_filter(exact, window)
        variance = (uniform_filter(np.square(exact), window) - np.square(mean)).clip(0)
        noise = variance.mean(tuple(axis for axis, size in enumerate(window) if size > 1), keepdims=True)
        kept = np.divide(variance - noise, variance, out=np.zeros_like(exact), where=variance > noise)
        return np.asarray(mean + kept * (exact - mean), np.float32)


@dataclass(frozen=True)
class PCA(Step):
    """Rebuilt from the first principal components: so many, or as many as explain this share of the variance."""

    components: float = 0.95

    def check(self, features: Features) -> None:
        """Columns of numbers, and fewer components than columns."""
        if features.kind != "columns":
            other = "none" if features.kind == "tokens" else "median, wiener or none"
            raise ConfigError(
                f"preprocess/denoise=pca is for tables, and these data are {features.kind}; choose {other}"
            )
        if features.levels:
            raise ConfigError(
                "preprocess/denoise=pca would reckon with the codes of categories; "
                "encode them first with preprocess/encode=one_hot"
            )
        most = features.shape[0]
        if not (0 < self.components < 1 or (type(self.components) is int and 1 <= self.components <= most)):
            raise ConfigError(
                f"preprocess.denoise.components={self.components} is out of range: it must be a share of the variance "
                f"between 0 and 1, or a whole number of components from 1 to {most}"
            )

    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Components of the train rows."""
        _require_whole(train, features, "PCA")
        if self.components > len(train):
            raise DataError(
                f"preprocess.denoise.components={self.components} is more than the {len(train)} train rows; use fewer"
            )
        from sklearn import decomposition

        found = decomposition.PCA(self.components, svd_solver="full").fit(train.astype(np.float64))
        return Rebuilt(found.mean_, found.components_, features)


@dataclass(frozen=True)
class Rebuilt:
    """Rows as the mean (F,) and orthonormal components (K, F) give them."""

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    features: Features

    def __call__(self, inputs: Inputs) -> Inputs:
        """Rows (N, F) of the same shape."""
        _require_whole(inputs, self.features, "PCA")
        scores = (inputs - self.mean) @ self.components.T
        return (scores @ self.components + self.mean).astype(np.float32)


def _require_whole(inputs: Inputs, features: Features, name: str) -> None:
    """Refuse gaps; the padding of sequences is none."""
    gaps = np.isnan(inputs[inside(inputs)] if features.kind == "sequence" else inputs).sum()
    if gaps:
        raise DataError(
            f"preprocess/denoise={name.lower()} takes no gaps, and the inputs have {gaps}; "
            "fill them first with preprocess/impute=mean"
        )
