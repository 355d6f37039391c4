"""Rectangles inside an image: one of another shape in every sample, or several equal squares."""

from __future__ import annotations

from collections.abc import Sequence
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

    Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Rectangle(Pattern):
    """One rectangle per sample, wholly inside the image, as Random Erasing (Zhong et al. 2017).

    It covers `rate` of the image; height over width is log-uniform between `min_aspect` and its
    inverse, as far as such a rectangle fits. In the published form its share of the image is uniform
    on `area` = [low, high] and it is there with chance `applied`; `area` alone leaves that to the rate.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    nested: ClassVar[bool] = False
    min_aspect: float = 0.3
    area: Sequence[float] | None = None
    applied: float | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse aspects outside (0, 1] and rates beyond what the given areas cover."""
        self.require_kind(features)
        require_aspect(self.min_aspect)
        if self.area is not None and rate > sum(self.area) / 2:
            raise ConfigError(
                f"rectangles with pattern.area={list(self.area)} cover at most {sum(self.area) / 2:.3g} of an image on "
                f"average, and the rate is {rate:.3g}; lower the rate or set pattern.area=null"
            )

    def implied_rate(self, features: Features) -> float | None:
        """The mean area times the chance of a rectangle, where both are given."""
        if self.area is None:
            if self.applied is not None:
                raise ConfigError(
                    f"pattern.applied={self.applied} goes with an area; set pattern.area=[low,high] as well"
                )
            return None
        if len(self.area) != 2 or not 0 < self.area[0] <= self.area[1] <= 1:
            raise ConfigError(
                f"pattern.area={list(self.area)} is not [low, high] with 0 < low <= high <= 1; "
                "give shares of the image, as [0.02, 0.4]"
            )
        if self.applied is None:
            return None
        if not 0 < self.applied <= 1:
            raise ConfigError(f"pattern.applied is the chance of a rectangle and lies in (0, 1], not {self.applied}")
        return self.applied * sum(self.area) / 2

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        import numpy as np

        _, _, rows, columns = batch.inputs.shape
        coin, place, aspect, dither, top, left = uniform((6, len(batch)), generator).double().numpy()
        areas = self._shares(rates.numpy(), coin, place) * (rows * columns)
        height = heights(areas, (rows, columns), self.min_aspect, aspect)
        width = np.floor(areas / height + dither).clip(max=columns)
        return crossed(within(height, top, rows), within(width, left, columns))

    def _shares(self, rates: Numbers, coin: Numbers, place: Numbers) -> Numbers:
        """The share of the image to hide in each sample (B,)."""
        if self.area is None:
            return rates.repeat(len(coin)) if len(rates) == 1 else rates
        low, high = self.area
        return (coin < rates * 2 / (low + high)) * (low + (high - low) * place)


@dataclass(frozen=True)
class Rectangles(Pattern):
    """`holes` equal squares per sample, wholly inside the image, that may overlap, as in CoarseDropout.

    Their side is solved from the rate with all overlaps counted; where it passes the shorter side of
    the image the squares become strips. `side` in pixels, given directly, amounts to a rate of its own.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    nested: ClassVar[bool] = False
    holes: int = 8
    side: int | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse a number of squares below one."""
        self.require_kind(features)
        self._check_holes()

    def implied_rate(self, features: Features) -> float | None:
        """The share that squares of a given side cover."""
        if self.side is None:
            return None
        self._check_holes()
        _, rows, columns = features.shape
        if not 0 <= self.side <= max(rows, columns):
            raise ConfigError(
                f"pattern.side={self.side} pixels does not fit into images of {rows} x {columns}; "
                f"use 0 to {max(rows, columns)}"
            )
        return coverage(rows, columns, self.holes)[self.side]

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        import numpy as np
        import torch

        samples, _, rows, columns = batch.inputs.shape
        dither = uniform((samples,), generator)
        top, left = uniform((2, samples, self.holes), generator).double().numpy()
        side = mixed(torch.tensor(coverage(rows, columns, self.holes)), rates, dither).double().numpy()[:, None]
        # eight squares lie in the bits of one byte, and cross in one step
        down = np.packbits(within(side.clip(max=rows), top, rows), axis=1)
        across = np.packbits(within(side.clip(max=columns), left, columns), axis=1)
        met = crossed(down[:, 0], across[:, 0])
        for eight in range(1, down.shape[1]):
            met |= crossed(down[:, eight], across[:, eight])
        return torch.from_numpy(met.numpy() != 0)

    def _check_holes(self) -> None:
        if type(self.holes) is not int or self.holes < 1:
            raise ConfigError(f"pattern.holes is a number of squares and at least 1, not {self.holes}")


def heights(areas: Numbers, size: tuple[int, int], min_aspect: float, draws: Numbers) -> Numbers:
    """Whole heights (B,) of rectangles of `areas` (B,) pixels inside an image of `size` (H, W).

    Height over width is log-uniform on [min_aspect, 1 / min_aspect] by the uniform `draws` (B,), cut
    to what fits; a width of areas / height then lies within the image. NumPy takes a third of
    torch's time for so few numbers.
    """
    import numpy as np

    rows, columns = size
    flattest = areas / columns**2
    tallest = rows**2 / np.maximum(areas, 1e-9)
    low, high = np.maximum(flattest, min_aspect), np.minimum(tallest, 1 / min_aspect)
    aspect = low * (high / low) ** draws
    wanted = np.minimum(np.rint(np.sqrt(areas * aspect)), np.floor(areas))
    return np.maximum(wanted, np.ceil(areas / columns)).clip(1, rows)


def within(length: Numbers, draws: Numbers, cells: int) -> NDArray[np.bool_]:
    """Cells (..., n) of windows of `length` (...) whose start is uniform where they fit, by `draws` (...)."""
    import numpy as np

    start = np.floor(draws * (cells - length + 1)).astype(np.int32)[..., None]
    position = np.arange(cells, dtype=np.int32)
    return (start <= position) & (position < start + length.astype(np.int32)[..., None])


@lru_cache(maxsize=64)
def coverage(rows: int, columns: int, holes: int) -> tuple[float, ...]:
    """Expected share of an image under `holes` squares inside it, by side from 0 to the one that covers all."""
    shares = []
    for side in range(max(rows, columns) + 1):
        (down, row_share), (across, column_share) = (_chances(side, cells) for cells in (rows, columns))
        missed = (1 - down[:, None] * across[None, :]) ** holes
        shares.append(float(1 - row_share @ missed @ column_share))
    return tuple(shares)


def _chances(side: int, cells: int) -> tuple[Numbers, Numbers]:
    """(chances that a window inside covers a cell of an axis, share of the cells with that chance)."""
    import numpy as np

    side = min(side, cells)
    position = np.arange(cells)
    starts = np.minimum(np.minimum(position + 1, cells - position), min(side, cells - side + 1))
    different, count = np.unique(starts, return_counts=True)
    return different / (cells - side + 1), count / cells


def require_aspect(min_aspect: float) -> None:
    """Refuse a smallest aspect outside (0, 1]."""
    if not 0 < min_aspect <= 1:
        raise ConfigError(
            f"pattern.min_aspect is the height over the width of the flattest rectangle and lies in (0, 1], "
            f"not {min_aspect}; 1 makes squares"
        )
