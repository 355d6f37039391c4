"""Exactly `rate` of the cells of every sample, drawn without replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features
from maskbench.masks.cells import Shape, cell_shape, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class ExactCount:
    """The same number of hidden cells in every sample, as masking noise (Vincent et al. 2010) and SCARF.

    Where `rate` of the n cells is no whole number, floor(rate n + u) with one uniform u per sample
    keeps the expected share exact.
    """

    scope: ClassVar[str] = "sample"

    def check(self, features: Features, rate: float) -> None:
        """Fits all data and reaches every rate."""

    def sample(self, shape: Shape, rate: float, generator: Generator) -> Tensor:
        """Hidden cells (B, F) or (B, 1, H, W)."""
        cells = cell_shape(shape)
        dither = uniform((cells[0], 1), generator)
        order = uniform(cells, generator).flatten(1).argsort(1)
        count = (rate * order.shape[1] + dither).floor().long()
        return (order.argsort(1) < count).view(cells)
