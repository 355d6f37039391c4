"""What the rooms may know about data without holding any: kinds, shapes and the task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["columns", "image"]
Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Features:
    """The inputs of one example: `columns` of shape (F,) or an `image` of shape (C, H, W)."""

    kind: Kind
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Description:
    """All that a model or a mask is told about a data set."""

    name: str
    features: Features
    task: Task
    outputs: int
    """Classes, or 1 for regression."""
