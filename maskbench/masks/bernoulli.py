"""Independent coins: each cell, or each larger unit, is hidden with probability `rate`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from maskbench.description import Features, Kind, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, Shape, coins, looked_up
from maskbench.masks.contract import Pattern, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor

UNITS: dict[str, tuple[Kind, ...]] = {
    "cell": ("columns", "image", "sequence", "tokens"),
    "channel": ("image", "sequence"),
    "step": ("sequence",),
    "word": ("tokens",),
}
"""What one coin hides, and the data that have such units."""


@dataclass(frozen=True)
class Bernoulli(Pattern):
    """One coin per unit, as in input dropout (Srivastava et al. 2014).

    `unit` is a `cell`, a `channel` for the whole image or sequence, a `step` of a sequence with all
    its channels, or a `word` of several tokens. With `shared` one draw holds for all samples of a
    batch, as in GRACE (Zhu et al. 2020).
    """

    places: ClassVar[tuple[Place, ...]] = ("input", "model")
    unit: str = "cell"
    shared: bool = False

    @property
    def scope(self) -> Literal["sample", "batch"]:
        """One draw per batch where it is shared."""
        return "batch" if self.shared else "sample"

    def check(self, features: Features, rate: float) -> None:
        """Refuse units that the data do not have, or have one of."""
        if self.unit not in UNITS:
            raise ConfigError(f"pattern.unit is one of {', '.join(UNITS)}, not '{self.unit}'")
        if features.kind not in UNITS[self.unit]:
            having = [unit for unit, kinds in UNITS.items() if features.kind in kinds]
            raise ConfigError(f"these data are {features.kind} and have no {self.unit}; use a mask of {having[0]}s")
        channels = features.shape[0 if features.kind == "image" else -1]
        if self.unit == "channel" and channels < 2:
            raise ConfigError("it hides some channels and keeps others, and these data have one; use bernoulli")
        if self.shared and features.size < 2:
            raise ConfigError("it hides some columns and keeps others, and these data have one; use bernoulli")
        if self.unit == "word" and not (features.vocabulary and features.vocabulary.continues):
            raise ConfigError("it hides whole words, and the vocabulary has no tokens that continue one; use bert")

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden units: (B, F), (B, 1, H, W), (B, T, C), (B, T), or with 1 along what they span."""
        hidden = coins(self._units(batch), rates[:1] if self.shared else rates, generator)
        return hidden.gather(1, words(batch)) if self.unit == "word" else hidden

    def _units(self, batch: Batch) -> Shape:
        shape = tuple(batch.inputs.shape)
        units = {
            "channel": (shape[0], shape[1], 1, 1) if len(shape) == 4 else (shape[0], 1, *shape[2:]),
            "step": (*shape[:2], 1),
        }.get(self.unit, batch.cells)
        return (1, *units[1:]) if self.shared else units


def words(batch: Batch) -> Tensor:
    """The number of each token's word within its sample (B, T), from 0."""
    vocabulary = batch.features.vocabulary
    if vocabulary is None:
        raise ConfigError("words are made of tokens, and these data have no vocabulary")
    return looked_up(_starts(vocabulary), batch.inputs).cumsum(1).sub_(1).clamp_min_(0)


@lru_cache(maxsize=16)
def _starts(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which ids begin a word."""
    import numpy as np

    flags = np.ones(vocabulary.size, dtype=bool)
    flags[list(vocabulary.continues)] = False
    return flags
