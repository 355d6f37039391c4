"""Small convolutional network."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from maskbench.description import Description
from maskbench.models.steps import Known

GRID = 4


def cnn(description: Description, width: int = 16, depth: int = 2) -> nn.Module:
    """`depth` 3x3 convolutions, doubling `width` channels and halving the image, then a 4x4 average."""
    if width < 1 or depth < 1:
        raise ValueError(f"a cnn has width and depth of at least 1, not {width} and {depth}")
    channels = [description.features.shape[0], *(width * 2**level for level in range(depth))]
    layers: list[nn.Module] = [Known()]
    for level, (inputs, outputs) in enumerate(pairwise(channels)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=1 if level == 0 else 2, padding=1), nn.ReLU()]
    head = nn.Linear(channels[-1] * GRID**2, description.outputs)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(GRID), nn.Flatten(), head)
