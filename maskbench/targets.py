"""Regression targets are trained on in train standard deviations and scored in their own units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskbench.description import Task


class TargetScale(nn.Module):
    """Brings predictions back to target units; for classification it changes nothing."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    @classmethod
    def of(cls, task: Task, train_targets: Tensor) -> TargetScale:
        """The scale of train targets (N,); constant targets keep their unit."""
        if task == "classification":
            return cls(0.0, 1.0)
        std = train_targets.double().std(correction=0).item()
        return cls(train_targets.double().mean().item(), std or 1.0)

    def down(self, targets: Tensor) -> Tensor:
        """Targets (N,) in standard deviations; classes as they are."""
        return targets if targets.dtype == torch.int64 else (targets - self.mean) / self.std

    def forward(self, outputs: Tensor) -> Tensor:
        """Outputs (N, K) in target units."""
        return outputs * self.std + self.mean if (self.mean, self.std) != (0.0, 1.0) else outputs
