"""Fully convolutional network for sequences."""

from __future__ import annotations

from torch import nn

from maskbench.description import Description
from maskbench.models.steps import Average, Convolution, Embedded, StepNorm


def fcn(description: Description, width: int = 64) -> nn.Module:
    """Convolutions of 8, 5 and 3 steps with `width`, 2 `width` and `width` channels, averaged over time.

    Wang, Yan & Oates 2017 (arXiv:1611.06455); ValueError for sizes that cannot be.
    """
    if width < 1:
        raise ValueError(f"an fcn has width of at least 1, not {width}; set model.width")
    front = Embedded(description.features, width)
    return nn.Sequential(
        front,
        *convolved(front.width, width, 8),
        *convolved(width, 2 * width, 5),
        *convolved(2 * width, width, 3),
        Average(),
        nn.Linear(width, description.outputs),
    )


def convolved(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """A convolution over `kernel` steps, normalised and rectified."""
    return Convolution(inputs, outputs, kernel), StepNorm(outputs), nn.ReLU()
