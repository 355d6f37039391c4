"""What the tests of patterns on images share: drawing hidden pixels, and a mean within its error."""

from __future__ import annotations

import torch

from maskbench.description import Features
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Pattern
from tests.helpers import generator

SAMPLES = 4096


def drawn(pattern: Pattern, size: tuple[int, int], rate: float | torch.Tensor, seed: int = 0, samples: int = SAMPLES):
    """Hidden pixels (B, H, W) of images with two channels."""
    rates = rate if isinstance(rate, torch.Tensor) else torch.tensor([rate], dtype=torch.float64)
    batch = Batch.of(torch.zeros(samples, 2, *size), Features("image", (2, *size)))
    hidden = pattern.sample(batch, rates, generator(seed))
    assert hidden.dtype == torch.bool
    assert hidden.shape == (samples, 1, *size)
    return hidden[:, 0]


def assert_mean(values: torch.Tensor, expected: float) -> None:
    """Within five standard errors; where all values are alike, those of a coin between the neighbours."""
    values = values.double()
    spread = values.std().item() or (expected % 1 * (1 - expected % 1)) ** 0.5
    assert abs(values.mean() - expected) <= 5 * spread / len(values) ** 0.5 + 1e-9
