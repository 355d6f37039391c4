"""Runs of steps and blocks of cells: a chain of two states, and starts that grow to a fixed size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, Shape, along, below, coins, uniform
from maskbench.masks.contract import Pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor


@dataclass(frozen=True)
class MarkovSpans(Pattern):
    """Runs from a chain of two states, hidden and visible, as Zerveas et al. 2021 (arXiv:2010.02803).

    `length` is the mean hidden run in steps; with `separate` every channel has a chain of its own.
    Above a rate of length / (length + 1) runs of that length would lie closer than one visible step,
    and the mean run is rate / (1 - rate) instead. The chain starts in balance, so that every step is
    hidden with probability `rate`, whatever is padded or missing around it.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("sequence", "tokens")
    nested: ClassVar[bool] = False
    length: float = 3.0
    separate: bool = True

    def check(self, features: Features, rate: float) -> None:
        """Refuse runs shorter than a step."""
        self.require_kind(features)
        if not 1 <= self.length < math.inf:
            raise ConfigError(f"pattern.length is the mean run in steps, at least 1, not {self.length}")

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden steps (B, T), (B, T, C), or (B, T, 1) without `separate`."""
        samples, steps = batch.inputs.shape[:2]
        channels = math.prod(batch.cells[2:]) if self.separate else 1
        draws = uniform((samples, channels, steps), generator)
        first, enter, stay = (along(chance.float(), 3) for chance in (rates, *self._chances(rates)))
        if_visible, if_hidden = below(draws, enter), below(draws, stay)
        if_visible[..., 0] = if_hidden[..., 0] = below(draws[..., 0], first[..., 0])
        hidden = follow(if_visible, if_hidden)
        return hidden[:, 0] if batch.inputs.ndim == 2 else hidden.transpose(1, 2)

    def _chances(self, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of a hidden step after a visible and after a hidden one."""
        dense = rates > self.length / (self.length + 1)
        enter = (rates / (self.length * (1 - rates))).where(~dense, 1.0)
        stay = (2 - 1 / rates).where(dense, 1 - 1 / self.length)
        return enter, stay


def follow(if_visible: Tensor, if_hidden: Tensor) -> Tensor:
    """The states of chains (..., T) that go on to `if_hidden` after a hidden step and to `if_visible` after a visible.

    Where the two agree, the past does not matter; where they do not, the state is kept or turned
    over. So each state is the last one that was settled, turned over as often as asked since.
    """
    import torch

    turned = if_visible & ~if_hidden
    parity = (turned.cumsum(-1, dtype=torch.int32) & 1).bool() if turned.any() else None
    value = if_visible if parity is None else if_visible ^ parity
    settled = (if_visible == if_hidden).int() * (2 * torch.arange(value.shape[-1], dtype=torch.int32) + value)
    state = (settled.cummax(-1).values & 1).bool()
    return state if parity is None else state ^ parity


@dataclass(frozen=True)
class FixedSpans(Pattern):
    """Spans of `length` steps that may overlap, as wav2vec 2.0 and data2vec (Baevski et al. 2020, 2022).

    Every step starts a span with the same chance, solved from the rate; given directly, that chance
    `starts` amounts to a rate of its own. With `separate` every channel has spans of its own.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("sequence", "tokens")
    length: int = 3
    separate: bool = False
    starts: float | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse spans longer than the data."""
        self.require_kind(features)
        refuse_size("length", self.length, features.shape[0], "steps")

    def implied_rate(self, features: Features) -> float | None:
        """The share that spans with these starts cover."""
        return implied(self.starts, self.length)

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden steps (B, T), (B, T, 1), or (B, T, C) with `separate`."""
        channels = batch.cells[2:] if self.separate else (1,) * (batch.inputs.ndim - 2)
        return grown((*batch.inputs.shape[:2], *channels), (self.length,), rates, generator)


@dataclass(frozen=True)
class BlockSeeds(Pattern):
    """Blocks of steps x neighbouring channels that may overlap, as `block_missing` of PyGrinder.

    Blocks of `time_cells` x `channel_cells` start anywhere with the same chance, solved from the
    rate; given directly, that chance `starts` amounts to a rate of its own.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("sequence",)
    time_cells: int = 3
    channel_cells: int = 2
    starts: float | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse blocks larger than the window."""
        self.require_kind(features)
        refuse_size("time_cells", self.time_cells, features.shape[0], "steps")
        refuse_size("channel_cells", self.channel_cells, features.shape[1], "channels")

    def implied_rate(self, features: Features) -> float | None:
        """The share that blocks with these starts cover."""
        return implied(self.starts, self.time_cells * self.channel_cells)

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden cells (B, T, C)."""
        return grown(batch.cells, (self.time_cells, self.channel_cells), rates, generator)


@dataclass(frozen=True)
class DropBlock(Pattern):
    """Squares of an image that may overlap, as DropBlock (Ghiasi et al. 2018, arXiv:1810.12890).

    Squares of `side` pixels start anywhere with the same chance, solved from the rate; given
    directly, that chance `starts` amounts to a rate of its own.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)
    side: int = 7
    starts: float | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse squares larger than the image."""
        self.require_kind(features)
        refuse_size("side", self.side, min(features.shape[1:]), "pixels")

    def implied_rate(self, features: Features) -> float | None:
        """The share that squares with these starts cover."""
        return implied(self.starts, self.side**2)

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        return grown(batch.cells, (1, self.side, self.side), rates, generator)


def grown(shape: Shape, sizes: Sequence[int], rates: Tensor, generator: Generator) -> Tensor:
    """Cells of `shape` (B, ...) under blocks of `sizes`, one per axis after the first, with a coin for each start.

    Starts lie on a field that is size - 1 longer at the leading side, so that equally many of them
    reach every cell and the share is 1 - (1 - starts) ** cells everywhere, at the border as well.
    """
    import numpy as np
    import torch

    sizes = (*sizes, *(1,) * (len(shape) - 1 - len(sizes)))
    field = (shape[0], *(cells + size - 1 for cells, size in zip(shape[1:], sizes, strict=True)))
    starts = -torch.expm1(torch.log1p(-rates) / math.prod(sizes))
    hidden = coins(field, starts, generator).numpy().copy()
    for axis, size in enumerate(sizes, 1):
        _grow(hidden.reshape(-1), math.prod(field[axis + 1 :]), size)
    # what ran over from one row into the next lies in the margin, which goes
    return torch.from_numpy(np.ascontiguousarray(hidden[tuple(slice(cells) for cells in shape)]))


def _grow(seeds: NDArray[np.bool_], stride: int, size: int) -> None:
    """Overwrite each of the flat `seeds` by whether any of `size` from there on, `stride` apart, is one.

    The reach doubles at each pass.
    """
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        seeds[: -step * stride] |= seeds[step * stride :]
        reach += step


def implied(starts: float | None, cells: int) -> float | None:
    """The share under blocks of `cells` that start with this probability."""
    if starts is None:
        return None
    if not 0 <= starts <= 1:
        raise ConfigError(f"pattern.starts is a probability from 0 to 1, not {starts}")
    return 1 - (1 - starts) ** cells


def refuse_size(name: str, size: int, most: int, unit: str) -> None:
    """Refuse a size that is no whole number from 1 to `most`."""
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= most:
        raise ConfigError(f"pattern.{name}={size} is not a whole number from 1 to {most}, the {unit} of these data")
