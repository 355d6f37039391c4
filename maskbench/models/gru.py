"""Gated recurrent network for sequences and tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from maskbench.description import Description
from maskbench.models.steps import Embedded, known, present


def gru(description: Description, width: int = 64, depth: int = 1, dropout: float = 0.0) -> nn.Module:
    """`depth` layers of `width` gated units (Cho et al. 2014, arXiv:1406.1078), read out at the last step.

    Tokens get vectors of `width` numbers first; `dropout` is before the read-out; ValueError for
    sizes that cannot be.
    """
    if width < 1 or depth < 1:
        raise ValueError(f"a gru has width and depth of at least 1, not {width} and {depth}")
    front = Embedded(description.features, width)
    head = nn.Linear(width, description.outputs)
    return nn.Sequential(front, Recurrent(front.width, width, depth), nn.Dropout(dropout), head)


class Recurrent(nn.Module):
    """Steps to the state after the last of them; steps that are not there are skipped."""

    def __init__(self, inputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.cells = nn.GRU(inputs, width, depth, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, C) to (B, D)."""
        there = present(steps)
        order = there.int().argsort(dim=1, descending=True, stable=True)
        first = known(steps).gather(1, order[..., None].expand_as(steps))
        lengths = there.sum(1).clamp_min(1).cpu()
        packed = pack_padded_sequence(first, lengths, batch_first=True, enforce_sorted=False)
        # cuDNN has no gradients in evaluation mode, where masks that score the inputs ask for them
        with torch.backends.cudnn.flags(enabled=self.training or not torch.is_grad_enabled()):
            _, states = self.cells(packed)
        last: Tensor = states[-1]
        return last
