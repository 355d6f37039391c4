"""Whole columns, hidden for the entire batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Shape, require_kind, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Feature:
    """One coin per column and batch: all samples of a batch lack the same columns (GRACE, You et al. 2020)."""

    scope: ClassVar[str] = "batch"

    def check(self, features: Features, rate: float) -> None:
        """Refuse images and single columns."""
        require_kind(features, ("columns",), "feature hides columns", "bernoulli, exact_count or block")
        if features.shape[0] < 2:
            raise ConfigError("feature hides some columns and keeps others, and these data have one; use bernoulli")

    def sample(self, shape: Shape, rate: float, generator: Generator) -> Tensor:
        """Hidden columns (1, F)."""
        return uniform((1, shape[1]), generator) < rate
