"""Schedules: how the rate moves over training. `mask.rate` is its mean under every schedule.

A rate r can move within r - d and r + d, where d = spread * min(r, 1 - r); so schedules are compared
at equal mean rate, and a sweep over rates keeps its meaning under each.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskbench.errors import ConfigError

if TYPE_CHECKING:
    from torch import Generator, Tensor

PER = ("batch", "sample")
DIRECTIONS = ("up", "down")


@dataclass(frozen=True)
class Moment:
    """Where training stands: the epoch and the step, both from 0, of how many."""

    epoch: int = 0
    step: int = 0
    steps: int = 1

    @property
    def progress(self) -> float:
        """From 0 at the first step to 1 at the last; 0.5 where there is one step only."""
        return self.step / (self.steps - 1) if self.steps > 1 else 0.5


class Schedule(ABC):
    """The rate as a function of the moment; a frozen dataclass without state."""

    def check(self) -> None:  # noqa: B027 (most have nothing to refuse)
        """Raise ConfigError for settings that cannot be."""

    def reach(self, rate: float) -> tuple[float, float]:
        """The smallest and the largest rate that come up."""
        return rate, rate

    @abstractmethod
    def rates(self, rate: float, moment: Moment, samples: int, generator: Generator) -> Tensor:
        """Rates of one batch, float64: (1,), or one per sample (samples,)."""


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout."""

    def rates(self, rate: float, moment: Moment, samples: int, generator: Generator) -> Tensor:
        """The rate itself."""
        return _one(rate)


@dataclass(frozen=True)
class _Moving(Schedule):
    """A schedule that moves around the rate; `spread` 1 goes as far as 0 or 1, whichever is nearer."""

    spread: float = 1.0

    def check(self) -> None:
        """Refuse a spread outside (0, 1]."""
        if not 0 < self.spread <= 1:
            raise ConfigError(f"schedule.spread is how far the rate moves and lies in (0, 1], not {self.spread}")

    def reach(self, rate: float) -> tuple[float, float]:
        """From rate - d to rate + d."""
        away = self.spread * min(rate, 1 - rate)
        return rate - away, rate + away

    def _at(self, rate: float, position: float) -> float:
        """The rate at a position from 0 (lowest) to 1 (highest)."""
        low, high = self.reach(rate)
        return low + (high - low) * position


@dataclass(frozen=True)
class Ramp(_Moving):
    """From one end to the other over the steps: a straight line, or half a cosine wave where `cosine`.

    Rising masks come from DropBlock (Ghiasi et al. 2018) and GridMask (Chen et al. 2020), falling
    ones from language models (Ankner et al. 2024).
    """

    direction: str = "up"
    cosine: bool = False

    def check(self) -> None:
        """Refuse an unknown direction."""
        super().check()
        if self.direction not in DIRECTIONS:
            raise ConfigError(f"schedule.direction is up or down, not '{self.direction}'")

    def rates(self, rate: float, moment: Moment, samples: int, generator: Generator) -> Tensor:
        """The rate at this step, (1,)."""
        position = moment.progress
        if self.cosine:
            position = (1 - math.cos(math.pi * position)) / 2
        return _one(self._at(rate, position if self.direction == "up" else 1 - position))


@dataclass(frozen=True)
class Cyclic(_Moving):
    """Falls through `levels` rates, one an epoch, and starts again, as in TIACBM (Jarca et al. 2025)."""

    levels: int = 4

    def check(self) -> None:
        """Refuse fewer than two levels."""
        super().check()
        if self.levels < 2:
            raise ConfigError(f"schedule.levels is the number of rates in a cycle and at least 2, not {self.levels}")

    def rates(self, rate: float, moment: Moment, samples: int, generator: Generator) -> Tensor:
        """The rate of this epoch, (1,)."""
        return _one(self._at(rate, 1 - moment.epoch % self.levels / (self.levels - 1)))


@dataclass(frozen=True)
class Uniform(_Moving):
    """A uniform draw for every batch or every sample, so that the model meets all rates."""

    per: str = "sample"

    def check(self) -> None:
        """Refuse an unknown unit."""
        super().check()
        if self.per not in PER:
            raise ConfigError(f"schedule.per is batch or sample, not '{self.per}'")

    def rates(self, rate: float, moment: Moment, samples: int, generator: Generator) -> Tensor:
        """One rate (1,) or one per sample (samples,)."""
        import torch

        low, high = self.reach(rate)
        drawn = torch.rand(samples if self.per == "sample" else 1, generator=generator, dtype=torch.float64)
        return low + (high - low) * drawn


def _one(rate: float) -> Tensor:
    import torch

    return torch.tensor([rate], dtype=torch.float64)
