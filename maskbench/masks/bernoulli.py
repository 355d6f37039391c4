"""Independent cells: each is hidden with probability `rate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features
from maskbench.masks.cells import Shape, cell_shape, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Bernoulli:
    """One coin per cell, as in input dropout (Srivastava et al. 2014)."""

    scope: ClassVar[str] = "sample"

    def check(self, features: Features, rate: float) -> None:
        """Fits all data and reaches every rate."""

    def sample(self, shape: Shape, rate: float, generator: Generator) -> Tensor:
        """Hidden cells (B, F) or (B, 1, H, W)."""
        return uniform(cell_shape(shape), generator) < rate
