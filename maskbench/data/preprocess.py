"""What is done to inputs before training; everything is fitted on the train part only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from maskbench.data.dataset import Floats


class Fitted(Protocol):
    """A fitted step: inputs (N, *shape) in, inputs out."""

    def __call__(self, inputs: Floats) -> Floats:
        """Transform any rows with what was learned from the train rows."""


class Step(Protocol):
    """One step of `preprocess.steps`."""

    def fit(self, train: Floats) -> Fitted:
        """Learn from the train inputs (N, *shape)."""


@dataclass(frozen=True)
class Affine:
    """(x - mean) / std, both broadcast against one example."""

    mean: Floats
    std: Floats

    def __call__(self, inputs: Floats) -> Floats:
        """Scaled inputs in float32."""
        return ((inputs - self.mean) / self.std).astype(np.float32)


@dataclass(frozen=True)
class Standardize:
    """Mean 0 and standard deviation 1 per column, or per channel of an image; constants become 0."""

    def fit(self, train: Floats) -> Affine:
        """Statistics of train inputs (N, F) or (N, C, H, W)."""
        axes = (0, 2, 3) if train.ndim == 4 else (0,)
        mean = train.mean(axes, keepdims=True, dtype=np.float64)[0]
        std = train.std(axes, keepdims=True, dtype=np.float64)[0]
        return Affine(mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32))
