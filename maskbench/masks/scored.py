"""Masks that follow the model: what it finds hard is hidden first, or last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, Shape, bits, coins, uniform, whole
from maskbench.masks.contract import Pattern
from maskbench.masks.exact_count import BEYOND, lowest

if TYPE_CHECKING:
    from torch import Generator, Tensor

UNITS = ("cell", "sample")
ORDERS = ("hardest", "easiest")


@dataclass(frozen=True)
class HardestFirst(Pattern):
    """Hides the cells with the highest scores, or more cells of the samples with the highest scores.

    Cells: of the count of each sample, a share that grows over training from 0 to `hard_share` has
    the highest scores and the rest is random, as in Hard Patches Mining (Wang et al. 2023).
    Samples: every sample has a rate of its own, which rises with the rank of its score; the spread
    grows in the same way, and the mean over the batch is the rate. `order: easiest` turns the order round.
    """

    unit: str = "cell"
    hard_share: float = 0.5
    order: str = "hardest"

    @property
    def scored(self) -> Literal["", "cell", "sample"]:
        """The scores it needs: not negative, of the shape of the cells or (B,)."""
        return "sample" if self.unit == "sample" else "cell"

    def check(self, features: Features, rate: float) -> None:
        """Refuse an unknown unit or order and a share outside [0, 1]."""
        self.require_kind(features)
        if self.unit not in UNITS:
            raise ConfigError(f"pattern.unit is cell or sample, not '{self.unit}'")
        if self.order not in ORDERS:
            raise ConfigError(f"pattern.order is hardest or easiest, not '{self.order}'")
        if not 0 <= self.hard_share <= 1:
            raise ConfigError(f"pattern.hard_share lies in [0, 1], not {self.hard_share}")

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden cells (B, F), (B, 1, H, W), (B, T, C) or (B, T)."""
        if batch.scores is None:
            raise ConfigError(
                "no scores: it hides what the model in training finds hard, and here none is in training; "
                "use it for training only, and bernoulli or exact_count elsewhere"
            )
        share = self.hard_share * batch.progress
        if self.unit == "sample":
            return coins(batch.cells, self._rates(batch, batch.scores, rates, share, generator), generator)
        return self._cells(batch, batch.scores, rates, share, generator)

    def _cells(self, batch: Batch, scores: Tensor, rates: Tensor, share: float, generator: Generator) -> Tensor:
        """Exact counts: `share` of each by score, the rest uniform over the other cells."""
        dithers = uniform((2, len(batch)), generator)
        draws = uniform(batch.cells, generator).flatten(1)
        keys = (self._ordered(scores).expand(batch.cells).flatten(1) << 32) | _ties(tuple(draws.shape), generator)
        if batch.eligible is not None:
            absent = ~batch.eligible.flatten(1)
            keys, draws = keys | -absent.long(), draws + BEYOND * absent
        counts = whole(rates * batch.counts, dithers[0])
        first = _highest(keys, whole(share * counts, dithers[1]))
        return lowest(draws - BEYOND * first, counts).view(batch.cells)

    def _rates(self, batch: Batch, scores: Tensor, rates: Tensor, share: float, generator: Generator) -> Tensor:
        """Rates (B,), float64, that rise with the rank of the score and have the mean of `rates`."""
        import torch

        samples = len(batch)
        keys = (self._ordered(scores) << 32) | _ties((samples,), generator)
        rank = torch.empty(samples, dtype=torch.float64)
        rank[keys.argsort()] = torch.arange(samples, dtype=torch.float64)
        weights = 1 - share + share * (2 * rank + 1) / max(samples, 1)
        return spread(weights * rates, rates.expand(samples).sum())

    def _ordered(self, scores: Tensor) -> Tensor:
        """Integers (int64) below 2**31, the highest first to be hidden: floats from 0 upwards sort as their bits."""
        import torch

        scores = scores.detach().to("cpu", torch.float32).nan_to_num(0).clamp_min(0) + 0.0  # no -0.0
        bits = scores.view(torch.int32).long()
        return 2**31 - 1 - bits if self.order == "easiest" else bits


def spread(weights: Tensor, total: Tensor) -> Tensor:
    """min(1, c * weights) for weights (B,) above 0, with the c that makes the sum exactly `total`, at most B."""
    import torch

    ordered, _ = weights.sort(descending=True)
    rest = ordered.flip(0).cumsum(0).flip(0)
    factors = (total - torch.arange(len(weights))) / rest.clamp_min(1e-300)  # with so many of the largest at 1
    fits = factors * ordered <= 1 + 1e-9
    factor = factors[fits.int().argmax()] if len(weights) else total
    shares = (factor * weights).clamp(0, 1)
    return shares.masked_fill(shares > 1 - 1e-9, 1)


def _ties(shape: Shape, generator: Generator) -> Tensor:
    """32 random bits for each entry, int64, to settle the order of equal scores."""
    import numpy as np
    import torch

    return torch.from_numpy(bits(shape, np.uint32, generator).astype(np.int64))


def _highest(keys: Tensor, counts: Tensor) -> Tensor:
    """Where each row of `keys` (B, n) has its `counts` (B,) highest values; keys are different."""
    import numpy as np
    import torch

    size = keys.shape[1]
    if not keys.numel():
        return torch.zeros_like(keys, dtype=torch.bool)
    ordered = torch.from_numpy(np.sort(keys.numpy(), axis=1))
    threshold = ordered.gather(1, (size - counts).clamp(max=size - 1)[:, None])
    return (keys >= threshold) & (counts > 0)[:, None]
