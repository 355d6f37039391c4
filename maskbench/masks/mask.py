"""A mask: pattern, fill, rate and rescale in one value that turns a batch into a masked batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor

RESCALES = ("none", "inverted")


@dataclass(frozen=True)
class Context:
    """What a fill may know: statistics of the preprocessed train part and its rows as donors.

    `mean` and `std` broadcast against one example: (F,) for columns, (C, 1, 1) for images;
    `rows` is (N, *shape).
    """

    mean: Tensor
    std: Tensor
    rows: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Context:
        """The context of train inputs (N, F) or (N, C, H, W)."""
        axes = (0, 2, 3) if rows.ndim == 4 else (0,)
        mean, std = rows.mean(axes, keepdim=True)[0], rows.std(axes, correction=0, keepdim=True)[0]
        return cls(mean, std, rows)


class Pattern(Protocol):
    """Decides which cells are hidden, independently per sample unless `scope` is `batch`."""

    scope: ClassVar[str]

    def check(self, features: Features, rate: float) -> None:
        """Raise ConfigError where the pattern does not fit the data or cannot reach the rate."""

    def sample(self, shape: Shape, rate: float, generator: Generator) -> Tensor:
        """`hidden`, bool, True = hidden, of a shape that broadcasts against `shape`, on the CPU.

        What is drawn does not depend on `rate`, so cells hidden at a low rate stay hidden at a
        higher one with the same stream.
        """


class Fill(Protocol):
    """Decides what stands in a hidden cell."""

    def check(self, features: Features) -> None:
        """Raise ConfigError where the fill's settings cannot be used on the data."""

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """A new tensor like `inputs` with other values where `hidden` is true."""

    def expected_scale(self, rate: float) -> float | None:
        """The factor by which the fill shrinks an input on average; None where it is no factor."""


class Masked(NamedTuple):
    """A masked batch and what was hidden in it; `hidden` broadcasts against `inputs`."""

    inputs: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class Mask:
    """A rule for hiding: `rate` is the expected share of hidden cells, in [0, 1]."""

    pattern: Pattern
    fill: Fill
    rate: float
    rescale: str = "none"

    def check(self, features: Features) -> None:
        """Raise ConfigError where rate, rescale, pattern and fill cannot be had together on the data."""
        if isinstance(self.rate, bool) or not 0 <= self.rate <= 1:
            raise ConfigError(f"rate is the share of hidden cells and lies in [0, 1], not {self.rate}")
        if self.rescale not in RESCALES:
            raise ConfigError(f"rescale is one of {', '.join(RESCALES)}, not '{self.rescale}'")
        if self.rescale == "inverted" and self.fill.expected_scale(self.rate) is None:
            raise ConfigError("rescale=inverted undoes a fill that shrinks the input (zero, scale); use rescale=none")
        self.pattern.check(features, self.rate)
        self.fill.check(features)

    def __call__(self, inputs: Tensor, generator: Generator, context: Context) -> Masked:
        """Mask a batch (B, ...); at rate 0 the very inputs come back and nothing is drawn."""
        if self.rate == 0:
            import torch

            return Masked(inputs, torch.zeros((), dtype=torch.bool))
        hidden = self.pattern.sample(tuple(inputs.shape), self.rate, generator).to(inputs.device)
        filled = self.fill.apply(inputs, hidden, generator, context)
        return Masked(self._rescaled(filled), hidden)

    def _rescaled(self, filled: Tensor) -> Tensor:
        scale = self.fill.expected_scale(self.rate)
        if self.rescale == "none" or scale is None or math.isclose(scale, 0):
            return filled
        return filled / scale
