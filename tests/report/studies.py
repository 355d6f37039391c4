"""Studies the report's tests look at: simulated runs, with curves where asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from maskbench.comparison import Comparison, compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.report.material import Material, gather
from maskbench.report.pieces import About

EFFECTS = {("block", 0.1): 0.05, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.05}
ABOUT = About("study", "maskbench sweep experiment=quickstart", running=False)
STEPS = (0, 10, 50)


def drawn_runs(effects: Mapping[tuple[str, float], float] = EFFECTS, **how: object) -> pd.DataFrame:
    """Runs of one fixed draw."""
    return simulated_runs(np.random.default_rng(0), effects=effects, **how)  # type: ignore[arg-type]


def full_runs(**how: object) -> pd.DataFrame:
    """Runs with all that a tracked run has: gaps, calibration, robustness, epochs, memory."""
    runs = drawn_runs(**how)
    masked = runs["mask"] != "none"
    extra = {"gap/accuracy": 0.05 - 0.02 * masked, "test/ece": 0.04 - 0.01 * masked}
    extra["robust/noise/accuracy"] = runs["test/accuracy"] - 0.1 + 0.05 * masked
    extra |= {"fit/epochs": 40.0, "fit/best_epoch": 20.0 + 20 * masked, "cost/peak_memory_mib": 500.0 + 50 * masked}
    extra["cost/mask_seconds"] = 0.2 * masked
    jitter = 1e-3 * np.sin(np.arange(len(runs)))
    for name in ("gap/accuracy", "test/ece", "robust/noise/accuracy"):
        extra[name] = extra[name] + jitter
    return runs.assign(**extra)


def curves_of(runs: pd.DataFrame, gain: float = 0.1) -> pd.DataFrame:
    """At test rate s a masked run is better than its partner by `gain` times s / 50; losses over four epochs."""
    rows = []
    for run, mask, seed in zip(runs["run_id"], runs["mask"], runs["seed"], strict=True):
        better = 0.0 if mask == "none" else gain
        rows += [(run, "curve/noise/accuracy", s, 0.9 + 0.001 * seed + better * s / 50) for s in STEPS]
        rows += [(run, "curve/noise/nll", s, 1.0) for s in STEPS]
        rows += [(run, f"loss/{part}", epoch, 1 / epoch + better) for part in ("train", "val") for epoch in range(1, 5)]
    return pd.DataFrame(rows, columns=["run_id", "curve", "step", "value"])


def material_of(runs: pd.DataFrame, curves: pd.DataFrame | None = None, about: About = ABOUT) -> Material:
    """The material of a report about `runs`."""
    return gather(compare(runs), about, curves)


def material(comparison: Comparison, about: About = ABOUT) -> Material:
    """The material of a report about a comparison, without curves."""
    return gather(comparison, about)
