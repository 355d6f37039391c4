"""One square of an image, centred anywhere and clipped at the border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Features
from maskbench.masks.cells import Shape, require_kind, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor


def covered(side: int, cells: int) -> float:
    """Expected share of an axis of `cells` under a clipped window of `side` with a uniform centre.

    The window reaches side // 2 cells before its centre and the rest behind; it covers the whole
    axis from side = 2 * cells on.
    """
    side = min(side, 2 * cells)
    before = side // 2
    behind = side - before
    lost = (before * (before + 1) + behind * (behind - 1)) / (2 * cells)
    return (side - lost) / cells


def solve_side(rate: float, height: int, width: int) -> tuple[int, float]:
    """(side, share): a side that covers at most `rate` of an image, and how often to take one more.

    Drawing side + 1 with probability `share` makes the expected covered share exactly `rate`.
    """
    longest = 2 * max(height, width)
    areas = [covered(side, height) * covered(side, width) for side in range(longest + 1)]
    side = max(side for side, area in enumerate(areas) if area <= rate)
    if side == longest:
        return longest, 0.0
    return side, (rate - areas[side]) / (areas[side + 1] - areas[side])


@dataclass(frozen=True)
class Block:
    """A clipped square per sample, as Cutout (DeVries & Taylor 2017), its side solved from the rate."""

    scope: ClassVar[str] = "sample"

    def check(self, features: Features, rate: float) -> None:
        """Refuse anything but images."""
        require_kind(features, ("image",), "block hides squares of an image", "bernoulli, exact_count or feature")

    def sample(self, shape: Shape, rate: float, generator: Generator) -> Tensor:
        """Hidden pixels (B, 1, H, W)."""
        batch, _, height, width = shape
        side, share = solve_side(rate, height, width)
        sides = side + (uniform((batch, 1), generator) < share).long()
        rows = _window(sides, height, generator)
        columns = _window(sides, width, generator)
        return (rows[:, :, None] & columns[:, None, :])[:, None]


def _window(sides: Tensor, cells: int, generator: Generator) -> Tensor:
    """Cells (B, n) within windows of `sides` (B, 1) around uniform centres."""
    import torch

    centre = (uniform((len(sides), 1), generator) * cells).long()
    before = sides // 2
    start, stop = centre - before, centre + sides - before
    position = torch.arange(cells)
    return (start <= position) & (position < stop)
