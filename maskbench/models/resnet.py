"""Residual convolutional network for small images."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from maskbench.description import Description
from maskbench.models.steps import BatchNorm, Known

STAGES = 3


def resnet(description: Description, width: int = 16, depth: int = 8) -> nn.Module:
    """The network of He et al. 2016 (arXiv:1512.03385) for CIFAR-10: three stages, `width` channels in the first.

    ValueError for sizes that cannot be: `depth` counts layers and is 8, 14, 20 … as each stage has
    (depth - 2) / 6 blocks of two.
    """
    if width < 1 or depth < 8 or (depth - 2) % 6:
        raise ValueError(
            f"a resnet has width of at least 1 and depth of 8, 14, 20, 26 …, not {width} and {depth}; "
            "set model.width and model.depth"
        )
    first = nn.Conv2d(description.features.shape[0], width, 3, padding=1, bias=False)
    channels = [width, *(width * 2**stage for stage in range(STAGES) for _ in range((depth - 2) // 6))]
    blocks = [Residual(inputs, outputs) for inputs, outputs in pairwise(channels)]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], description.outputs))
    return nn.Sequential(Known(), first, BatchNorm(width), nn.ReLU(), *blocks, head)


class Residual(nn.Module):
    """Two 3x3 convolutions and a way around them; a block with more channels than before halves the image."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.new, self.stride = outputs - inputs, 1 if inputs == outputs else 2
        self.added = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, self.stride, padding=1, bias=False),
            BatchNorm(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            BatchNorm(outputs),
        )
        self.relu = nn.ReLU()

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, H, W) or half the sides; new channels of the way around are 0, their option A."""
        around = nn.functional.pad(values[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
        outputs: Tensor = self.relu(around + self.added(values))
        return outputs
