"""Missingness: cells go missing by the other columns of their row (MAR) or by their own value (MNAR)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, below, uniform
from maskbench.masks.contract import Context, Pattern
from maskbench.masks.groups import listed
from maskbench.seeding import Streams

if TYPE_CHECKING:
    from torch import Generator, Tensor

KNOTS = 257
TAIL = 8.0
"""How far beyond the largest score the table of intercepts goes: sigmoid(-8) is 0.0003."""
SIDES = ("high", "low")
UNFITTED = "the pattern has to be fitted to the train part before it can be drawn"


@dataclass(frozen=True)
class Curves:
    """Chances sigmoid(score + intercept), one curve per column, for any share of the train part.

    `intercepts` (K,) rise from minus to plus infinity and hide `shares` (columns, K) of the train
    cells, from 0 to 1. A share between two entries mixes the two curves: the mean is exact without
    a search at every step, and a chance is within 0.001 of the logistic curve of exactly that mean
    where no score is beyond 7.
    """

    intercepts: Tensor
    shares: Tensor

    @classmethod
    def of(cls, scores: Tensor) -> Curves:
        """Curves for train scores (rows, columns), NaN where a cell is not there."""
        import torch

        absent, scores = scores.isnan(), scores.float()
        reach = scores.nan_to_num(0).abs().max().item() + TAIL
        inner = torch.linspace(-reach, reach, KNOTS)
        scores = scores.masked_fill(absent, -math.inf)  # a chance of 0
        counts = (~absent).sum(0)
        shares = [torch.sigmoid(scores + level).sum(0).double() / counts for level in inner]
        ends = torch.tensor([-math.inf, math.inf])
        none = torch.zeros_like(shares[0])
        return cls(torch.cat([ends[:1], inner, ends[1:]]), torch.stack([none, *shares, none + 1], 1))

    def chances(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Chances of cells with scores (B, ..., columns) at wanted shares (B,) or (1,), float64."""
        import torch

        columns = len(self.shares)
        targets = wanted.clamp(0, 1).expand(columns, -1).contiguous()
        lower = (torch.searchsorted(self.shares, targets, right=True) - 1).clamp_(max=self.shares.shape[1] - 2)
        lower.masked_fill_(targets == 0, 0)  # share 0 is the curve at minus infinity and no other
        low, high = self.shares.gather(1, lower), self.shares.gather(1, lower + 1)
        part = ((targets - low) / (high - low).clamp_min(1e-300)).clamp_(0, 1)
        part = part.masked_fill_(targets == 1, 1).float()
        shape = (-1, *(1,) * (scores.ndim - 2), columns)
        first, second = (torch.sigmoid(scores + self.intercepts[knot].T.reshape(shape)) for knot in (lower, lower + 1))
        return first.lerp(second, part.T.reshape(shape))


@dataclass(frozen=True)
class _Mechanism:
    """What MAR has learnt: which columns are `observed`, which are `others`, and the curves.

    Scores are (inputs[observed] - mean) @ weights, of unit variance on the train part; `free` is the
    share of the train cells that lie in the others.
    """

    observed: Tensor
    others: Tensor
    mean: Tensor
    weights: Tensor
    curves: Curves
    free: float


@dataclass(frozen=True)
class MarLogistic(Pattern):
    """Missing at random: some columns are always observed, and they decide what goes missing in the others.

    A share `observed` of the columns, at least one and not all, stays. A cell of another column goes
    missing with probability sigmoid(w x + b), x the observed columns of its row, w normal weights of
    its column, scores of unit variance on the train part (as in Muzellec et al. 2020). Columns and
    weights belong to the number `mechanism`, so train and test of every seed share them. The rate is
    exact for the train part and a share of all columns.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("columns",)
    observed: float = 0.3
    mechanism: int = 0
    _learned: _Mechanism | None = field(default=None, repr=False, compare=False)

    def check(self, features: Features, rate: float) -> None:
        """Refuse data of one column, a share of observed columns outside (0, 1) and rates beyond the others' share."""
        self.require_kind(features)
        columns = features.shape[0]
        if not 0 < self.observed < 1:
            raise ConfigError(f"pattern.observed is a share of the columns between 0 and 1, not {self.observed}")
        if isinstance(self.mechanism, bool) or not isinstance(self.mechanism, int):
            raise ConfigError(f"pattern.mechanism is a whole number that names a mechanism, not {self.mechanism}")
        if columns < 2:
            raise ConfigError("one column decides what goes missing in another, and these data have one; use mnar_self")
        self._require_below(rate, 1 - self.kept(columns) / columns)

    def kept(self, columns: int) -> int:
        """How many of the columns are always observed."""
        return min(max(math.floor(self.observed * columns + 0.5), 1), columns - 1)

    def fit(self, context: Context) -> Self:
        """The mechanism with its curves; refuses observed columns with missing values, or all constant."""
        import torch

        rows = context.rows.detach().cpu()
        columns, kept = rows.shape[1], self.kept(rows.shape[1])
        _require_values(rows)
        generator = Streams(self.mechanism).generator("mask/mechanism")
        order = torch.randperm(columns, generator=generator)
        weights = torch.randn((kept, columns - kept), generator=generator, dtype=torch.float64)
        observed, others = order[:kept].sort().values, order[kept:].sort().values
        predictors = rows[:, observed].double()
        absent = observed[predictors.isnan().any(0)].tolist()
        if absent:
            raise ConfigError(
                f"columns {listed(absent)} decide what goes missing in the others, and have missing values themselves; "
                "fill them, choose other columns by pattern.mechanism, or use bernoulli"
            )
        varying = predictors.amin(0) < predictors.amax(0)
        if not varying.any():
            raise ConfigError(
                f"columns {listed(observed.tolist())} decide what goes missing in the others, and are constant; "
                "choose other columns by pattern.mechanism or more by pattern.observed"
            )
        mean = predictors.mean(0)
        weights /= predictors.std(0, correction=0).where(varying, math.inf)[:, None]
        scores = (predictors - mean) @ weights
        spread = scores.std(0, correction=0)
        there = ~rows.isnan()
        curves = Curves.of((scores / spread).where(there[:, others], math.nan))
        free = (there[:, others].sum() / there.sum()).item()
        learned = _Mechanism(observed, others, mean.float(), (weights / spread).float(), curves, free)
        return replace(self, _learned=learned)

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden columns (B, F)."""
        import torch

        learned = self._learned
        if learned is None:
            raise RuntimeError(UNFITTED)
        if (rates > learned.free).any():
            self._require_below(rates.max().item(), learned.free)
        inputs = batch.inputs.detach().to("cpu", torch.float32)
        draws = uniform((len(batch), len(learned.others)), generator)
        scores = (inputs[:, learned.observed] - learned.mean).nan_to_num(0) @ learned.weights
        hidden = torch.zeros(batch.cells, dtype=torch.bool)
        hidden[:, learned.others] = below(draws, learned.curves.chances(scores, rates / learned.free))
        return hidden

    def _require_below(self, rate: float, ceiling: float) -> None:
        if rate > ceiling + 1e-6:
            raise ConfigError(
                f"rate={rate:.4g} is a share of all cells, and only {ceiling:.4g} are in columns that may go missing; "
                "lower mask.rate or pattern.observed"
            )


@dataclass(frozen=True)
class _Own:
    """What soft MNAR has learnt: scores are (value - mean) * scale."""

    mean: Tensor
    scale: Tensor
    curves: Curves

    @classmethod
    def of(cls, rows: Tensor, slope: float) -> _Own:
        """From train values (N, columns), NaN where there is none; a constant column scores 0."""
        values = rows.double()
        mean = values.nanmean(0)
        std = (values - mean).square().nanmean(0).sqrt()
        scale = slope / std.where(_varying(rows), math.inf)
        return cls(mean.float(), scale.float(), Curves.of((values - mean) * scale))

    def hidden(self, values: Tensor, rates: Tensor, draws: Tensor) -> Tensor:
        """Cells whose draw lies below their chance."""
        return below(draws, self.curves.chances((values - self.mean) * self.scale, rates))


@dataclass(frozen=True)
class _Ranks:
    """What hard MNAR has learnt: train values (N, columns) in falling order, those not there last.

    `above` are how many train values of the column are larger, `equal` how many are the same, and
    `counts` (columns,) how many there are.
    """

    values: Tensor
    above: Tensor
    equal: Tensor
    counts: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> _Ranks:
        """From train values (N, columns), NaN where there is none."""
        import torch

        values = rows.nan_to_num(-math.inf, math.inf, -math.inf).sort(0, descending=True).values
        size, first = len(values), torch.ones_like(values[:1], dtype=torch.bool)
        starts = torch.cat([first, values[1:] != values[:-1]])
        place = torch.arange(size)[:, None].expand(values.shape)
        above = place.where(starts, 0).cummax(0).values
        later = torch.cat([place.where(starts, size)[1:], torch.full_like(place[:1], size)])
        equal = later.flip(0).cummin(0).values.flip(0) - above
        return cls(values, above.int(), equal.int(), (~rows.isnan()).sum(0))

    def hidden(self, values: Tensor, rates: Tensor, draws: Tensor) -> Tensor:
        """Cells above the (1 - rate) quantile of their column, and as many of those at it as the rate is short of."""
        import torch

        wanted = rates[:, None] * self.counts
        place = (wanted.ceil().long() - 1).clamp_(0, len(self.values) - 1)
        part = (wanted - self.above.gather(0, place)) / self.equal.gather(0, place)
        none, every = (rates <= 0)[:, None], (rates >= 1)[:, None]
        threshold = self.values.gather(0, place).masked_fill(none, math.inf).masked_fill(every, -math.inf)
        shape = (-1, *(1,) * (values.ndim - 2), values.shape[-1])
        threshold, part = threshold.view(shape), part.float().masked_fill(every, 1).masked_fill(none, 0).view(shape)
        tied = torch.from_numpy(values.numpy() == threshold.numpy())
        return below(threshold, values) | tied & below(draws, part)


@dataclass(frozen=True)
class Mnar(Pattern):
    """Missing not at random: a cell goes missing by its own value, as in not-MIWAE (Ipsen et al. 2021).

    A cell is hidden above the (1 - rate) quantile of its own column or channel on the train part,
    or below the rate quantile where `side` is low; ties at the quantile are split at random, so a
    constant column loses cells completely at random. With a `slope` it is hidden with probability
    sigmoid(slope z + b), z its standardised value. The rate is exact for each column of the train part.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("columns", "sequence")
    side: str = "high"
    slope: float | None = None
    _learned: _Own | _Ranks | None = field(default=None, repr=False, compare=False)

    def check(self, features: Features, rate: float) -> None:
        """Refuse an unknown side and slopes that are not above 0."""
        self.require_kind(features)
        if self.side not in SIDES:
            raise ConfigError(f"pattern.side is high or low, not '{self.side}'")
        if self.slope is not None and not 0 < self.slope < math.inf:
            raise ConfigError(
                f"pattern.slope is above 0, not {self.slope}; use pattern.side=low for low values, bernoulli for none"
            )

    def fit(self, context: Context) -> Self:
        """With the order or the curves of each column; refuses data where every column is constant."""
        rows = self._turned(context.rows.detach().cpu()).flatten(0, -2)
        _require_values(rows)
        if not _varying(rows).any():
            raise ConfigError("all columns are constant on the train part, so no value is higher; use bernoulli")
        learned = _Ranks.of(rows) if self.slope is None else _Own.of(rows, self.slope)
        return replace(self, _learned=learned)

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden cells (B, F) or (B, T, C)."""
        if self._learned is None:
            raise RuntimeError(UNFITTED)
        values = self._turned(batch.inputs.detach().cpu())
        return self._learned.hidden(values, rates, uniform(batch.cells, generator))

    def _turned(self, values: Tensor) -> Tensor:
        """Values so that the higher ones go missing."""
        return -values if self.side == "low" else values


def _varying(rows: Tensor) -> Tensor:
    """Columns of (N, columns) with two different values; NaN is left out."""
    return rows.nan_to_num(-math.inf).amax(0) > rows.nan_to_num(math.inf).amin(0)


def _require_values(rows: Tensor) -> None:
    empty = rows.isnan().all(0)
    if empty.any():
        raise ConfigError(
            f"columns {listed(empty.nonzero().flatten().tolist())} have no value in the train part; drop them"
        )
