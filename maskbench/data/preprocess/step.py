"""What a step of the preprocessing is: subclass `Step` for your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Inputs
from maskbench.description import Features


class Fitted(Protocol):
    """A fitted step: inputs (N, *shape) in, inputs out."""

    def __call__(self, inputs: Inputs) -> Inputs:
        """Transform any rows with what was learned from the train rows; the rows given stay as they are."""


class Step(ABC):
    """One step of the preprocessing; a frozen dataclass, its fields are its settings.

    Inputs are float32 with NaN where a number is not there, or tokens.
    """

    def check(self, features: Features) -> None:  # noqa: B027 (most steps fit all data)
        """Raise ConfigError where the step does not fit the data or its settings cannot be."""

    def after(self, features: Features) -> Features:
        """What the inputs are after the step; most leave their shape."""
        return features

    @abstractmethod
    def fit(self, train: Inputs, features: Features) -> Fitted:
        """Learn from the train inputs (N, *shape), which are as `features` say."""


def features_after(features: Features, steps: Iterable[Step]) -> Features:
    """What inputs are after all steps; raises ConfigError where one does not fit what the one before it leaves."""
    for step in steps:
        step.check(features)
        features = step.after(features)
    return features


def unchanged(inputs: Inputs) -> Inputs:
    """What a step that has nothing to do does."""
    return inputs


def quantities(features: Features) -> NDArray[np.bool_]:
    """Which columns, or channels of an image or sequence, hold numbers, not the codes of categories (F,)."""
    return np.equal(features.levels or (0,) * features.shape[channel_axis(features) - 1], 0)


def channel_axis(features: Features) -> int:
    """The axis of inputs (N, *shape) along which columns or channels lie."""
    return 2 if features.kind == "sequence" else 1


def axes(features: Features) -> tuple[int, ...]:
    """The axes of inputs (N, *shape) over which a column, or a channel of an image or sequence, is spread."""
    return {"columns": (0,), "sequence": (0, 1), "image": (0, 2, 3)}[features.kind]
