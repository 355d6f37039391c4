"""What is done to inputs before training; everything is fitted on the train part only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from maskbench.data.dataset import Floats, Inputs


class Fitted(Protocol):
    """A fitted step: inputs (N, *shape) in, inputs out."""

    def __call__(self, inputs: Inputs) -> Inputs:
        """Transform any rows with what was learned from the train rows."""


class Step(Protocol):
    """One step of `preprocess.steps`."""

    def fit(self, train: Inputs) -> Fitted:
        """Learn from the train inputs (N, *shape)."""


@dataclass(frozen=True)
class Affine:
    """(x - mean) / std, both broadcast against one example."""

    mean: Floats
    std: Floats

    def __call__(self, inputs: Inputs) -> Inputs:
        """Scaled inputs in float32."""
        return ((inputs - self.mean) / self.std).astype(np.float32)


def _unchanged(inputs: Inputs) -> Inputs:
    return inputs


@dataclass(frozen=True)
class Standardize:
    """Mean 0 and standard deviation 1 per column, or per channel of an image or sequence; constants become 0.

    Token ids stay as they are.
    """

    def fit(self, train: Inputs) -> Fitted:
        """Statistics of train inputs (N, F), (N, T, C) or (N, C, H, W)."""
        if np.issubdtype(train.dtype, np.integer):
            return _unchanged
        axes = {2: (0,), 3: (0, 1), 4: (0, 2, 3)}[train.ndim]
        mean = train.mean(axes, keepdims=True, dtype=np.float64)[0]
        std = train.std(axes, keepdims=True, dtype=np.float64)[0]
        return Affine(mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32))
