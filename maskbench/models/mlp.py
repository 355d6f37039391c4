"""Multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from maskbench.description import Description
from maskbench.models.steps import Flat


def mlp(description: Description, width: int = 128, depth: int = 2, dropout: float = 0.0) -> nn.Module:
    """`depth` hidden layers of `width` rectified units on the flattened inputs; ValueError for sizes that cannot be."""
    if width < 1 or depth < 0:
        raise ValueError(f"an mlp has width of at least 1 and depth of at least 0, not {width} and {depth}")
    layers: list[nn.Module] = [Flat()]
    for inputs, outputs in pairwise([description.features.size, *[width] * depth]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    last = width if depth else description.features.size
    return nn.Sequential(*layers, nn.Linear(last, description.outputs))
