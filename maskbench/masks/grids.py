"""Grids laid over an image: tiles with a coin each, and squares that come back at every period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, below, coins, crossed, uniform
from maskbench.masks.contract import Pattern

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Tiles(Pattern):
    """One coin per tile of a regular grid, as Hide-and-Seek (Singh & Lee 2017).

    Each sample has `sizes` tiles per side, one of them drawn at random; tiles differ by a pixel where
    the image does not divide, and more tiles than pixels are pixels.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    sizes: Sequence[int] = (3, 4, 5, 7)

    def check(self, features: Features, rate: float) -> None:
        """Refuse grids of one tile, which hide all of an image or nothing."""
        self.require_kind(features)
        if not self.sizes or not all(type(size) is int and size > 1 for size in self.sizes):
            raise ConfigError(
                f"pattern.sizes={list(self.sizes)} are not numbers of tiles per side from 2; use for example [3,4,5,7]"
            )

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        import torch

        samples, _, rows, columns = batch.inputs.shape
        sizes, most = torch.tensor(list(self.sizes)), max(self.sizes)
        size = sizes[(uniform((samples,), generator) * len(sizes)).long()][:, None]
        tiles = coins((samples, most, most), rates, generator)
        across = torch.arange(columns) * size // columns
        wide = tiles.gather(2, across[:, None, :].expand(samples, most, columns))
        down = torch.arange(rows) * size // rows + torch.arange(samples)[:, None] * most
        # whole rows are copied, which is much faster than picking every pixel
        return wide.view(-1, columns).index_select(0, down.flatten()).view(batch.cells)


@dataclass(frozen=True)
class GridMask(Pattern):
    """Squares at regular distances, as GridMask (Chen et al. 2020) in its mode 1.

    The distance in whole pixels is drawn per sample, uniform on `period` times the shorter side of
    the image, 2 pixels at least. A square takes sqrt(rate) of it each way; the grid starts anywhere
    within a period, so that its share is exact at any border, and is turned by any angle with `rotate`.
    `hole`, a square's side as a share of the period given directly, amounts to a rate of hole squared.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    period: Sequence[float] = (0.43, 1.0)
    rotate: bool = True
    hole: float | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse a range of periods that is none."""
        self.require_kind(features)
        if len(self.period) != 2 or not 0 < self.period[0] <= self.period[1] < math.inf:
            raise ConfigError(
                f"pattern.period={list(self.period)} is not [low, high] with 0 < low <= high; "
                "give shares of the image's shorter side, as [0.43, 1.0]"
            )

    def implied_rate(self, features: Features) -> float | None:
        """The share under squares of a given side."""
        if self.hole is None:
            return None
        if not 0 <= self.hole <= 1:
            raise ConfigError(f"pattern.hole is a share of the period and lies in [0, 1], not {self.hole}")
        return self.hole**2

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        import torch

        _, _, rows, columns = batch.inputs.shape
        place, turn, first, second = uniform((4, len(batch)), generator).double()[:, :, None]
        low, high = (max(2, round(share * min(rows, columns))) for share in self.period)
        period = (low + (high - low + 1) * place).floor()
        side = rates.sqrt()[:, None]
        down, across = torch.arange(rows) / period, torch.arange(columns) / period
        if not self.rotate:
            return crossed(((down + first).frac() < side).numpy(), ((across + second).frac() < side).numpy())
        cosine, sine = (turn * math.tau).cos(), (turn * math.tau).sin()
        one = _periodic(down * cosine + first, across * sine, side)
        other = _periodic(across * cosine + second, -down * sine, side, swapped=True)
        return (one & other)[:, None]


def _periodic(moved: Tensor, other: Tensor, side: Tensor, swapped: bool = False) -> Tensor:
    """Where the sum of two coordinates, of one axis (B, n) each, lies in the first `side` (B, 1) of a period.

    (B, H, W), with `moved` along H or, where `swapped`, along W.
    """
    # fractions of the small tensors are taken in float64, so that float32 is fine for their sum
    whole, part = (values.remainder(1).float() for values in (moved, other))
    rows, columns = (part, whole) if swapped else (whole, part)
    place: Tensor = (rows[:, :, None] + columns[:, None, :]).frac_()
    return below(place, side.float()[:, :, None])
