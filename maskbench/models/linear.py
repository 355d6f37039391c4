"""Linear and softmax regression."""

from __future__ import annotations

from torch import nn

from maskbench.description import Description


def linear(description: Description) -> nn.Module:
    """One affine map from the flattened inputs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(description.features.size, description.outputs))
