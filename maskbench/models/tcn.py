"""Temporal convolutional network for sequences and tokens."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from maskbench.description import Description
from maskbench.models.steps import Convolution, Embedded, known, present


def tcn(description: Description, width: int = 32, depth: int = 4, kernel: int = 7, dropout: float = 0.0) -> nn.Module:
    """`depth` residual blocks of causal convolutions, each looking twice as far, read out at the last step.

    Bai, Kolter & Koltun 2018 (arXiv:1803.01271). The last step sees 1 + 2 (kernel - 1) (2^depth - 1)
    steps; tokens get vectors of `width` numbers first; ValueError for sizes that cannot be.
    """
    if width < 1 or depth < 1 or kernel < 2:
        raise ValueError(
            f"a tcn has width and depth of at least 1 and a kernel of at least 2, not {width}, {depth} and {kernel}"
        )
    front = Embedded(description.features, width)
    channels = [front.width, *[width] * depth]
    blocks = [
        Residual(inputs, outputs, kernel, 2**level, dropout)
        for level, (inputs, outputs) in enumerate(pairwise(channels))
    ]
    return nn.Sequential(front, *blocks, Last(), nn.Linear(width, description.outputs))


class Residual(nn.Module):
    """Two causal convolutions and a way around them, of one step where the channels change."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.added = nn.Sequential(
            *causal(inputs, outputs, kernel, dilation, dropout), *causal(outputs, outputs, kernel, dilation, dropout)
        )
        self.around = nn.Identity() if inputs == outputs else Convolution(inputs, outputs, 1)
        self.relu = nn.ReLU()

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, C) to (B, T, D)."""
        outputs: Tensor = self.relu(self.around(steps) + self.added(steps))
        return outputs


def causal(inputs: int, outputs: int, kernel: int, dilation: int, dropout: float) -> tuple[nn.Module, ...]:
    """A causal convolution with normalised weights, rectified."""
    layer = Convolution(inputs, outputs, kernel, dilation, causal=True)
    weight_norm(layer.convolve)
    return layer, nn.ReLU(), nn.Dropout(dropout)


class Last(nn.Module):
    """The last step that is there, 0 where none is."""

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) to (B, D)."""
        numbers = torch.arange(steps.shape[1], device=steps.device)
        last = (present(steps) * numbers).argmax(1)
        return known(steps[torch.arange(len(steps), device=steps.device), last])
