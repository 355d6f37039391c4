"""Groups of columns that go together: one coin each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, coins
from maskbench.masks.contract import Pattern

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class FeatureGroups(Pattern):
    """One coin per sample and group of columns, as modalities in ModDrop (Neverova et al. 2015).

    `count` groups of neighbouring columns differ in size by one at most; `groups`, lists of column
    numbers from 0, take their place where given. Each coin has the rate, so groups may differ in size.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("columns",)
    count: int = 4
    groups: Sequence[Sequence[int]] | None = None

    def check(self, features: Features, rate: float) -> None:
        """Refuse one group only, empty groups, and columns that are in two groups, in none or not there."""
        self.require_kind(features)
        columns = features.shape[0]
        if self.groups is None:
            if not 2 <= self.count <= columns:
                raise ConfigError(
                    f"pattern.count={self.count} groups cannot be made of {columns} columns; "
                    + (f"use 2 to {columns}" if columns > 1 else "use bernoulli")
                )
            return
        if len(self.groups) < 2 or not all(self.groups):
            raise ConfigError("pattern.groups hides some groups and keeps others; give at least 2, none of them empty")
        named = Counter(column for group in self.groups for column in group)
        wrong = {
            "are not there": [column for column in named if not 0 <= column < columns],
            "are in more than one group": [column for column, times in named.items() if times > 1],
            "are in no group": [column for column in range(columns) if column not in named],
        }
        for what, found in wrong.items():
            if found:
                raise ConfigError(
                    f"columns {listed(found)} of pattern.groups {what}; name every column from 0 to {columns - 1} once"
                )

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden columns (B, F)."""
        import torch

        samples, columns = batch.cells
        if self.groups is None:
            member, count = torch.arange(columns) * self.count // columns, self.count
        else:
            member, count = torch.zeros(columns, dtype=torch.long), len(self.groups)
            for number, group in enumerate(self.groups):
                member[list(group)] = number
        return coins((samples, count), rates, generator).index_select(1, member)


def listed(columns: list[int]) -> str:
    """Up to five column numbers for a message."""
    first = ", ".join(str(column) for column in sorted(columns)[:5])
    return f"{first} and {len(columns) - 5} more" if len(columns) > 5 else first
