"""What stands in a hidden cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from maskbench.masks.mask import Context

NOISE_MODES = ("replace", "add", "scale")


@dataclass(frozen=True)
class Zero:
    """Hidden cells become 0, which is the mean of standardised inputs."""

    def check(self, features: Features) -> None:
        """Fits all data."""

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Zeros where hidden, also in place of NaN and infinity."""
        return inputs.masked_fill(hidden, 0)

    def expected_scale(self, rate: float) -> float | None:
        """A cell is kept with probability 1 - rate."""
        return 1 - rate


@dataclass(frozen=True)
class Mean:
    """Hidden cells become the train mean of their column or channel."""

    def check(self, features: Features) -> None:
        """Fits all data."""

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The train mean where hidden."""
        return context.mean.to(inputs).where(hidden, inputs)

    def expected_scale(self, rate: float) -> float | None:
        """The mean is not a factor of the input."""
        return None


@dataclass(frozen=True)
class Noise:
    """Hidden cells meet Gaussian noise: N(mean, std) of the column instead (`replace`), added, or as a factor.

    `std` is in standard deviations of the column or channel for `replace` and `add` (Bishop 1995),
    and of the factor around 1 for `scale` (Srivastava et al. 2014, section 10).
    """

    mode: str = "replace"
    std: float = 1.0

    def check(self, features: Features) -> None:
        """Refuse an unknown mode or a negative spread."""
        if self.mode not in NOISE_MODES:
            raise ConfigError(f"fill.mode is one of {', '.join(NOISE_MODES)}, not '{self.mode}'")
        if not 0 <= self.std < float("inf"):
            raise ConfigError(f"fill.std is a spread of at least 0, not {self.std}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Noise where hidden."""
        import torch

        noise = torch.randn(inputs.shape, generator=generator).to(inputs) * self.std
        if self.mode == "scale":
            noisy = inputs * (1 + noise)
        else:
            base = inputs if self.mode == "add" else context.mean.to(inputs)
            noisy = base + noise * context.std.to(inputs)
        return noisy.where(hidden, inputs)

    def expected_scale(self, rate: float) -> float | None:
        """Noise keeps the expected input, or replaces it."""
        return None


@dataclass(frozen=True)
class Scale:
    """Hidden cells are multiplied by U(low, 1), the noise of the article maskbench starts from."""

    low: float = 0.0

    def check(self, features: Features) -> None:
        """Refuse a lower end outside [0, 1)."""
        if not 0 <= self.low < 1:
            raise ConfigError(f"fill.low is the smallest factor and lies in [0, 1), not {self.low}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The input times its factor where hidden."""
        factor = self.low + (1 - self.low) * uniform(tuple(inputs.shape), generator).to(inputs)
        return (inputs * factor).where(hidden, inputs)

    def expected_scale(self, rate: float) -> float | None:
        """The mean factor is (1 + low) / 2 on a share `rate` of the cells."""
        return 1 - rate * (1 - self.low) / 2


@dataclass(frozen=True)
class Swap:
    """Hidden cells take the value of the same cell in a random train row, drawn per cell (SCARF, Bahri et al. 2022)."""

    def check(self, features: Features) -> None:
        """Fits all data."""

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Marginal draws where hidden; the channels of a pixel come from one donor."""
        rows = context.rows
        drawn = uniform((len(inputs), *hidden.shape[1:]), generator) * len(rows)
        donor = drawn.long().clamp_(max=len(rows) - 1).to(inputs.device)
        return rows.to(inputs).gather(0, donor.expand(inputs.shape)).where(hidden, inputs)

    def expected_scale(self, rate: float) -> float | None:
        """Another row's value is not a factor of the input."""
        return None
