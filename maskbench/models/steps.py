"""Layers that count only what is there.

Between modules steps are (B, T, D), and a step that is not there is NaN throughout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from maskbench.description import Features


def known(values: Tensor) -> Tensor:
    """Numbers that are not there as 0, the mean of standardised inputs."""
    return values.masked_fill(values.isnan(), 0)


def present(steps: Tensor) -> Tensor:
    """Which steps of (B, T, D) are there, (B, T)."""
    return ~steps.isnan().any(2)


class Known(nn.Module):
    """Numbers that are not there as 0."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Same shape, no NaN."""
        return known(inputs)


class Flat(nn.Flatten):
    """Inputs (B, *shape) to (B, F), numbers that are not there as 0."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F), no NaN."""
        return super().forward(known(inputs))


class Embedded(nn.Module):
    """A sequence or ids to steps (B, T, `width`): ids become vectors of the width asked for, channels stay."""

    def __init__(self, features: Features, width: int) -> None:
        super().__init__()
        vocabulary = features.vocabulary
        self.pad = vocabulary.pad if vocabulary else -1
        self.vectors = nn.Embedding(vocabulary.size, width) if vocabulary else None
        self.width = width if vocabulary else features.shape[1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Ids (B, T) or numbers (B, T, C) to (B, T, D); of a step that is there missing channels are 0."""
        if self.vectors is None:
            absent, steps = inputs.isnan().all(2), known(inputs)
        else:
            absent, steps = inputs == self.pad, self.vectors(inputs)
        return torch.where(absent[..., None], math.nan, steps)


class Average(nn.Module):
    """The mean of the steps that are there, 0 where none is."""

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) to (B, D)."""
        return known(steps).sum(1) / present(steps).sum(1, keepdim=True).clamp_min(1)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (B, C) or (B, C, ...); one number per channel is normalised as in evaluation.

    The last batch of an epoch can have one row, which has no spread.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Same shape."""
        if self.training and values.numel() <= self.num_features:
            return nn.functional.batch_norm(
                values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(values.flatten(2) if values.ndim > 3 else values).view(values.shape)


class StepNorm(BatchNorm):
    """Batch normalisation over the steps that are there; padding moves no statistic."""

    def forward(self, values: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        there, normal = present(values), torch.full_like(values, math.nan)
        normal[there] = super().forward(values[there])
        return normal


class Convolution(nn.Module):
    """A convolution over steps that keeps their number; steps that are not there weigh nothing.

    `causal` looks at a step and those before it, otherwise the step is in the middle.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1, causal: bool = False) -> None:
        super().__init__()
        reach = dilation * (kernel - 1)
        self.around = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        self.convolve = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, C) to (B, T, D)."""
        padded = nn.functional.pad(known(steps).transpose(1, 2), self.around)
        return torch.where(present(steps)[..., None], self.convolve(padded).transpose(1, 2), math.nan)
