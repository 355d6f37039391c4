"""One square of an image, centred anywhere and clipped at the border."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, crossed, mixed, uniform
from maskbench.masks.contract import Pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor


def covered(side: int, cells: int) -> float:
    """Expected share of an axis of `cells` under a clipped window of `side` with a uniform centre.

    The window reaches side // 2 cells before its centre and the rest behind; it covers the whole
    axis from side = 2 * cells on.
    """
    side = min(side, 2 * cells)
    before = side // 2
    behind = side - before
    lost = (before * (before + 1) + behind * (behind - 1)) / (2 * cells)
    return (side - lost) / cells


@lru_cache(maxsize=64)
def areas(height: int, width: int) -> tuple[float, ...]:
    """Expected share of an image under a clipped square, by side from 0 to the one that covers all."""
    return tuple(covered(side, height) * covered(side, width) for side in range(2 * max(height, width) + 1))


@dataclass(frozen=True)
class Block(Pattern):
    """A clipped square per sample, as Cutout (DeVries & Taylor 2017), its side solved from the rate.

    `side` in pixels, given directly, amounts to a rate of its own.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    side: int | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse anything but images."""
        self.require_kind(features)

    def implied_rate(self, features: Features) -> float | None:
        """The share that a given side covers."""
        if self.side is None:
            return None
        shares = areas(*features.shape[1:])
        if not 0 <= self.side < len(shares):
            raise ConfigError(
                f"pattern.side={self.side} pixels is not between 0 and {len(shares) - 1}, "
                f"where a square covers all of an image of {features.shape[1]} x {features.shape[2]}"
            )
        return shares[self.side]

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        import torch

        _, _, height, width = batch.inputs.shape
        dither = uniform((len(batch),), generator)
        sides = mixed(torch.tensor(areas(height, width)), rates, dither)
        return crossed(_window(sides, height, generator), _window(sides, width, generator))


def _window(sides: Tensor, cells: int, generator: Generator) -> NDArray[np.bool_]:
    """Cells (B, n) within windows of `sides` (B,) around uniform centres."""
    import numpy as np

    centre = (uniform((len(sides),), generator).numpy() * cells).astype(np.int32)
    length = sides.numpy().astype(np.int32)
    start = (centre - length // 2)[:, None]
    position = np.arange(cells, dtype=np.int32)
    return (start <= position) & (position < start + length[:, None])
