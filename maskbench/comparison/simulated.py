"""Studies whose truth is known: tables of runs drawn at random, for tests, benchmarks and demonstrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from maskbench.records import UNMASKED


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
