"""Square patches of an image: an exact count of single ones, or blocks of them up to a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, crossed, select, uniform, whole
from maskbench.masks.contract import Pattern
from maskbench.masks.exact_count import BEYOND, lowest
from maskbench.masks.rectangles import heights, require_aspect, within

if TYPE_CHECKING:
    from torch import Generator, Tensor

BLOCKS = 8
"""Blocks drawn per sample: each takes half of what is left on average, so that few single patches remain."""


@dataclass(frozen=True)
class Patches(Pattern):
    """The same number of `size` x `size` patches in every sample, as MAE (He et al. 2022) and SimMIM (Xie et al. 2022).

    Where `rate` of the n patches is no whole number, floor(rate n + u) with one uniform u per sample
    keeps the expected share exact.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    size: int = 2

    def check(self, features: Features, rate: float) -> None:
        """Refuse patches that do not divide the image."""
        self.require_kind(features)
        _require_size(self.size, features)

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        rows, columns = _grid(batch, self.size)
        dither = uniform((len(batch),), generator)
        draws = uniform((len(batch), rows * columns), generator)
        chosen = lowest(draws, whole(rates * (rows * columns), dither))
        return _enlarged(chosen.view(-1, rows, columns), self.size)


@dataclass(frozen=True)
class PatchBlocks(Pattern):
    """Rectangular blocks of `size` x `size` patches up to a budget, as BEiT (Bao et al. 2022).

    The budget is `rate` of the patches, rounded up or down at random. Every block has between
    `min_patches` and what is left of it, both included; height over width is log-uniform between
    `min_aspect` and its inverse. Single patches take what the blocks, which may overlap, leave over.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    nested: ClassVar[bool] = False
    size: int = 2
    min_patches: int = 4
    min_aspect: float = 0.3

    def check(self, features: Features, rate: float) -> None:
        """Refuse patches that do not divide the image, and blocks that are none."""
        self.require_kind(features)
        _require_size(self.size, features)
        require_aspect(self.min_aspect)
        if type(self.min_patches) is not int or self.min_patches < 1:
            raise ConfigError(
                f"pattern.min_patches is the size of the smallest block and a whole number of at least 1, "
                f"not {self.min_patches}"
            )

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        import numpy as np
        import torch

        samples, (rows, columns) = len(batch), _grid(batch, self.size)
        dither = uniform((samples,), generator)
        blocks = uniform((BLOCKS, 4, samples), generator).double().numpy()
        draws = uniform((samples, rows * columns), generator)
        left = budget = whole(rates * (rows * columns), dither).numpy()
        patches = torch.zeros((samples, 1, rows, columns), dtype=torch.bool)
        for part, aspect, top, start in blocks:
            smallest = np.minimum(left, self.min_patches)
            areas = np.floor(smallest + (left - smallest + 1) * part)
            height = heights(areas, (rows, columns), self.min_aspect, aspect)
            width = np.floor(areas / height)
            patches |= crossed(within(height, top, rows), within(width, start, columns))
            left = budget - np.add.reduce(patches.flatten(1).numpy().view(np.uint8), 1, dtype=np.int32)
        rest = lowest(select(patches.flatten(1), BEYOND, draws), torch.from_numpy(left))
        return _enlarged((patches | rest.view_as(patches))[:, 0], self.size)


def _grid(batch: Batch, size: int) -> tuple[int, int]:
    """Patches along (height, width)."""
    _, _, rows, columns = batch.inputs.shape
    return rows // size, columns // size


def _enlarged(patches: Tensor, size: int) -> Tensor:
    """Patches (B, h, w) as pixels (B, 1, h size, w size)."""
    import torch

    rows, columns = (torch.arange(cells * size) // size for cells in patches.shape[1:])
    return patches.index_select(2, columns).index_select(1, rows)[:, None] if size > 1 else patches[:, None]


def _require_size(size: int, features: Features) -> None:
    _, rows, columns = features.shape
    common = math.gcd(rows, columns)
    if type(size) is not int or size < 1 or common % size:
        fitting = ", ".join(str(side) for side in range(1, common + 1) if common % side == 0)
        raise ConfigError(f"patches of pattern.size={size} do not divide images of {rows} x {columns}; use {fitting}")
