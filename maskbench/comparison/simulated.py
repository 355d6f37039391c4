"""Studies whose truth is known: tables of runs drawn at random, for tests, benchmarks and demonstrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from maskbench.comparison.inference import Floats
from maskbench.records import UNMASKED

Noise = Literal["normal", "skewed", "heavy", "binomial"]

NOISES: tuple[Noise, ...] = get_args(Noise)

ITEMS = 300
ACCURACY = 0.9


def simulated_runs(
    generator: np.random.Generator,
    *,
    effects: Mapping[tuple[str, float], float],
    seeds: int = 8,
    data: Sequence[str] = ("digits",),
    shared_luck: float = 0.5,
    noise: float = 0.01,
    metric: str = "accuracy",
) -> pd.DataFrame:
    """A table with one row a run: every arm of `effects` and the partner, for every data set and seed.

    `effects` holds the true difference by (mask, rate), in the metric's unit. A run's differences from its
    partner have the standard deviation `noise` on validation and on test, correlated by `shared_luck`.
    """
    rows = []
    for name in data:
        for seed in range(seeds):
            level = 0.9 + 0.02 * generator.standard_normal()
            rows.append(_run(name, UNMASKED, float("nan"), seed, metric, (level, level)))
            for (mask, rate), effect in effects.items():
                first, second = generator.standard_normal(2)
                luck = first, shared_luck * first + np.sqrt(1 - shared_luck**2) * second
                values = level + effect + noise * luck[0], level + effect + noise * luck[1]
                rows.append(_run(name, mask, rate, seed, metric, values))
    return pd.DataFrame(rows)


def simulated_differences(
    generator: np.random.Generator,
    *,
    effects: Floats,
    seeds: int,
    noise: Noise = "normal",
    shared_luck: float = 0.5,
    missing: float = 0.0,
) -> tuple[Floats, Floats]:
    """Validation and test differences (S, A) from one partner of A arms whose true differences are `effects` (A,).

    A difference's standard deviation is 1; half of its variance is the partner's, so the arms share it. `noise` is the
    distribution of a single run's results, so that without an effect a run and its partner can be exchanged;
    `shared_luck` correlates a run's validation and test. Each run is `missing` with this probability (then NaN).
    """
    shape = (2, seeds, len(effects) + 1)
    if noise == "binomial":
        values = _accuracies(generator, shape, shared_luck)
    else:
        first, second = _standard(generator, noise, shape)
        values = np.stack([first, shared_luck * first + np.sqrt(1 - shared_luck**2) * second])
    values = values / np.sqrt(2)
    values[:, generator.random(shape[1:]) < missing] = np.nan
    validation, test = values[:, :, 1:] - values[:, :, :1] + effects
    return validation, test


def _standard(generator: np.random.Generator, noise: Noise, shape: tuple[int, ...]) -> Floats:
    """Draws of mean 0 and variance 1: normal, exponential, or t with 3 degrees of freedom."""
    if noise == "skewed":
        return np.asarray(generator.exponential(size=shape) - 1, dtype=float)
    if noise == "heavy":
        return np.asarray(generator.standard_t(3, size=shape) / np.sqrt(3), dtype=float)
    return np.asarray(generator.standard_normal(shape), dtype=float)


def _accuracies(generator: np.random.Generator, shape: tuple[int, ...], shared_luck: float) -> Floats:
    """Accuracies on ITEMS items, near ACCURACY, in their standard deviations: coarse, so that they tie."""
    spread = np.sqrt(ACCURACY * (1 - ACCURACY) / ITEMS)
    quality = ACCURACY + spread * np.sqrt(shared_luck / (1 - shared_luck)) * generator.standard_normal(shape[1:])
    right = generator.binomial(ITEMS, np.clip(quality, 0, 1), size=shape)
    return np.asarray((right / ITEMS - ACCURACY) / spread * np.sqrt(1 - shared_luck), dtype=float)


def _run(
    data: str, mask: str, rate: float, seed: int, metric: str, values: tuple[float, float]
) -> dict[str, str | int | float]:
    """One row; `values` are its validation and test result."""
    return {
        "run_id": f"{data}-{mask}-{rate:g}-{seed}",
        "data": data,
        "model": "mlp",
        "mask": mask,
        "rate": rate,
        "seed": seed,
        "status": "FINISHED",
        f"val/{metric}": values[0],
        f"test/{metric}": values[1],
        "cost/seconds": 1.0 if mask == UNMASKED else 1.25,
    }
