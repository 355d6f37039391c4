"""Cells, the units a pattern draws over, and the draws every pattern is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar

from maskbench.description import Features, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor

Shape = tuple[int, ...]
Bits = TypeVar("Bits", bound="np.integer")
LEVELS = 2**16
"""Thresholds a coin can have; see `coins`."""


@dataclass(frozen=True)
class Batch:
    """What a pattern may look at: inputs (B, ...), which of their cells may be hidden, and where training stands.

    `eligible` is bool of shape `cells`, None where every cell is; `scores` (B,) or `cells` come
    from the model in training, for patterns that ask for them; `progress` goes from 0 to 1.
    """

    inputs: Tensor
    features: Features
    eligible: Tensor | None = None
    scores: Tensor | None = None
    progress: float = 0.0

    @classmethod
    def of(cls, inputs: Tensor, features: Features) -> Batch:
        """A batch whose eligible cells are found in it: tokens that stand for text, numbers that are there."""
        return replace(cls(inputs, features), eligible=eligible_cells(inputs, features))

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def cells(self) -> Shape:
        """The shape of `hidden` with one entry per cell."""
        return cell_shape(tuple(self.inputs.shape))

    @cached_property
    def counts(self) -> Tensor:
        """Eligible cells of each sample (B,), int64."""
        import torch

        if self.eligible is None:
            return torch.full((len(self),), math.prod(self.cells[1:]))
        return self.eligible.flatten(1).sum(1)


def as_cells(values: Tensor, features: Features) -> Tensor:
    """Rows (N, F) with the first column of every block only, so that one column stands for a cell; all else as it is.

    The first column of an encoded category says whether it is the first, and is missing where the category is.
    """
    import torch

    return values.index_select(1, torch.tensor(features.firsts, device=values.device)) if features.blocks else values


def as_columns(values: Tensor, features: Features) -> Tensor:
    """What holds for cells (B, n) as what holds for columns (B, F): every column as its cell; all else as it is."""
    import torch

    if not features.blocks or values.shape[1] != len(features.blocks):
        return values
    return values.index_select(1, torch.tensor(features.owners))


def per_cell(values: Tensor, features: Features) -> Tensor:
    """Values of columns (B, F) added up within every block (B, n); all else as it is."""
    import torch

    if not features.blocks:
        return values
    sums = values.new_zeros((len(values), len(features.blocks)))
    return sums.index_add_(1, torch.tensor(features.owners, device=values.device), values)


def cell_shape(shape: Shape) -> Shape:
    """The shape of `hidden` for inputs of `shape`: an image's channels share one pixel cell.

    (B, F) -> (B, F); (B, T, C) -> (B, T, C); (B, C, H, W) -> (B, 1, H, W).
    """
    return (shape[0], 1, *shape[2:]) if len(shape) == 4 else shape


def eligible_cells(inputs: Tensor, features: Features) -> Tensor | None:
    """Cells that may be hidden, bool of the cells' shape on the CPU, or None for all of them.

    Reserved tokens may not, and numbers that are not there (NaN) are hidden already.
    """
    if features.vocabulary is not None:
        return looked_up(_ordinary(features.vocabulary), inputs)
    if not inputs.is_floating_point() or not math.isnan(inputs.detach().sum().item()):
        return None
    missing = inputs.isnan().cpu()
    if not missing.any():
        return None
    return ~(missing.any(1, keepdim=True) if inputs.ndim == 4 else missing)


@lru_cache(maxsize=16)
def _ordinary(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which ids stand for text."""
    import numpy as np

    flags = np.ones(vocabulary.size, dtype=bool)
    flags[list(vocabulary.reserved)] = False
    return flags


def looked_up(table: NDArray[np.bool_], tokens: Tensor) -> Tensor:
    """What a table by id says of each token; NumPy looks up three times faster than torch."""
    import torch

    return torch.from_numpy(table.take(tokens.cpu().numpy()))


def uniform(shape: Shape, generator: Generator) -> Tensor:
    """Uniform draws on [0, 1) in float32 on the CPU: half precision would bias a rate."""
    import torch

    return torch.rand(shape, generator=generator, dtype=torch.float32)


def bits(shape: Shape, kind: type[Bits], generator: Generator) -> NDArray[Bits]:
    """Random bits as integers of a `kind` of 16 or 32 bits, cut from 64-bit draws."""
    import numpy as np
    import torch

    size = math.prod(shape)
    words = torch.empty(-(-size * np.dtype(kind).itemsize // 8), dtype=torch.int64)
    return words.random_(-(2**63), None, generator=generator).numpy().view(kind)[:size].reshape(shape)


def along(values: Tensor, dimensions: int) -> Tensor:
    """One value per sample (B,), or one for all (1,), shaped to broadcast over `dimensions` axes."""
    return values.view(-1, *(1,) * (dimensions - 1))


def coins(shape: Shape, rates: Tensor, generator: Generator) -> Tensor:
    """Bool of `shape` on the CPU, each true with its sample's probability; `rates` (B,) or (1,).

    A coin takes 16 random bits, a third of the cost of a uniform number. The threshold
    rate * 65536 is rounded up or down at random, so the expected share is exactly the rate. NumPy
    compares ten times faster than torch on a CPU.
    """
    import numpy as np
    import torch

    draws = bits(shape, np.int16, generator)
    dither = torch.rand(1, generator=generator, dtype=torch.float64).item()
    if len(rates) == 1:
        level = math.floor(rates.item() * LEVELS + dither)
        if level == LEVELS:
            return torch.ones(shape, dtype=torch.bool)
        return torch.from_numpy(draws < np.int16(level - LEVELS // 2))
    levels = np.floor(rates.numpy() * LEVELS + dither).reshape(-1, *(1,) * (len(shape) - 1))
    thresholds = np.minimum(levels, LEVELS - 1) - LEVELS // 2
    return torch.from_numpy((draws < thresholds.astype(np.int16)) | (levels == LEVELS))


def whole(expected: Tensor, dither: Tensor) -> Tensor:
    """Counts (int64) with exactly these expectations (float64): floor(expected + u) for uniform u."""
    return (expected + dither).floor().long()


def mixed(table: Tensor, rates: Tensor, dither: Tensor) -> Tensor:
    """Integer parameters whose expected share is exactly `rates` (B,): neighbours mixed at random.

    `table[k]` is the share under parameter k, from 0 upwards and rising; `dither` (B,) is uniform.
    """
    import torch

    table = table.double().contiguous()
    below = (torch.searchsorted(table, rates.double().contiguous(), right=True) - 1).clamp(0, len(table) - 2)
    share = (rates - table[below]) / (table[below + 1] - table[below]).clamp_min(1e-300)
    return below + (dither < share.clamp(0, 1)).long()


def below(values: Tensor, limits: Tensor) -> Tensor:
    """`values < limits` on the CPU by NumPy, which compares seven times faster than torch."""
    import torch

    return torch.from_numpy(values.numpy() < limits.numpy())


def select(hidden: Tensor, there: Tensor | float, inputs: Tensor) -> Tensor:
    """`there` where `hidden` and `inputs` elsewhere, in the dtype of `inputs`; NaN and infinity are wiped out.

    Numbers of 32 and 64 bits on the CPU and without gradient are chosen by bits: without branches,
    which take ten times longer in `torch.where`.
    """
    import numpy as np
    import torch

    tracked = torch.is_grad_enabled() and (
        inputs.requires_grad or (isinstance(there, torch.Tensor) and there.requires_grad)
    )
    size = inputs.element_size()
    if size < 4 or inputs.device.type != "cpu" or tracked:
        if isinstance(there, torch.Tensor):
            return torch.where(hidden, there, inputs)
        return inputs.masked_fill(hidden, there)
    word, words = (torch.int32, np.int32) if size == 4 else (torch.int64, np.int64)
    given, flags = inputs.detach().view(word), hidden.numpy().view(np.int8)
    memory = torch.from_numpy(np.empty(tuple(given.shape), words))  # in large pages, which torch does not ask for
    if not isinstance(there, torch.Tensor) and there == 0:
        kept = torch.from_numpy(np.asarray(np.subtract(flags, 1, dtype=np.int8).astype(words)))  # all bits set
        return torch.bitwise_and(given, kept, out=memory).view(inputs.dtype)
    chosen = torch.from_numpy(np.asarray(np.negative(flags).astype(words)))
    other = torch.as_tensor(there, dtype=inputs.dtype).detach().view(word)
    differing = torch.bitwise_xor(given, other, out=memory)
    return differing.bitwise_and_(chosen).bitwise_xor_(given).view(inputs.dtype)


def crossed(rows: NDArray[np.bool_ | np.uint8], columns: NDArray[np.bool_ | np.uint8]) -> Tensor:
    """Where rows (B, H) and columns (B, W), bytes or bool, meet: (B, 1, H, W), of the same type.

    Bytes take a third to a twentieth of the time that torch takes to broadcast bool.
    """
    import numpy as np
    import torch

    down, across = (torch.from_numpy(values.view(np.uint8)) for values in (rows, columns))
    met = down[:, None, :, None] & across[:, None, None, :]
    return met.view(torch.bool) if rows.dtype == bool else met
