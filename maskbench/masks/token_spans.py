"""Spans with an exact count of hidden tokens: geometric lengths, or a set number of spans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.bernoulli import words
from maskbench.masks.cells import Batch, Shape, below, bits, select, uniform, whole
from maskbench.masks.contract import Pattern
from maskbench.masks.exact_count import BEYOND, lowest
from maskbench.masks.strips import Axis

if TYPE_CHECKING:
    from numpy import dtype, int8, ndarray
    from torch import Generator, Tensor

DRAWS = 2**16


@dataclass(frozen=True)
class GeometricSpans(Pattern):
    """Spans of geometric length until the budget is spent, the last one cut, as SpanBERT (Joshi et al. 2020).

    Lengths end with probability `end` at each word, `longest` at the latest. The budget of a text of
    n words is floor(rate n + u) with one uniform u. The spans lie in random order with random gaps
    and go on at the beginning where they pass the end, so that every word is hidden equally often.
    With `whole_words` no word is hidden in part, and the share of tokens is the rate on average;
    without, or where no token continues a word, every token is a word and the count is exact.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens", "sequence")
    nested: ClassVar[bool] = False
    end: float = 0.2
    longest: int = 10
    whole_words: bool = True

    def check(self, features: Features, rate: float) -> None:
        """Refuse lengths that are no lengths."""
        self.require_kind(features)
        if not 0 < self.end <= 1:
            raise ConfigError(f"pattern.end is the chance that a span ends at a word, above 0 up to 1, not {self.end}")
        if isinstance(self.longest, bool) or not isinstance(self.longest, int) or not 1 <= self.longest < 128:
            raise ConfigError(f"pattern.longest is a whole number of words from 1 to 127, not {self.longest}")

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden tokens (B, T), or steps (B, T, 1)."""
        import torch

        axis = _words(batch) if self.whole_words else Axis.of_steps(batch)
        samples, places = axis.rank.shape
        dither, turn = uniform((2, samples), generator)
        budget = whole(rates * axis.counts, dither)
        ends = _lengths((samples, places), self.end, self.longest, generator).cumsum(1, dtype=torch.int32)
        used = torch.empty_like(ends, dtype=torch.bool)
        used[:, 0] = budget > 0
        used[:, 1:] = ends[:, :-1] < budget.int()[:, None]
        sample, number = _where(used)
        spans = sample.bincount(minlength=samples)
        items = axis.counts - budget + spans  # visible words and whole spans, in an order of their own
        chosen = _subset(uniform((samples, places), generator), None, items, spans)
        visible = _where(chosen)[1] - number  # in front of each span
        stop = ends[sample, number].minimum(budget[sample])
        start = stop.roll(1).where(number > 0, 0)
        return _painted(axis, batch, sample, visible + start, visible + stop, turn)


@dataclass(frozen=True)
class ExactSpans(Pattern):
    """An exact count of tokens in a set number of spans, as T5 (Raffel et al. 2020).

    The count k of n tokens is floor(rate n + u) with one uniform u. They form round(k / mean_length)
    spans, at least one and no more than there are visible tokens to part them, and hidden and visible
    tokens are cut into as many pieces with every way of cutting equally likely. A turn by a random
    number of tokens, an option in T5, keeps the last token from being hidden always.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens", "sequence")
    nested: ClassVar[bool] = False
    mean_length: float = 3.0

    def check(self, features: Features, rate: float) -> None:
        """Refuse spans shorter than a token."""
        self.require_kind(features)
        if not 1 <= self.mean_length < float("inf"):
            raise ConfigError(f"pattern.mean_length is in tokens, at least 1, not {self.mean_length}")

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden tokens (B, T), or steps (B, T, 1)."""
        import torch

        axis = Axis.of_steps(batch)
        samples, places = axis.rank.shape
        dither, turn = uniform((2, samples), generator)
        count = whole(rates * axis.counts, dither)
        most = count.minimum(axis.counts - count)
        spans = (count / self.mean_length).round().long().clamp_min(1).minimum(most)
        draws = uniform((samples, places), generator)
        sample, hidden_before = _where(_pieces(draws, torch.zeros_like(count), count, spans))
        visible_before = _where(_pieces(draws, count, axis.counts, spans))[1] - count[sample]
        last = torch.ones_like(sample, dtype=torch.bool)
        last[:-1] = sample[1:] != sample[:-1]
        hidden_after = hidden_before.roll(-1).where(~last, count[sample])
        start, stop = visible_before + hidden_before, visible_before + hidden_after
        full = ((count > 0) & (most == 0)).nonzero()[:, 0]  # one span, with nothing visible to part it from others
        sample = torch.cat([sample, full])
        start = torch.cat([start, torch.zeros_like(full)])
        stop = torch.cat([stop, count[full]])
        return _painted(axis, batch, sample, start, stop, turn)


def _words(batch: Batch) -> Axis:
    """The words of each text; a word ends where a token may not be hidden."""
    import torch

    vocabulary = batch.features.vocabulary
    if vocabulary is None or not vocabulary.continues:
        return Axis.of_steps(batch)
    number = words(batch)
    first = torch.ones_like(number, dtype=torch.bool)
    first[:, 1:] = number[:, 1:] != number[:, :-1]
    if batch.eligible is not None:
        first[:, 1:] |= ~batch.eligible[:, :-1]
        first &= batch.eligible
    rank = first.cumsum(1)
    return Axis(rank[:, -1], (rank - 1).clamp_min_(0), batch.eligible)


@lru_cache(maxsize=64)
def _quantiles(end: float, longest: int) -> ndarray[tuple[int], dtype[int8]]:
    """Lengths by 16-bit draw: geometric, cut off after `longest` and renormalised."""
    import numpy as np

    beyond = (1 - end) ** np.arange(longest + 1)
    longer = (beyond - beyond[-1]) / (1 - beyond[-1])
    return (longest + 1 - np.searchsorted(longer[::-1], (np.arange(DRAWS) + 0.5) / DRAWS)).astype(np.int8)


def _lengths(shape: Shape, end: float, longest: int, generator: Generator) -> Tensor:
    """Span lengths of `shape`, int8."""
    import numpy as np
    import torch

    return torch.from_numpy(_quantiles(end, longest).take(bits(shape, np.uint16, generator)))


def _subset(draws: Tensor, after: Tensor | None, stop: Tensor, number: Tensor) -> Tensor:
    """`number` (B,) places of each row, drawn `after` one and before `stop` (B,), as bool like `draws` (B, n)."""
    import torch

    place = torch.arange(draws.shape[1])
    closed = ~below(place, stop[:, None])
    if after is not None:
        closed |= ~below(after[:, None], place)
    return lowest(select(closed, BEYOND, draws), number)


def _pieces(draws: Tensor, first: Tensor, stop: Tensor, number: Tensor) -> Tensor:
    """Where the pieces begin if the places from `first` to before `stop` are cut into `number`."""
    begins = _subset(draws, first, stop, (number - 1).clamp_min(0))
    some = number.nonzero()[:, 0]
    begins[some, first[some]] = True
    return begins


def _where(flags: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and places of what is true, in order."""
    import numpy as np
    import torch

    flat = torch.from_numpy(np.flatnonzero(flags.numpy()))
    return flat // flags.shape[1], flat % flags.shape[1]


def _painted(axis: Axis, batch: Batch, sample: Tensor, start: Tensor, stop: Tensor, dither: Tensor) -> Tensor:
    """Hidden tokens (B, T) or steps (B, T, 1) under spans without overlap, turned by a random number of places."""
    import torch

    end = axis.counts[sample]
    turn = (dither.double() * axis.counts).long()[sample]
    turn -= end * (start + turn >= end)
    start, stop = start + turn, stop + turn
    parted = stop > end  # goes on at the beginning
    row = sample * axis.rank.shape[1]
    edges = torch.zeros(axis.rank.numel() + 1, dtype=torch.int8)
    edges[torch.cat([row + start, row[parted]])] = 1
    edges[torch.cat([row + stop.minimum(end), (row + stop - end)[parted]])] -= 1
    hidden = axis.spread(edges.cumsum(0, dtype=torch.int8)[:-1].view(axis.rank.shape).bool())
    return hidden[:, :, None] if batch.inputs.ndim == 3 else hidden
