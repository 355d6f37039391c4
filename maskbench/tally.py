"""What a mask really did over a training, from counts taken at every step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from maskbench.masks.mask import Masked, counted


class Tally:
    """Counts hidden cells of every sample met, and times the masking.

    `realised_rate` is the mean over samples of hidden over eligible cells; `empty_share` and
    `full_share` are the shares of samples with none and with all of them hidden;
    `scheduled_rate` is the mean rate asked for. `changed_rate` counts cells whose value differs
    after filling and before rescaling, over the batches for which it was asked.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._counts: list[tuple[Tensor, Tensor | int]] = []
        self._rates: list[Tensor] = []
        self._changed: list[Tensor] = []

    def timed(self, mask: Callable[[], Masked]) -> Masked:
        """What `mask` returns; its seconds are counted."""
        start = time.perf_counter()
        masked = mask()
        self.seconds += time.perf_counter() - start
        return masked

    def add(self, masked: Masked, changed: bool) -> None:
        """Take note of one batch; with `changed` also of the cells that differ."""
        hidden, batch = masked.hidden, masked.batch
        if batch.eligible is None and hidden.shape == batch.cells:  # the usual case, without the detours of `counted`
            self._counts.append((hidden.flatten(1).sum(1), math.prod(batch.cells[1:])))
        else:
            self._counts.append(counted(hidden, batch))
        self._rates.append(masked.rates)
        if changed:
            self._changed.append(changed_shares(masked))

    def facts(self) -> dict[str, float]:
        """The shares by name; where nothing was masked every sample is an empty one."""
        if not self._counts:
            return dict.fromkeys(NAMES, 0.0) | {"empty_share": 1.0}
        shares = torch.cat([share_of(hidden, cells) for hidden, cells in self._counts])
        values = (
            shares.mean(),
            torch.cat(self._changed).double().mean(),
            (shares == 0).double().mean(),
            (shares == 1).double().mean(),
            torch.stack([rates.mean() for rates in self._rates]).mean(),
        )
        return {name: value.item() for name, value in zip(NAMES, values, strict=True)}


NAMES = ("realised_rate", "changed_rate", "empty_share", "full_share", "scheduled_rate")


def share_of(hidden: Tensor, cells: Tensor | int) -> Tensor:
    """Shares, float64, of the samples that have cells."""
    if isinstance(cells, int):
        return hidden.double() / cells if cells else hidden.double()[:0]
    return (hidden.double() / cells)[cells > 0]


def changed_shares(masked: Masked) -> Tensor:
    """Share of each sample's eligible cells (B,) whose value is another after filling; a filled NaN is changed.

    Where filling changed the shape, cells have left: what is hidden is changed.
    """
    before, after = masked.before, masked.filled
    hidden, cells = counted(masked.hidden, masked.batch)
    if before.shape != after.shape:
        return share_of(hidden, cells)
    differs = (before != after).logical_and(~(before.isnan() & after.isnan())).cpu()
    if differs.ndim == 4 and (masked.hidden.ndim < 4 or masked.hidden.shape[1] == 1):
        differs = differs.any(1, keepdim=True)
    return share_of(differs.flatten(1).sum(1), cells)
