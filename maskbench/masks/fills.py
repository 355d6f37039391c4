"""What stands in a hidden cell: plain values, noise and values of other rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import as_columns, select, uniform
from maskbench.masks.contract import Context, Fill, Place

if TYPE_CHECKING:
    from torch import Generator, Tensor

NOISE_MODES = ("replace", "add", "scale")
SOURCES = ("train", "batch")


@dataclass(frozen=True)
class Zero(Fill):
    """Hidden cells become 0, which is the mean of standardised inputs."""

    places: ClassVar[tuple[Place, ...]] = ("input", "model")
    sparse: ClassVar[bool] = True

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Zeros where hidden, also in place of NaN and infinity."""
        return select(hidden, 0, inputs)

    def expected_scale(self, rate: float | Tensor) -> float | Tensor | None:
        """A cell is kept with probability 1 - rate."""
        return 1 - rate


@dataclass(frozen=True)
class Constant(Fill):
    """Hidden cells become `value`, in the units of the preprocessed inputs."""

    places: ClassVar[tuple[Place, ...]] = ("input", "model")
    value: float = 0.0

    def check(self, features: Features) -> None:
        """Refuse what is no finite number."""
        self.require_kind(features)
        if not math.isfinite(self.value):
            raise ConfigError(f"fill.value is a finite number, not {self.value}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The value where hidden."""
        return select(hidden, self.value, inputs)


@dataclass(frozen=True)
class Mean(Fill):
    """Hidden cells become the train mean of their column or channel."""

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The train mean where hidden."""
        return select(hidden, context.mean.to(inputs), inputs)


@dataclass(frozen=True)
class Noise(Fill):
    """Hidden cells meet Gaussian noise: N(mean, std) of the column instead (`replace`), added, or as a factor.

    `std` is in standard deviations of the column or channel for `replace` and `add` (Bishop 1995),
    and of the factor around 1 for `scale` (Srivastava et al. 2014, section 10).
    """

    mode: str = "replace"
    std: float = 1.0

    def check(self, features: Features) -> None:
        """Refuse an unknown mode or a negative spread."""
        self.require_kind(features)
        if self.mode not in NOISE_MODES:
            raise ConfigError(f"fill.mode is one of {', '.join(NOISE_MODES)}, not '{self.mode}'")
        if not 0 <= self.std < float("inf"):
            raise ConfigError(f"fill.std is a spread of at least 0, not {self.std}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Noise where hidden."""
        import torch

        noise = torch.randn(inputs.shape, generator=generator).to(inputs)
        if self.mode == "scale":
            noisy = noise.mul_(self.std).add_(1) * inputs
        else:
            noise *= context.std.to(inputs) * self.std
            noisy = noise + inputs if self.mode == "add" else noise.add_(context.mean.to(inputs))
        return select(hidden, noisy, inputs)


@dataclass(frozen=True)
class Scale(Fill):
    """Hidden cells are multiplied by U(low, 1), the noise of the article maskbench starts from."""

    places: ClassVar[tuple[Place, ...]] = ("input", "model")
    low: float = 0.0

    def check(self, features: Features) -> None:
        """Refuse a lower end outside [0, 1)."""
        self.require_kind(features)
        if not 0 <= self.low < 1:
            raise ConfigError(f"fill.low is the smallest factor and lies in [0, 1), not {self.low}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The input times its factor where hidden."""
        factor = self.low + (1 - self.low) * uniform(tuple(inputs.shape), generator).to(inputs)
        return select(hidden, inputs * factor, inputs)

    def expected_scale(self, rate: float | Tensor) -> float | Tensor | None:
        """The mean factor is (1 + low) / 2 on a share `rate` of the cells."""
        return 1 - rate * (1 - self.low) / 2


@dataclass(frozen=True)
class Swap(Fill):
    """Hidden cells take the value of the same cell in another row.

    `source` is `train` for rows of the train part, as SCARF (Bahri et al. 2022), or `batch` for the
    other rows of the batch, never the row itself, as VIME (Yoon et al. 2020); a batch of one has no
    other row and takes train rows. Each cell has a donor of its own, or with `joint` all hidden
    cells of a sample have the same one. Cells that a pattern hides as one, as the channels of a
    pixel, share a donor. A number that the donor lacks (NaN) is the train mean.
    """

    source: str = "train"
    joint: bool = False

    def check(self, features: Features) -> None:
        """Refuse an unknown source."""
        self.require_kind(features)
        if self.source not in SOURCES:
            raise ConfigError(f"fill.source is train or batch, not '{self.source}'")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """A donor's value where hidden."""
        import torch

        other_rows = self.source == "batch" and len(inputs) > 1
        rows = inputs if other_rows else context.rows
        units = (1,) * (inputs.ndim - 1) if self.joint else cells_of(hidden, context)
        donors = torch.randint(len(rows) - other_rows, (len(inputs), *units), generator=generator)
        if other_rows:
            donors += donors >= torch.arange(len(inputs)).view(-1, *(1,) * len(units))
        donors = as_columns(donors, context.features)
        if self.joint:
            values = rows.index_select(0, donors.view(-1).to(rows.device))
        elif not other_rows and on_numpy(rows) and on_numpy(inputs):
            return _picked(rows, donors, hidden, inputs, context)
        else:
            values = rows.gather(0, donors.to(rows.device).expand(inputs.shape))
        if values.detach().sum().isnan():
            values = values.where(~values.isnan(), context.mean.to(values))
        return select(hidden, values.to(inputs), inputs)


def cells_of(hidden: Tensor, context: Context) -> tuple[int, ...]:
    """The shape of what is hidden of a sample, a block of columns that make one cell counted as one."""
    shape, blocks = tuple(hidden.shape[1:]), context.features.blocks
    return (len(blocks),) if blocks and shape == context.features.shape else shape


def on_numpy(values: Tensor) -> bool:
    """Whether NumPy can work on these values: float32 on the CPU, without a gradient to keep track of."""
    import torch

    return values.dtype == torch.float32 and values.device.type == "cpu" and not values.requires_grad


def _picked(rows: Tensor, donors: Tensor, hidden: Tensor, inputs: Tensor, context: Context) -> Tensor:
    """The inputs with the hidden cells fetched one by one: train rows are too many to fit a processor's cache."""
    import numpy as np
    import torch

    cells = np.flatnonzero(np.broadcast_to(hidden.numpy(), inputs.shape))
    size = math.prod(inputs.shape[1:])
    place = cells % max(size, 1)
    values = rows.numpy().reshape(-1).take(donors.expand(inputs.shape).numpy().reshape(-1)[cells] * size + place)
    missing = np.isnan(values)
    if missing.any():
        values[missing] = context.mean.expand(inputs.shape[1:]).numpy().reshape(-1)[place[missing]]
    filled = inputs.numpy().copy()
    filled.reshape(-1)[cells] = values
    return torch.from_numpy(filled)
