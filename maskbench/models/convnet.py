"""Two convolutions, pooling and dropout."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from maskbench.description import Description
from maskbench.models.steps import Known


def convnet(
    description: Description, width: int = 32, depth: int = 2, hidden: int = 0, dropout: float = 0.5
) -> nn.Module:
    """`depth` 3x3 convolutions, doubling `width` channels, each with 2x2 max pooling, then dropout and the read-out.

    The plain network of the tables of (Fashion-)MNIST. `hidden` rectified units before the read-out,
    0 for none; ValueError for sizes that cannot be.
    """
    if width < 1 or depth < 1 or hidden < 0 or not 0 <= dropout < 1:
        raise ValueError(
            "a convnet has width and depth of at least 1, hidden of at least 0 and dropout in [0, 1), "
            f"not {width}, {depth}, {hidden} and {dropout}"
        )
    pixels, *sides = description.features.shape
    channels = [pixels, *(width * 2**level for level in range(depth))]
    layers: list[nn.Module] = [Known()]
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    size = channels[-1] * math.prod(math.ceil(side / 2**depth) for side in sides)
    layers += [nn.Flatten(), nn.Dropout(dropout)]
    if hidden:
        layers += [nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden or size, description.outputs))
