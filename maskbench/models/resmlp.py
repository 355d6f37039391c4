"""Residual multilayer perceptron."""

from __future__ import annotations

from torch import Tensor, nn

from maskbench.description import Description
from maskbench.models.steps import BatchNorm, Flat


def resmlp(
    description: Description, width: int = 128, depth: int = 3, factor: float = 2.0, dropout: float = 0.0
) -> nn.Module:
    """`depth` residual blocks on the flattened inputs, the ResNet of Gorishniy et al. 2021 (arXiv:2106.11959).

    A block is `factor` times as wide inside; ValueError for sizes that cannot be.
    """
    if width < 1 or depth < 1 or width * factor < 1:
        raise ValueError(
            f"a resmlp has width and depth of at least 1, and of width * factor too, not {width}, {depth} and {factor}"
        )
    blocks = [Residual(width, int(width * factor), dropout) for _ in range(depth)]
    head = nn.Sequential(BatchNorm(width), nn.ReLU(), nn.Linear(width, description.outputs))
    return nn.Sequential(Flat(), nn.Linear(description.features.size, width), *blocks, head)


class Residual(nn.Module):
    """What normalisation, a rectified layer and a linear one add to their input."""

    def __init__(self, width: int, inside: int, dropout: float) -> None:
        super().__init__()
        self.added = nn.Sequential(
            BatchNorm(width),
            nn.Linear(width, inside),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(inside, width),
            nn.Dropout(dropout),
        )

    def forward(self, values: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        outputs: Tensor = values + self.added(values)
        return outputs
