"""What the tests of missingness share: a table of unlike columns, and draws as a mask would make them."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import expit
from torch import Tensor

from maskbench.description import Features
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Context, Pattern
from tests.helpers import generator

RATES = (1e-3, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 0.75, 0.9)
LIMIT = 5


def table(columns: int, samples: int = 997) -> Tensor:
    """Train rows of columns that are normal, skewed, counted, binary and heavy-tailed in turn, and correlated."""
    rng = np.random.default_rng(columns)
    base = rng.normal(size=(samples, columns)) + rng.normal(size=(samples, 1))
    kinds = [
        lambda x: 3 * x + 100,
        np.exp,
        lambda x: np.floor(2 * np.abs(x)),
        lambda x: 1.0 * (x > 1),
        lambda x: x**3 - 7,
    ]
    return torch.tensor(
        np.stack([kinds[number % 5](base[:, number]) for number in range(columns)], 1), dtype=torch.float32
    )


def context(rows: Tensor) -> Context:
    return Context(rows, Features("columns" if rows.ndim == 2 else "sequence", tuple(rows.shape[1:])))


def draw(pattern: Pattern, rows: Tensor, rate: float | Tensor, seed: int = 0) -> Tensor:
    """`hidden` for rows, as the mask would use it: what is missing is not hidden."""
    batch = Batch.of(rows, context(rows).features)
    rates = rate if isinstance(rate, Tensor) else torch.tensor([rate], dtype=torch.float64)
    hidden = pattern.sample(batch, rates, generator(seed)).expand(batch.cells)
    return hidden if batch.eligible is None else hidden & batch.eligible


def frequencies(pattern: Pattern, rows: Tensor, rate: float | Tensor, draws: int = 400) -> Tensor:
    """How often each cell is hidden; 400 draws in one batch of copies."""
    copies = rows.repeat(draws, *(1,) * (rows.ndim - 1))
    rates = rate.repeat(draws) if isinstance(rate, Tensor) else rate
    return draw(pattern, copies, rates).view(draws, *rows.shape).double().mean(0)


def intercept(scores: np.ndarray, share: float) -> float:
    """The intercept with this mean chance, by another search."""
    return float(brentq(lambda level: expit(scores + level).mean() - share, -200, 200, xtol=1e-12))


def close(found: Tensor, expected: Tensor | float, draws: int) -> bool:
    """Frequencies within the error of so many coins, and of the table of curves."""
    expected = torch.as_tensor(expected, dtype=torch.float64).expand(found.shape)
    error = (expected * (1 - expected) / draws).clamp_min(1 / draws**2).sqrt()
    return bool(((found - expected).abs() <= (LIMIT + 1) * error + 0.001).all())
