"""What becomes of hidden tokens, and of hidden steps inside a model: other ids, or fewer of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.cells import select, uniform
from maskbench.masks.contract import Context, Fill, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    IntArray = NDArray[np.integer]
    BoolArray = NDArray[np.bool_]

SHARE_ERROR = 1e-9
"""How far from 1 the sum of shares may lie."""


def vocabulary_of(features: Features, *ids: str) -> Vocabulary:
    """The vocabulary, with `ids` (`pad`, `mask`, `unknown`) known to lie in it; raises ConfigError."""
    vocabulary = features.vocabulary
    if vocabulary is None:
        raise ConfigError("fills of tokens need a vocabulary, and these data have none; give Features a Vocabulary")
    for name in ids:
        token = getattr(vocabulary, name)
        if not 0 <= token < vocabulary.size:
            raise ConfigError(
                f"the vocabulary's {name} id {token} is not among its {vocabulary.size} ids from 0; "
                f"set Vocabulary.{name} to an id of the vocabulary"
            )
    return vocabulary


@lru_cache(maxsize=16)
def ordinary(vocabulary: Vocabulary) -> IntArray:
    """The ids that stand for text, int64, rising."""
    import numpy as np

    return np.setdiff1d(np.arange(vocabulary.size), vocabulary.reserved)


def arrays(inputs: Tensor, hidden: Tensor) -> tuple[IntArray, BoolArray]:
    """Tokens and `hidden`, both (B, T), as NumPy arrays, whose selections are several times faster than torch's."""
    import numpy as np

    tokens = inputs.cpu().numpy()
    return tokens, np.broadcast_to(hidden.cpu().numpy(), tokens.shape)


def tensor(tokens: IntArray, like: Tensor) -> Tensor:
    """Tokens (B, T) where `like` lies."""
    import torch

    return torch.from_numpy(tokens).to(like)


def run_starts(hidden: BoolArray) -> BoolArray:
    """Where a run of hidden tokens begins (B, T)."""
    starts = hidden.copy()
    starts[:, 1:] &= ~hidden[:, :-1]
    return starts


def moved_up(tokens: IntArray, kept: BoolArray, pad: int) -> IntArray:
    """The `kept` tokens of each sample in their order, then padding: (B, T)."""
    import numpy as np

    moved = np.full_like(tokens, pad)
    moved[np.arange(tokens.shape[1]) < kept.sum(1, keepdims=True)] = tokens[kept]
    return moved


@dataclass(frozen=True)
class MaskToken(Fill):
    """Hidden tokens become the mask id, a random ordinary id, or stay, in these shares (BERT, Devlin et al. 2019).

    A random id is uniform over the ids that stand for text; it may be the token's own id, as in
    BERT. With `per_span` a run of hidden tokens shares the choice (SpanBERT, Joshi et al. 2020).
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens",)
    mask: float = 0.8
    random: float = 0.1
    keep: float = 0.1
    per_span: bool = False

    def check(self, features: Features) -> None:
        """Refuse shares that are none or do not sum to 1, and vocabularies without the ids."""
        self.require_kind(features)
        vocabulary = vocabulary_of(features, "mask")
        for name in ("mask", "random", "keep"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"fill.{name} is a share of the hidden tokens in [0, 1], not {getattr(self, name)}")
        total = self.mask + self.random + self.keep
        if abs(total - 1) > SHARE_ERROR:
            raise ConfigError(
                f"fill.mask, random and keep are shares of the hidden tokens and sum to 1, not {total:.6g}"
            )
        if self.random and not len(ordinary(vocabulary)):
            raise ConfigError("fill.random needs ids that stand for text, and all are reserved; set fill.random=0")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Ids (B, T) in the dtype of the inputs."""
        import numpy as np
        import torch

        vocabulary = vocabulary_of(context.features)
        if self.mask == 1:
            return select(hidden, vocabulary.mask, inputs)
        shape = tuple(inputs.shape)
        draws = uniform(shape, generator).numpy()
        tokens, where = arrays(inputs, hidden)
        cells = np.flatnonzero(where)
        choice = draws.reshape(-1)[_first_of_run(where, cells) if self.per_span else cells]
        filled = tokens.copy().reshape(-1)
        filled[cells[choice < self.mask]] = vocabulary.mask
        if self.random:
            ids = ordinary(vocabulary)
            replaced = cells[(choice >= self.mask) & (choice < self.mask + self.random)]
            drawn = torch.randint(len(ids), shape, generator=generator).numpy().reshape(-1)
            filled[replaced] = ids[drawn[replaced]]
        return tensor(filled.reshape(shape), inputs)


def _first_of_run(hidden: BoolArray, cells: IntArray) -> IntArray:
    """The first cell of the run that each of the hidden `cells` (flat, rising) is in; runs end with their sample."""
    import numpy as np

    return np.maximum.accumulate(np.where(run_starts(hidden).reshape(-1)[cells], cells, 0))


@dataclass(frozen=True)
class Unknown(Fill):
    """Hidden tokens become the id of unknown words (Bowman et al. 2016)."""

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens",)

    def check(self, features: Features) -> None:
        """Refuse a vocabulary without the id."""
        self.require_kind(features)
        vocabulary_of(features, "unknown")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Ids (B, T) in the dtype of the inputs."""
        return select(hidden, vocabulary_of(context.features).unknown, inputs)


@dataclass(frozen=True)
class Remove(Fill):
    """Hidden tokens leave, the rest moves up and padding follows (word dropout, Iyyer et al. 2015)."""

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens",)
    keeps_one: ClassVar[bool] = True
    moves: ClassVar[bool] = True

    def check(self, features: Features) -> None:
        """Refuse a vocabulary without a pad id."""
        self.require_kind(features)
        vocabulary_of(features, "pad")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Ids (B, T) in the dtype of the inputs."""
        tokens, where = arrays(inputs, hidden)
        return tensor(moved_up(tokens, ~where, vocabulary_of(context.features).pad), inputs)


@dataclass(frozen=True)
class Sentinel(Fill):
    """Each run of hidden tokens becomes one mask id, and padding makes up the length (T5, Raffel et al. 2020).

    T5 numbers its sentinels; vocabularies here have one mask id, which stands for all of them.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens",)
    moves: ClassVar[bool] = True

    def check(self, features: Features) -> None:
        """Refuse a vocabulary without a mask or a pad id."""
        self.require_kind(features)
        vocabulary_of(features, "mask", "pad")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """Ids (B, T) in the dtype of the inputs."""
        vocabulary = vocabulary_of(context.features)
        tokens, where = arrays(inputs, hidden)
        starts = run_starts(where)
        marked = tokens.copy()
        marked[starts] = vocabulary.mask
        return tensor(moved_up(marked, starts | ~where, vocabulary.pad), inputs)


@dataclass(frozen=True)
class Drop(Fill):
    """Hidden steps leave a sequence (B, N, D) inside a model, which then has less to compute (Liu et al. 2022).

    The first `keep_first` steps, a class token for example, stay. The result is as long as the
    sample with most steps left; others end in NaN, as shorter sequences do.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("sequence",)
    places: ClassVar[tuple[Place, ...]] = ("model",)
    keeps_one: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    keep_first: int = 0

    def check(self, features: Features) -> None:
        """Refuse a negative number of steps."""
        self.require_kind(features)
        if self.keep_first < 0:
            raise ConfigError(f"fill.keep_first is a number of steps and at least 0, not {self.keep_first}")

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """The steps that stay (B, M, D) in their order; at least one, NaN where a sample has none."""
        import torch

        if hidden.shape[-1] > 1 and not hidden.eq(hidden[..., :1]).all():
            raise ConfigError("fill Drop takes out whole steps, and single channels are hidden; set pattern.unit=step")
        kept = ~hidden[..., 0].expand(inputs.shape[:2])
        kept = kept.index_fill(1, torch.arange(min(self.keep_first, inputs.shape[1]), device=kept.device), value=True)
        kept = kept & ~inputs.detach().isnan().any(2)
        counts = kept.sum(1)
        longest = max(int(counts.max()), 1) if len(inputs) else inputs.shape[1]
        place = torch.arange(longest, device=kept.device) < counts[:, None]
        steps = inputs.new_full((len(inputs), longest, inputs.shape[2]), torch.nan)
        return steps.index_put((place,), inputs[kept])
