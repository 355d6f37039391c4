"""From a table of runs to what it says about masking: the one entry of the comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from maskbench.comparison.across import pooled
from maskbench.comparison.answers import answer
from maskbench.comparison.coverage import count, problems
from maskbench.comparison.effects import arm_effects
from maskbench.comparison.items import COLUMN as ITEMS
from maskbench.comparison.items import items_table
from maskbench.comparison.measures import ignored, measures, primary_metrics
from maskbench.comparison.pairs import pair
from maskbench.comparison.power import power_table
from maskbench.comparison.ranks import ranked
from maskbench.comparison.sensitivity import sensitivity_table
from maskbench.comparison.table import prepare
from maskbench.errors import ConfigError
from maskbench.records import Metric


@dataclass(frozen=True)
class Comparison:
    """What a study says about masking, as tables; every module of this room documents its own.

    `answers` one row a block, `effects` one row an arm and measure, `pairs` one row a finished
    masked run, `coverage` one row a block, `problems` one row a run or pair not used, `runs`
    one row a run that was planned or made. `power`, `sensitivity` and `items` have at most one
    row a block, `ranks` one a model and arm, `across` one a model, over several data sets.
    """

    answers: pd.DataFrame
    effects: pd.DataFrame
    pairs: pd.DataFrame
    coverage: pd.DataFrame
    problems: pd.DataFrame
    runs: pd.DataFrame
    power: pd.DataFrame
    ranks: pd.DataFrame
    across: pd.DataFrame
    sensitivity: pd.DataFrame
    items: pd.DataFrame
    ignored: tuple[str, ...] = ()
    """Result columns without a known direction, which are not compared."""
    has_plan: bool = False
    """Whether a plan was given; else every arm is expected to have every seed of its block."""


def compare(
    runs: pd.DataFrame,
    metric: str | None = None,
    smallest_effect: float | None = None,
    planned: pd.DataFrame | None = None,
) -> Comparison:
    """Compare masked with unmasked training over a table with one row a run.

    `runs` needs data, model, mask (`none` for partners), rate, seed, val/<metric> and
    test/<metric>; it may have status, reason, pair_key, hash/…, cost/… and dotted settings. `metric` None takes each
    block's primary one. `smallest_effect` is the smallest change worth having, in the metric's
    unit (a share of the partner's value for losses). `planned` lists the runs that were meant.
    Raises DataError for a table that cannot be read, ConfigError for a metric or size that
    cannot be used.
    """
    table = prepare(runs, planned)
    primary = primary_metrics(table, metric)
    smallest = _smallest(smallest_effect, primary)
    compared = measures(runs.columns)
    pairs = pair(table, compared, primary)
    answers = answer(table, pairs, primary, smallest)
    effects = arm_effects(pairs, compared, smallest)
    return Comparison(
        answers=answers,
        effects=effects,
        pairs=pairs.drop(columns=["position", "partner_position"]),
        coverage=count(table, pairs),
        problems=problems(table, pairs),
        runs=table.drop(columns=["position", "identity", ITEMS], errors="ignore"),
        power=power_table(answers),
        ranks=ranked(effects, answers),
        across=pooled(answers),
        sensitivity=sensitivity_table(pairs, answers, primary),
        items=items_table(table, pairs, answers),
        ignored=ignored(runs.columns),
        has_plan=planned is not None,
    )


def _smallest(size: float | None, primary: Mapping[str, Metric]) -> dict[str, float]:
    """The smallest worthwhile effect by metric name, where the caller chose one."""
    if size is None:
        return {}
    if not (math.isfinite(size) and size > 0):
        raise ConfigError(f"The smallest effect is {size}; it must be a positive number.")
    names = sorted({metric.name for metric in primary.values()})
    if len(names) > 1:
        raise ConfigError(f"One smallest effect cannot serve {' and '.join(names)}: name one metric as well.")
    return {names[0]: size}
