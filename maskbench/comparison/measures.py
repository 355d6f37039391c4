"""What is compared: the columns of a table whose metric has a known direction, and the primary one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from maskbench.errors import ConfigError, nearest
from maskbench.records import METRICS, PRIMARY, Metric

PARTS = ("train", "val", "test", "gap", "robust")


@dataclass(frozen=True)
class Measure:
    """One result column: `part` of the run (`test`, `gap`, `robust/noise` …) and its metric."""

    column: str
    part: str
    metric: Metric

    @property
    def sign(self) -> int:
        """+1 where more is better; a gap is positive for overfitting, so less of it is better."""
        return -1 if self.part == "gap" else self.metric.sign


def measures(columns: Iterable[str], metrics: Mapping[str, Metric] = METRICS) -> list[Measure]:
    """The result columns among `columns` that can be compared, in their order."""
    found = []
    for column in columns:
        part, _, name = column.rpartition("/")
        if part.split("/")[0] in PARTS and name in metrics:
            found.append(Measure(column, part, metrics[name]))
    return found


def ignored(columns: Iterable[str]) -> tuple[str, ...]:
    """Result columns whose metric has no known direction, so that they cannot be compared."""
    columns = list(columns)
    known = {measure.column for measure in measures(columns)}
    return tuple(c for c in columns if c.split("/")[0] in PARTS and "/" in c and c not in known)


def finite(table: pd.DataFrame, column: str) -> pd.Series[float]:
    """A result as floats, with NaN for whatever is no finite number."""
    if column not in table:
        return pd.Series(np.nan, index=table.index, dtype=float)
    numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))


def check_metric(table: pd.DataFrame, metric: str) -> Metric:
    """The metric called `metric`, or a ConfigError where it is unknown or not in the table."""
    if metric not in METRICS:
        hint = nearest(metric, METRICS)
        raise ConfigError(f"Unknown metric '{metric}'.{hint} Known: {', '.join(METRICS)}.")
    done = bool((table["state"] == "finished").any())
    if done and finite(table, f"test/{metric}").isna().all():
        there = [name for name in METRICS if finite(table, f"test/{name}").notna().any()]
        raise ConfigError(f"No run has a value of 'test/{metric}'. This table has: {', '.join(there) or 'none'}.")
    return METRICS[metric]


def primary_metrics(table: pd.DataFrame, metric: str | None) -> dict[str, Metric]:
    """What each block is judged by: `metric`, or accuracy where it was measured, else R²."""
    if metric is not None:
        chosen = check_metric(table, metric)
        return {str(block): chosen for block in table["block"].unique()}
    found = {str(block): _measured(rows) for block, rows in table.groupby("block")}
    default = next((m for m in found.values() if m is not None), METRICS["accuracy"])
    if not any(found.values()) and bool((table["state"] == "finished").any()):
        raise ConfigError(f"No run has a value of test/<metric> for any of {', '.join(METRICS)}.")
    return {block: chosen or default for block, chosen in found.items()}


def _measured(rows: pd.DataFrame) -> Metric | None:
    """The first metric with a test value in a finished run of `rows`, primary ones first."""
    finished = rows[rows["state"] == "finished"]
    for name in dict.fromkeys([*PRIMARY.values(), *METRICS]):
        if finite(finished, f"test/{name}").notna().any():
            return METRICS[name]
    return None
