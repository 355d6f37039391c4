"""What a pattern and a fill are: subclass these two for your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from maskbench.description import KINDS, Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch

if TYPE_CHECKING:
    from torch import Generator, Tensor

Place = Literal["input", "model"]
FLOATS: tuple[Kind, ...] = ("columns", "image", "sequence")
ADVICE: dict[Kind, str] = {
    "columns": "bernoulli, exact_count or swap_noise",
    "image": "bernoulli, block or random_erasing",
    "sequence": "bernoulli, span_markov or spec_time",
    "tokens": "bert, word_deletion or unk_dropout",
}
"""What to use instead, by kind of data."""


@dataclass(frozen=True)
class Context:
    """What masks may know of the train part: its preprocessed rows (N, *shape), their kind and their statistics.

    Statistics are per column (F,), channel of an image (C, 1, 1) or channel of a sequence (C,), so
    that they broadcast against one example; numbers that are not there (NaN) are left out.
    """

    rows: Tensor
    features: Features

    @cached_property
    def mean(self) -> Tensor:
        """Means."""
        return self.rows.nanmean(self._axes, keepdim=True)[0].squeeze(self._spare)

    @cached_property
    def std(self) -> Tensor:
        """Standard deviations over the rows, without Bessel's correction."""
        return (self.rows - self.mean).square().nanmean(self._axes, keepdim=True)[0].sqrt().squeeze(self._spare)

    @cached_property
    def low(self) -> Tensor:
        """Smallest values."""
        return self.rows.nan_to_num(float("inf")).amin(self._axes, keepdim=True)[0].squeeze(self._spare)

    @cached_property
    def high(self) -> Tensor:
        """Largest values."""
        return self.rows.nan_to_num(-float("inf")).amax(self._axes, keepdim=True)[0].squeeze(self._spare)

    @property
    def _axes(self) -> tuple[int, ...]:
        return {2: (0,), 3: (0, 1), 4: (0, 2, 3)}[self.rows.ndim]

    @property
    def _spare(self) -> tuple[int, ...]:
        """Axes of one example that need no keeping: a sequence's (1, C) is (C,)."""
        return (0,) if self.rows.ndim == 3 else ()


class Pattern(ABC):
    """Decides which cells are hidden.

    Make a frozen dataclass of your subclass: its fields are the settings of `mask.pattern`.
    """

    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    """The data it fits."""
    places: ClassVar[tuple[Place, ...]] = ("input",)
    """Where it works: on the input, inside a model, or both."""
    nested: ClassVar[bool] = True
    """Whether cells hidden at a low rate stay hidden at a higher one with the same stream."""

    @property
    def scope(self) -> Literal["sample", "batch"]:
        """Whether samples are hidden independently or share one draw per batch."""
        return "sample"

    @property
    def shares_counts(self) -> bool:
        """Whether samples of a batch, independent otherwise, share how a count is rounded."""
        return False

    @property
    def scored(self) -> Literal["", "cell", "sample"]:
        """What the model in training has to score for this pattern: nothing, cells or samples."""
        return ""

    def check(self, features: Features, rate: float) -> None:
        """Raise ConfigError where the pattern does not fit the data or cannot reach the rate."""
        self.require_kind(features)

    def require_kind(self, features: Features) -> None:
        """Refuse data of a kind that is not in `kinds`."""
        if features.kind not in self.kinds:
            raise ConfigError(
                f"{type(self).__name__} hides cells of {' or '.join(self.kinds)}, and these data are {features.kind}; "
                f"use {ADVICE[features.kind]}"
            )

    def implied_rate(self, features: Features) -> float | None:
        """The rate that native parameters given directly (a side, a length) amount to; None where none is given."""
        return None

    def fit(self, context: Context) -> Self:
        """The pattern with what it has to learn from the train part; most learn nothing."""
        return self

    @abstractmethod
    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """`hidden`, bool, True = hidden, of a shape that broadcasts against `batch.cells`, on the CPU.

        `rates` are float64 in [0, 1], one per sample (B,) or one for all (1,). How much is drawn
        does not depend on them. Cells that are not eligible may come out hidden; the mask shows them.
        """


class Fill(ABC):
    """Decides what stands in a hidden cell; a frozen dataclass like a pattern."""

    kinds: ClassVar[tuple[Kind, ...]] = FLOATS
    """The data it fits."""
    places: ClassVar[tuple[Place, ...]] = ("input",)
    """Where it works: on the input, inside a model, or both."""
    keeps_one: ClassVar[bool] = False
    """Whether one cell of every sample has to stay; the mask then keeps one at random."""
    moves: ClassVar[bool] = False
    """Whether cells that stay visible may move, because hidden ones leave."""
    sparse: ClassVar[bool] = False
    """Whether hidden cells are 0, so that the rest can make up for them (`rescale=sparsity`)."""

    def check(self, features: Features) -> None:
        """Raise ConfigError where the fill's settings cannot be used on the data."""
        self.require_kind(features)

    def require_kind(self, features: Features) -> None:
        """Refuse data of a kind that is not in `kinds`."""
        if features.kind not in self.kinds:
            usual = "mask_token, unknown or remove" if features.kind == "tokens" else "zero, mean or swap"
            raise ConfigError(
                f"fill {type(self).__name__} writes into {' or '.join(self.kinds)}, "
                f"and these data are {features.kind}; use mask/fill={usual}"
            )

    def fit(self, context: Context) -> Self:
        """The fill with what it has to learn; most learn nothing."""
        return self

    @property
    def trained(self) -> bool:
        """Whether it has parameters that are trained along with the model."""
        return False

    def parameters(self) -> Iterable[Tensor]:
        """What is trained along with the model."""
        return ()

    @abstractmethod
    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """A new tensor like `inputs` (B, ...) with other values where `hidden`, bool and broadcasting, is true."""

    def expected_scale(self, rate: float | Tensor) -> float | Tensor | None:
        """The factor by which the fill shrinks an input on average; None where it is no factor."""
        return None
