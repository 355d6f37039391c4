"""Strips across the whole of a sequence: stretches of time, bands of channels, or both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, mixed, uniform
from maskbench.masks.contract import Pattern

if TYPE_CHECKING:
    from torch import Generator, Tensor

AXES = ("time", "channel", "both")
BEYOND = 1.5
"""Where no share lies."""
AT_ONCE = 2**20
"""Numbers to hold at once."""


@dataclass(frozen=True)
class Axis:
    """One axis of every sample without the places that may not be hidden.

    `counts` (B,) are the places left of each sample, numbered from 0; `rank` (B, n) is the number
    of each place of the axis, and `eligible` (B, n) tells which are left, None where all are.
    """

    counts: Tensor
    rank: Tensor
    eligible: Tensor | None = None

    @classmethod
    def of(cls, eligible: Tensor | None, samples: int, length: int) -> Axis:
        """The axis of `length` places of which only the `eligible` (B, n) are left."""
        import torch

        if eligible is None:
            return cls(torch.full((samples,), length), torch.arange(length).expand(samples, length))
        rank = eligible.cumsum(1)
        return cls(rank[:, -1].clone(), rank.sub_(1).clamp_min_(0), eligible)

    @classmethod
    def of_steps(cls, batch: Batch) -> Axis:
        """The steps of a sequence that have a value in some channel, or the tokens that stand for text."""
        eligible = batch.eligible
        if eligible is not None and eligible.ndim == 3:
            eligible = eligible.any(2)
        return cls.of(eligible, *batch.inputs.shape[:2])

    @classmethod
    def of_channels(cls, batch: Batch) -> Axis:
        """The channels of a sequence that have a value at some step."""
        eligible = None if batch.eligible is None else batch.eligible.any(1)
        return cls.of(eligible, len(batch), batch.inputs.shape[2])

    def spread(self, hidden: Tensor) -> Tensor:
        """What is hidden (B, n) among the places left, taken back to all places of the axis."""
        return hidden if self.eligible is None else hidden.gather(1, self.rank) & self.eligible


@dataclass(frozen=True)
class Strips(Pattern):
    """Strips of random width and place, as the masks of SpecAugment (Park et al. 2019, arXiv:1904.08779).

    `strips` of them lie on the `axis` time or channel, each of a width from 0 to W with a uniform
    start, and may overlap; W is solved from the rate for the length of each sample. Where even the
    full length is too little for the rate, the least width rises from 0 as well. With `both`, time and
    channels take equal parts, 1 - sqrt(1 - rate) each. `width` gives W in cells directly. The rate is
    a share of steps or channels with any value; single values missing in them are not made up for.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("sequence",)
    axis: str = "time"
    strips: int = 1
    width: int | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse unknown axes, no strips, and bands of a single channel."""
        self.require_kind(features)
        if self.axis not in AXES:
            raise ConfigError(f"pattern.axis is one of {', '.join(AXES)}, not '{self.axis}'")
        if isinstance(self.strips, bool) or not isinstance(self.strips, int) or self.strips < 1:
            raise ConfigError(f"pattern.strips is a whole number from 1, not {self.strips}")
        if self.axis != "time" and features.shape[1] < 2:
            raise ConfigError("it hides some channels and keeps others, and these data have one; use spec_time")

    def implied_rate(self, features: Features) -> float | None:
        """The share that strips of a given greatest width cover."""
        if self.width is None:
            return None
        self.check(features, 0.0)
        if self.axis == "both":
            raise ConfigError("pattern.width is a width on one axis, and pattern.axis is both; set mask.rate instead")
        cells = features.shape[0 if self.axis == "time" else 1]
        if not 0 <= self.width <= cells:
            raise ConfigError(f"pattern.width={self.width} is not between 0 and {cells}, the length of the axis")
        return float(covered(cells, self.strips)[self.width])

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden steps (B, T, 1), channels (B, 1, C), or the cells of either (B, T, C)."""
        if self.axis == "both":
            rates = 1 - (1 - rates).sqrt()
        if self.axis == "channel":
            return self._on(Axis.of_channels(batch), rates, generator)[:, None]
        steps = self._on(Axis.of_steps(batch), rates, generator)[:, :, None]
        return steps if self.axis == "time" else steps | self._on(Axis.of_channels(batch), rates, generator)[:, None]

    def _on(self, axis: Axis, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden places of an axis (B, n)."""
        import torch

        cells = axis.counts
        reach = reaches(cells, self.strips, rates, uniform((len(cells),), generator))
        least = (reach - cells).clamp_min(0)
        draws = uniform((2, self.strips, len(cells)), generator).double()
        widths = least + (draws[0] * (torch.minimum(reach, cells) - least + 1)).long()
        starts = (draws[1] * (cells - widths + 1)).long()
        place = torch.arange(axis.rank.shape[1])
        hidden = torch.zeros(axis.rank.shape, dtype=torch.bool)
        for start, end in zip(starts[:, :, None], (starts + widths)[:, :, None], strict=True):
            hidden |= (start <= place) & (place < end)
        return axis.spread(hidden)


def reaches(cells: Tensor, strips: int, rates: Tensor, dither: Tensor) -> Tensor:
    """The entry of `covered` for each sample (B,), by its `cells` (B,), with exactly the wanted shares."""
    from torch.nn.utils.rnn import pad_sequence

    lengths, row = cells.clamp_min(1).unique(return_inverse=True)
    if not len(cells):
        return cells
    tables = [covered(length, strips) for length in lengths.tolist()]
    if len(tables) == 1:
        return mixed(tables[0], rates, dither)
    table = pad_sequence(tables, batch_first=True, padding_value=BEYOND)
    table += 2 * lengths.new_tensor(range(len(lengths)))[:, None]  # one after the other in a single rising list
    found: Tensor = mixed(table.flatten(), rates + 2 * row, dither) - row * table.shape[1]
    return found


@lru_cache(maxsize=4096)
def covered(cells: int, strips: int) -> Tensor:
    """Expected share of an axis under `strips`, by reach from 0 to 2 * cells, float64.

    Widths are uniform from 0 to the reach, and beyond reach = cells from reach - cells to cells.
    One strip of width w covers place i from min(i + 1, w, cells - w + 1, cells - i) of its
    cells - w + 1 starts.
    """
    import numpy as np
    import torch

    if strips == 1:
        return torch.arange(2 * cells + 1, dtype=torch.float64) / (2 * cells)
    widths = np.arange(cells + 1)[:, None]
    starts = cells - widths + 1
    half = np.arange(1, (cells + 1) // 2 + 1)  # the other half is its mirror image
    table = np.zeros(2 * cells + 1)
    for nearest in np.array_split(half, 1 + cells * len(half) // AT_ONCE):
        single = np.minimum(np.minimum(nearest, widths), starts) / starts
        low, high = (np.cumsum(part, axis=0) / (widths + 1) for part in (single, single[::-1]))
        shares = 1 - (1 - np.concatenate([low, high[-2::-1]])) ** strips
        table += shares @ np.where(2 * nearest > cells, 1.0, 2.0)
    return torch.from_numpy(table / cells)
