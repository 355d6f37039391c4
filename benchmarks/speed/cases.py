"""What masks are timed on: data of every kind, and the random numbers that each mask's law needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from peers import Action
from torch import Tensor

from maskbench.description import Features, Vocabulary
from maskbench.masks.cells import cell_shape
from maskbench.masks.contract import Context
from maskbench.masks.mask import Mask, Masking
from maskbench.masks.schedules import Moment

ROWS = 4096
VOCABULARY = Vocabulary(30522, pad=0, mask=103, unknown=100, special=(101, 102), continues=tuple(range(24722, 30522)))
"""As that of BERT: a fifth of the tokens drawn from it go on with a word."""
DATA = (
    Features("columns", (64,)),
    Features("image", (1, 28, 28)),
    Features("image", (3, 32, 32)),
    Features("sequence", (96, 8)),
    Features("tokens", (128,), VOCABULARY),
)
COINS = ("Bernoulli", "FeatureGroups", "Tiles", "FixedSpans", "BlockSeeds", "DropBlock")
ORDERED = (
    "ExactCount", "Patches", "PatchBlocks", "HardestFirst", "MarkovSpans",
    "GeometricSpans", "ExactSpans", "MarLogistic", "Mnar",
)  # fmt: skip
HALFWAY = Moment(0, 1, 3)


@dataclass(frozen=True)
class Case:
    """One mask on one kind of data: the batch, the stream and the action to time."""

    mask: Mask
    features: Features
    inputs: Tensor
    stream: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    @cached_property
    def masking(self) -> Masking:
        """The mask fitted to its train part."""
        return self.mask.fit(Context(examples(self.features), self.features))

    @cached_property
    def scores(self) -> Tensor | None:
        """What a model would tell, where the mask asks."""
        cells = cell_shape(tuple(self.inputs.shape))
        wanted = {"cell": cells, "sample": cells[:1]}.get(self.mask.pattern.scored)
        return None if wanted is None else torch.rand(wanted, generator=self.stream)

    def masked(self) -> Tensor:
        """The cells hidden in one masked batch."""
        return self.masking(self.inputs, self.stream, HALFWAY, self.scores).hidden

    def draws(self) -> Action:
        """What draws the random numbers that the mask's law needs, and no more."""
        parts = [*self._pattern_draws(self.masked()), *self._fill_draws(self.masked())]
        return lambda: [part() for part in parts]

    def _pattern_draws(self, hidden: Tensor) -> Iterator[Action]:
        pattern = self.mask.pattern
        units = {
            "Patches": lambda: hidden.numel() // pattern.size**2,  # type: ignore[attr-defined]
            "PatchBlocks": lambda: hidden.numel() // pattern.size**2,  # type: ignore[attr-defined]
            "FeatureGroups": lambda: len(hidden) * pattern.count,  # type: ignore[attr-defined]
            "Tiles": lambda: len(hidden) * max(pattern.sizes) ** 2,  # type: ignore[attr-defined]
        }.get(type(pattern).__name__, hidden.numel)()
        if type(pattern).__name__ in COINS:
            yield self._coins(units)
        elif type(pattern).__name__ in ORDERED:
            yield lambda: torch.rand(units, generator=self.stream)

    def _fill_draws(self, hidden: Tensor) -> Iterator[Action]:
        fill, values = self.mask.fill, tuple(self.inputs.shape)
        name = type(fill).__name__
        if name == "Noise":
            yield lambda: torch.randn(values, generator=self.stream)
        elif name == "Scale":
            yield lambda: torch.rand(values, generator=self.stream)
        elif name == "SaltPepper":
            yield self._coins(math.prod(cell_shape(values)))
        elif name == "Swap":
            donors = (values[0],) if fill.joint else tuple(hidden.shape)  # type: ignore[attr-defined]
            yield lambda: torch.randint(ROWS, donors, generator=self.stream)
        elif name == "MaskToken" and fill.mask < 1:  # type: ignore[attr-defined]
            yield lambda: torch.rand(values, generator=self.stream)
            if fill.random:  # type: ignore[attr-defined]
                yield lambda: torch.randint(VOCABULARY.size, values, generator=self.stream)

    def _coins(self, count: int) -> Action:
        words = -(-count // 4)
        return lambda: torch.empty(words, dtype=torch.int64).random_(-(2**63), None, generator=self.stream)


def examples(features: Features) -> Tensor:
    """Train rows (ROWS, *shape): normal numbers, or texts of 64 to 128 tokens between a begin and an end."""
    stream = torch.Generator().manual_seed(1)
    if features.vocabulary is None:
        return torch.randn((ROWS, *features.shape), generator=stream)
    tokens = torch.randint(1000, VOCABULARY.size, (ROWS, *features.shape), generator=stream)
    place, lengths = torch.arange(features.shape[0]), torch.randint(64, 129, (ROWS, 1), generator=stream)
    tokens[:, 0] = VOCABULARY.special[0]
    tokens = tokens.where(place != lengths - 1, VOCABULARY.special[1])
    return tokens.where(place < lengths, VOCABULARY.pad)
