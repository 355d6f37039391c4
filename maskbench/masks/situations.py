"""Situations in which masks are checked: data of every kind and shape, whole and ragged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from maskbench.description import Features, Kind, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.cells import cell_shape
from maskbench.masks.contract import Context
from maskbench.masks.mask import Mask, Masked, Masking
from maskbench.masks.schedules import Moment
from maskbench.seeding import Streams

if TYPE_CHECKING:
    from torch import Generator, Tensor

TRAIN_ROWS = 256
VOCABULARY = Vocabulary(60, pad=0, mask=1, unknown=2, special=(3, 4), continues=tuple(range(50, 60)))
SHAPES: dict[Kind, tuple[tuple[int, ...], ...]] = {
    "columns": ((1,), (2,), (13,), (64,)),
    "image": ((1, 1, 1), (1, 8, 8), (3, 5, 7), (2, 1, 9), (1, 28, 28)),
    "sequence": ((1, 1), (7, 1), (12, 3), (31, 2)),
    "tokens": ((1,), (9,), (32,)),
}
"""Shapes of one example by kind: tiny, odd, prime, even, with and without channels."""


@dataclass(frozen=True)
class Situation:
    """A mask about to meet a batch: which data, how many samples, which seed."""

    mask: Mask
    features: Features
    samples: int
    seed: int
    ragged: bool = False
    """Whether sequences and texts end early and columns lack values."""

    @property
    def rate(self) -> float:
        """The nominal rate."""
        return self.mask.rate_on(self.features)

    @property
    def accepted(self) -> bool:
        """Whether the mask takes such data at such a rate."""
        try:
            self.mask.check(self.features)
        except ConfigError:
            return False
        return True

    def at(self, rate: float) -> Situation:
        """The same with another rate, unless the pattern's own parameters fix it."""
        return self if self.mask.rate is None else replace(self, mask=replace(self.mask, rate=rate))

    @cached_property
    def inputs(self) -> Tensor:
        """Rows of the train part, over and over: what a fitted mask has seen."""
        rows = self.masking.context.rows
        return rows.repeat(-(-self.samples // len(rows)) or 1, *[1] * (rows.ndim - 1))[: self.samples]

    @cached_property
    def masking(self) -> Masking:
        """The mask fitted to its train part."""
        return self.mask.fit(Context(examples(self.features, TRAIN_ROWS, self.seed + 1, self.ragged), self.features))

    @cached_property
    def scores(self) -> Tensor | None:
        """What a model would tell, if it is asked."""
        import torch

        scored, stream = self.mask.pattern.scored, torch.Generator().manual_seed(self.seed + 2)
        if not scored:
            return None
        cells = cell_shape(tuple(self.inputs.shape))
        return torch.rand(cells if scored == "cell" else cells[:1], generator=stream)

    def stream(self) -> Generator:
        """The mask's stream at its start."""
        return Streams(self.seed).generator("mask/train")

    def masked(self, inputs: Tensor | None = None, stream: Generator | None = None) -> Masked:
        """The batch masked."""
        inputs = self.inputs if inputs is None else inputs
        scores = None if self.scores is None else self.scores[: len(inputs)]
        return self.masking(inputs, self.stream() if stream is None else stream, Moment(0, 1, 3), scores)


def examples(features: Features, rows: int, seed: int, ragged: bool) -> Tensor:
    """Examples (rows, *shape), nowhere 0 and everywhere different; ragged ones lack what is not there."""
    import torch

    stream = torch.Generator().manual_seed(seed)
    shape = (rows, *features.shape)
    lengths = torch.randint(0 if ragged else features.shape[0], features.shape[0] + 1, (rows, 1), generator=stream)
    if features.vocabulary is not None:
        tokens = torch.randint(5, features.vocabulary.size, shape, generator=stream)
        tokens[:, ::7] = features.vocabulary.special[0] if ragged else tokens[:, ::7]
        return tokens.where(torch.arange(features.shape[0]) < lengths, features.vocabulary.pad)
    values = torch.randn(shape, generator=stream) + 5
    if ragged and features.kind == "sequence":
        values = values.where((torch.arange(features.shape[0]) < lengths)[..., None], torch.nan)
    if ragged and features.kind == "columns":
        values = values.where(torch.rand(shape, generator=stream) < 0.8, torch.nan)
    return values


def situations(mask: Mask, samples: int, draw: int = 0) -> Iterator[Situation]:
    """One situation for every kind and shape of data that the mask accepts."""
    for kind, shapes in SHAPES.items():
        for shape in shapes:
            features = Features(kind, shape, VOCABULARY if kind == "tokens" else None)
            found = Situation(mask, features, samples, draw)
            if found.accepted:
                yield found
