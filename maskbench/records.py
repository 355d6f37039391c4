"""Plain records that cross every border: what a run was, what it measured, and what a metric means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Setting = str | int | float | bool | None

UNMASKED = "none"
"""The name of the mask that hides nothing: what every partner has."""


@dataclass(frozen=True)
class Metric:
    """What a number means: its unit, its direction and the smallest change worth having.

    `smallest_effect` is in the metric's unit, or a share of the partner's value where
    `relative` is true (half a point of accuracy, 1 % of a loss).
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool
    smallest_effect: float
    relative: bool = False

    @property
    def sign(self) -> int:
        """+1 where more is better, -1 where less is: `sign * difference > 0` is an improvement."""
        return 1 if self.higher_is_better else -1


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "share", True, 0.005),
        Metric("nll", "negative log-likelihood", "nats", False, 0.01, relative=True),
        Metric("brier", "Brier score", "squared probability", False, 0.01, relative=True),
        Metric("ece", "expected calibration error", "share", False, 0.005),
        Metric("r2", "R²", "share of variance", True, 0.005),
        Metric("rmse", "root mean squared error", "target units", False, 0.01, relative=True),
        Metric("mae", "mean absolute error", "target units", False, 0.01, relative=True),
    )
}

PRIMARY = {"classification": "accuracy", "regression": "r2"}
"""The metric a comparison is about unless the user names another, by task."""


@dataclass(frozen=True)
class Point:
    """One value of a curve; `step` is the epoch, or the test rate in per cent."""

    name: str
    value: float
    step: int


@dataclass(frozen=True)
class Identity:
    """Which run this is: its key, its partner's key, and the settings both were computed from."""

    key: str
    pair_key: str
    settings: Mapping[str, Setting]
    """Flat, by dotted name (`train.lr`), and the short names a table is grouped by
    (`data`, `model`, `mask`, `fill`, `rate`, `seed`)."""

    @property
    def name(self) -> str:
        """What a person reads in a list of runs: `digits mlp bernoulli 0.3 s4`."""
        settings = self.settings
        rate = "" if settings["mask"] == UNMASKED else f" {settings['rate']:g}"
        return f"{settings['data']} {settings['model']} {settings['mask']}{rate} s{settings['seed']}"


@dataclass(frozen=True)
class RunRecord:
    """What one finished training measured.

    `metrics` hold `train/…`, `val/…`, `test/…`, `gap/…`, `robust/…`, `mask/…`, `fit/…`
    and `cost/…`;
    everything but `cost/…` is a function of the settings alone. `hashes` prove that two runs
    share their split, initial weights and batch order.
    """

    metrics: Mapping[str, float]
    curves: tuple[Point, ...]
    hashes: Mapping[str, str]
    hardware: str
    items: Mapping[str, str] = field(default_factory=dict)
    """Results item by item, packed into text: `correct` is `<n>:<base64 of one bit per test item>`."""
