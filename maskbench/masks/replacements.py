"""More of what stands in a hidden cell: learned and telling values, extremes, the blurred surroundings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Self

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import cell_shape, coins, select
from maskbench.masks.contract import Context, Fill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor
    from torch.nn import Parameter


@dataclass(frozen=True)
class Learned(Fill):
    """Hidden cells become a value trained with the model, one per column or channel, 0 at the start (SimMIM, BEiT).

    `vector` has the shape of the context's mean and is made by `fit`.
    """

    vector: Parameter | None = field(default=None, compare=False, repr=False)

    def fit(self, context: Context) -> Self:
        """A copy with a vector of its own."""
        import torch

        return replace(self, vector=torch.nn.Parameter(torch.zeros_like(context.mean, dtype=torch.float32)))

    @property
    def trained(self) -> bool:
        """The vector is."""
        return True

    def parameters(self) -> Iterable[Tensor]:
        """The vector, once there is one."""
        return () if self.vector is None else (self.vector,)

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The vector where hidden; its gradient is kept track of."""
        if self.vector is None:
            raise ConfigError("fill Learned has nothing to write yet; fit the mask before use")
        return select(hidden, self.vector.to(inputs), inputs)


@dataclass(frozen=True)
class Placeholder(Fill):
    """Hidden cells become a value that no train row has, which says "not known" (Nguyen et al. 2024).

    It lies `gap` standard deviations above the mean of the column or channel, and at least one above
    its largest value. A column that never varies counts as having a standard deviation of 1.
    """

    gap: float = 10.0

    def check(self, features: Features) -> None:
        """Refuse a gap that leads nowhere."""
        self.require_kind(features)
        if not 0 < self.gap < math.inf:
            raise ConfigError(f"fill.gap is a number of standard deviations above 0, not {self.gap}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The placeholder of the column or channel where hidden."""
        return select(hidden, self._values(context).to(inputs), inputs)

    def _values(self, context: Context) -> Tensor:
        spread = context.std.where(context.std > 0, 1)
        return (context.mean + self.gap * spread).maximum(context.high + spread)


@dataclass(frozen=True)
class SaltPepper(Fill):
    """Hidden cells become the highest (`salt`) or lowest value of their column or channel, a coin per cell.

    The range is that of the train part; the channels of a pixel share a coin (Vincent et al. 2010).
    """

    salt: float = 0.5

    def check(self, features: Features) -> None:
        """Refuse a share of salt outside [0, 1]."""
        self.require_kind(features)
        if not 0 <= self.salt <= 1:
            raise ConfigError(f"fill.salt is the share of high values and lies in [0, 1], not {self.salt}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """An end of the range where hidden."""
        import torch

        share = torch.tensor([self.salt], dtype=torch.float64)
        high = coins(cell_shape(tuple(inputs.shape)), share, generator).to(inputs.device)
        low = context.low.to(inputs).expand(inputs.shape)
        return select(hidden, select(high, context.high.to(inputs), low), inputs)


@dataclass(frozen=True)
class Blur(Fill):
    """Hidden cells of an image or a sequence become a Gaussian mean of their surroundings, themselves included.

    `sigma` is in cells; the kernel ends at 3 sigma, and borders are mirrored. Numbers that are not
    there or not finite weigh nothing; where nothing is there at all, the train mean stands.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image", "sequence")
    sigma: float = 1.0

    @property
    def radius(self) -> int:
        """Cells that the kernel reaches to either side."""
        return math.ceil(3 * self.sigma)

    def check(self, features: Features) -> None:
        """Refuse a width that is no width, or a kernel larger than the data."""
        self.require_kind(features)
        if not 0 < self.sigma < math.inf:
            raise ConfigError(f"fill.sigma is the width of the blur in cells and above 0, not {self.sigma}")
        shortest = min(features.shape[1:]) if features.kind == "image" else features.shape[0]
        if 2 * self.radius + 1 > shortest:
            largest = (shortest - 1) // 2 / 3
            remedy = f"set fill.sigma to {largest:.3g} or less" if largest else "use mask/fill=mean"
            raise ConfigError(
                f"fill.sigma={self.sigma} needs a kernel of {2 * self.radius + 1} cells, and the data have {shortest} "
                f"along an axis; {remedy}"
            )

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The blurred input where hidden, computed in float32 at least."""
        import torch

        axes = (2, 3) if inputs.ndim == 4 else (1,)
        values = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        if not values.detach().sum().isfinite():
            there = values.isfinite()
            weight = self._smooth(there.to(values), axes)
            blurred = self._smooth(values.where(there, 0), axes) / weight
            blurred = blurred.where(weight > 0, context.mean.to(values))
        else:
            blurred = self._smooth(values, axes)
        return select(hidden, blurred.to(inputs), inputs)

    def _smooth(self, values: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The Gaussian mean along each axis in turn: products with small matrices, which beat a convolution."""
        import torch

        for axis in axes:
            weights = torch.from_numpy(_weights(self.sigma, self.radius, values.shape[axis])).to(values)
            values = (values.movedim(axis, -1) @ weights).movedim(-1, axis)
        return values


@lru_cache(maxsize=16)
def _weights(sigma: float, radius: int, cells: int) -> NDArray[np.float64]:
    """How much each cell of an axis (first) weighs in the Gaussian mean at each cell (second)."""
    import numpy as np

    steps = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (steps / sigma) ** 2)
    kernel /= kernel.sum()
    weights = np.zeros((cells, cells))
    place = np.arange(cells)
    for step, weight in zip(steps, kernel, strict=True):
        source = np.abs(place + step)
        weights[np.where(source < cells, source, 2 * (cells - 1) - source), place] += weight
    return weights
