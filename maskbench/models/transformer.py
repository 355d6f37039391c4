"""Transformer encoder for every kind of data."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from maskbench.description import Description, Features


def transformer(
    description: Description, width: int = 64, depth: int = 2, heads: int = 4, patch: int = 4, dropout: float = 0.0
) -> nn.Module:
    """An encoder over columns, image patches, time steps or tokens, averaged and read out linearly.

    ValueError for sizes that cannot be: `heads` divides `width`, `patch` divides an image's sides.
    """
    if depth < 1 or width < 1 or heads < 1 or width % heads:
        raise ValueError(f"a transformer has depth >= 1 and heads that divide width, not {depth}, {heads}, {width}")
    return Encoder(Front(description, width, patch), width, depth, heads, dropout, description.outputs)


class Scales(nn.Module):
    """Columns to steps: each column has a vector of its own, scaled by the value (Gorishniy et al. 2021).

    Columns of one cell are one step, the sum of theirs: what an encoded category looks up.
    """

    owners: Tensor

    def __init__(self, features: Features, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(features.shape[0], width)
        self.cells = len(features.blocks) or features.shape[0]
        owners = torch.tensor(features.owners or range(self.cells))
        self.register_buffer("owners", owners, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F) to (B, N, D)."""
        steps = inputs[..., None] * self.vectors.weight
        if self.cells == steps.shape[1]:
            return steps
        return steps.new_zeros((len(steps), self.cells, steps.shape[2])).index_add_(1, self.owners, steps)


class Front(nn.Module):
    """Inputs to steps (B, N, D) with their positions; steps that are not there are NaN."""

    def __init__(self, description: Description, width: int, patch: int) -> None:
        super().__init__()
        features = description.features
        self.kind, shape, vocabulary = features.kind, features.shape, features.vocabulary
        self.pad = vocabulary.pad if vocabulary else -1
        self.embed: nn.Module
        if vocabulary is not None:
            self.embed, steps = nn.Embedding(vocabulary.size, width), shape[0]
        elif self.kind == "image":
            if patch < 1 or shape[1] % patch or shape[2] % patch:
                sides = f"{shape[1]} x {shape[2]}"
                raise ValueError(f"patches of {patch} pixels do not divide an image of {sides}; set model.patch")
            self.embed, steps = nn.Conv2d(shape[0], width, patch, stride=patch), math.prod(shape[1:]) // patch**2
        elif self.kind == "sequence":
            self.embed, steps = nn.Linear(shape[1], width), shape[0]
        else:
            scales = Scales(features, width)
            self.embed, steps = scales, scales.cells
            self.firsts = features.firsts or range(shape[0])
        self.positions = nn.Embedding(steps, width)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F), (B, C, H, W), (B, T, C) or ids (B, T) to (B, N, D)."""
        if self.kind == "tokens":
            absent, steps = inputs == self.pad, self.embed(inputs)
        else:
            missing = inputs.isnan()
            known = inputs.masked_fill(missing, 0)
            steps = self.embed(known)
            if self.kind == "image":
                steps = steps.flatten(2).transpose(1, 2)
                missing = missing.new_zeros(steps.shape[:2])
            if self.kind == "columns":
                missing = missing[:, self.firsts]
            absent = missing.all(2) if self.kind == "sequence" else missing
        return torch.where(absent[..., None], math.nan, steps + self.positions.weight)


class Encoder(nn.Module):
    """Front, Transformer layers, average over the steps that are there, read-out."""

    def __init__(self, front: Front, width: int, depth: int, heads: int, dropout: float, outputs: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.front = front
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (B, K)."""
        steps = self.front(inputs)
        absent = steps.isnan().any(2)
        absent = absent & ~absent.all(1, keepdim=True)  # attention over nothing is NaN
        steps = self.encoder(steps.nan_to_num(), src_key_padding_mask=absent)
        there = (~absent)[..., None].to(steps)
        outputs: Tensor = self.head((steps * there).sum(1) / there.sum(1))
        return outputs
