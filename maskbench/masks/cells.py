"""Cells: the units a pattern draws over, and the draws every pattern is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maskbench.description import Features
from maskbench.errors import ConfigError

if TYPE_CHECKING:
    from torch import Generator, Tensor

Shape = tuple[int, ...]


def cell_shape(shape: Shape) -> Shape:
    """The shape of `hidden` for inputs of `shape`: an image's channels share one pixel cell.

    (B, F) -> (B, F); (B, C, H, W) -> (B, 1, H, W).
    """
    return (shape[0], 1, *shape[2:]) if len(shape) == 4 else shape


def uniform(shape: Shape, generator: Generator) -> Tensor:
    """Uniform draws on [0, 1) in float32 on the CPU: half precision would bias a rate."""
    import torch

    return torch.rand(shape, generator=generator, dtype=torch.float32)


def require_kind(features: Features, kinds: tuple[str, ...], what: str, instead: str) -> None:
    """Refuse data of another kind; `what` names the pattern's work, `instead` the patterns that fit."""
    if features.kind not in kinds:
        raise ConfigError(f"{what}, and these data are {features.kind}; use {instead}")
