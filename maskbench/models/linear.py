"""Linear and softmax regression."""

from __future__ import annotations

from torch import nn

from maskbench.description import Description
from maskbench.models.steps import Flat


def linear(description: Description) -> nn.Module:
    """One affine map from the flattened inputs."""
    return nn.Sequential(Flat(), nn.Linear(description.features.size, description.outputs))
