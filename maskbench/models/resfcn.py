"""Residual convolutional network for sequences."""

from __future__ import annotations

from torch import Tensor, nn

from maskbench.description import Description
from maskbench.models.fcn import convolved
from maskbench.models.steps import Average, Convolution, Embedded, StepNorm


def resfcn(description: Description, width: int = 32) -> nn.Module:
    """Three residual blocks of `width`, 2 `width` and 2 `width` channels, averaged over time.

    The ResNet of Wang, Yan & Oates 2017 (arXiv:1611.06455); ValueError for sizes that cannot be.
    """
    if width < 1:
        raise ValueError(f"a resfcn has width of at least 1, not {width}; set model.width")
    front = Embedded(description.features, width)
    return nn.Sequential(
        front,
        Residual(front.width, width),
        Residual(width, 2 * width),
        Residual(2 * width, 2 * width),
        Average(),
        nn.Linear(2 * width, description.outputs),
    )


class Residual(nn.Module):
    """Convolutions of 8, 5 and 3 steps and a way around them, of one step where the channels change."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.added = nn.Sequential(
            *convolved(inputs, outputs, 8),
            *convolved(outputs, outputs, 5),
            Convolution(outputs, outputs, 3),
            StepNorm(outputs),
        )
        fitted = nn.Identity() if inputs == outputs else Convolution(inputs, outputs, 1)
        self.around = nn.Sequential(fitted, StepNorm(outputs))
        self.relu = nn.ReLU()

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, C) to (B, T, D)."""
        outputs: Tensor = self.relu(self.around(steps) + self.added(steps))
        return outputs
