"""What the rooms may know about data without holding any: kinds, shapes and the task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["columns", "image", "sequence", "tokens"]
Task = Literal["classification", "regression"]
KINDS: tuple[Kind, ...] = ("columns", "image", "sequence", "tokens")


@dataclass(frozen=True)
class Vocabulary:
    """Token ids with a meaning of their own, among `size` ids from 0.

    `special` ids (begin, end, separator …) are never hidden or drawn; neither are `pad` and `mask`.
    A token in `continues` goes on with the word of the token before it, as `##ing` does.
    """

    size: int
    pad: int
    mask: int
    unknown: int
    special: tuple[int, ...] = ()
    continues: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    """What each id says, for people; may be left out."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Vocabularies are keys of caches, and have thousands of ids."""
        return hash((self.size, self.pad, self.mask, self.unknown, self.special, self.continues))

    @property
    def reserved(self) -> tuple[int, ...]:
        """Ids that stand for no text: never hidden and never drawn as a replacement."""
        return tuple(sorted({self.pad, self.mask, *self.special}))


@dataclass(frozen=True)
class Features:
    """The inputs of one example: `columns` (F,), an `image` (C, H, W), a `sequence` (T, C) or `tokens` (T,).

    Numbers that are not there, missing values and the padding of shorter sequences, are NaN;
    tokens are integer ids of the `vocabulary`, padded with its `pad`.
    """

    kind: Kind
    shape: tuple[int, ...]
    vocabulary: Vocabulary | None = None
    levels: tuple[int, ...] = ()
    """Of each column how many categories it names by number from 0, or 0 for a quantity; empty: all are quantities."""
    blocks: tuple[int, ...] = ()
    """How many neighbouring columns make one cell, as those of an encoded category do; empty: each column is one."""

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)

    @property
    def units(self) -> Features:
        """The same with one column for each cell: what a mask that hides cells has to know."""
        return Features("columns", (len(self.blocks),)) if self.blocks else self

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """The cell of each column, where cells are blocks of columns."""
        return tuple(cell for cell, size in enumerate(self.blocks) for _ in range(size))

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """The first column of each cell, where cells are blocks of columns."""
        return tuple(sum(self.blocks[:cell]) for cell in range(len(self.blocks)))


@dataclass(frozen=True)
class Description:
    """All that a model or a mask is told about a data set."""

    name: str
    features: Features
    task: Task
    outputs: int
    """Classes, or 1 for regression."""
