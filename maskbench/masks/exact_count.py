"""Exact counts: `rate` of the cells of every sample, drawn without replacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, select, uniform, whole
from maskbench.masks.contract import Pattern, Place

if TYPE_CHECKING:
    from torch import Generator, Tensor

OVER = ("sample", "batch")
UNITS = ("cell", "step")
BEYOND = 2.0
"""Where no uniform draw lies."""


@dataclass(frozen=True)
class ExactCount(Pattern):
    """The same share in every sample, as masking noise (Vincent et al. 2010), or `over` the whole batch.

    `unit` is a `cell` or a `step` of a sequence with all its channels. Where `rate` of the n
    eligible units is no whole number, floor(rate n + u) with a uniform u per sample keeps the
    expected share exact; with `even` one u holds for the batch and samples of equal length lose
    equally many.
    """

    places: ClassVar[tuple[Place, ...]] = ("input", "model")
    unit: str = "cell"
    over: str = "sample"
    even: bool = False

    @property
    def shares_counts(self) -> bool:
        """Where they are even."""
        return self.even

    def check(self, features: Features, rate: float) -> None:
        """Refuse settings that cannot be."""
        self.require_kind(features)
        if self.over not in OVER:
            raise ConfigError(f"pattern.over is sample or batch, not '{self.over}'")
        if self.unit not in UNITS:
            raise ConfigError(f"pattern.unit is one of {', '.join(UNITS)}, not '{self.unit}'")
        if self.unit == "step" and features.kind != "sequence":
            raise ConfigError(f"these data are {features.kind} and have no step; use pattern.unit=cell")

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden units: (B, F), (B, 1, H, W), (B, T, C) or (B, T); (B, T, 1) for steps."""
        eligible, shape = batch.eligible, batch.cells
        if self.unit == "step":
            shape = (*shape[:2], 1)
            eligible = None if eligible is None else eligible.any(2, keepdim=True)
        rows = 1 if self.over == "batch" else shape[0]
        dither = uniform((1 if self.even else rows,), generator)
        draws = uniform(shape, generator).flatten(1)
        counts = (rates * math.prod(shape[1:])).expand(shape[0])
        if eligible is not None:
            draws = select(~eligible.flatten(1), BEYOND, draws)
            counts = rates * eligible.flatten(1).sum(1)
        if self.over == "batch":
            counts = counts.sum(0, keepdim=True)
        return lowest(draws.view(rows, -1) if rows else draws, whole(counts, dither)).view(shape)


def lowest(draws: Tensor, counts: Tensor) -> Tensor:
    """Where each row of `draws` (B, n), uniform or beyond, has its `counts` (B,) lowest values, exactly.

    NumPy sorts rows twenty times faster than torch on one core, and compares ten times faster; equal
    draws at the threshold, one row in 20,000 at n = 784, are settled by their order.
    """
    import numpy as np
    import torch

    if not draws.numel():
        return torch.zeros_like(draws, dtype=torch.bool)
    values, wanted = draws.numpy(), counts.numpy()[:, None]
    last = values.shape[1] - 1
    threshold = np.take_along_axis(np.sort(values, axis=1), wanted.clip(max=last), 1)
    chosen = values < np.where(wanted <= last, threshold, np.float32(BEYOND + 1))
    found = np.add.reduce(chosen.view(np.uint8), 1, dtype=np.int32)
    hidden = torch.from_numpy(chosen)
    for row in np.flatnonzero(found != wanted[:, 0]).tolist():
        hidden[row] = False
        hidden[row, draws[row].argsort(stable=True)[: counts[row]]] = True
    return hidden
