"""Which columns are compared, in which direction, and by which one a block is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison.measures import finite, ignored, measures, primary_metrics
from maskbench.errors import ConfigError


def test_measures_know_their_part_and_direction() -> None:
    columns = [
        "test/accuracy",
        "test/nll",
        "gap/accuracy",
        "gap/nll",
        "robust/noise/accuracy",
        "val/loss",
        "cost/epochs",
    ]
    found = {m.column: (m.part, m.sign) for m in measures(columns)}
    assert found == {
        "test/accuracy": ("test", 1),
        "test/nll": ("test", -1),
        "gap/accuracy": ("gap", -1),
        "gap/nll": ("gap", -1),
        "robust/noise/accuracy": ("robust/noise", 1),
    }
    assert ignored(columns) == ("val/loss",)


def test_only_finite_numbers_count() -> None:
    table = pd.DataFrame({"x": [1, "2", "many", None, np.inf]}, dtype=object)
    assert finite(table, "x").notna().tolist() == [True, True, False, False, False]
    assert finite(table, "y").isna().all()


def table(**columns: list[float]) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    return pd.DataFrame({"block": list("ab")[:size], "state": "finished", **columns})


def test_each_block_has_its_primary_metric() -> None:
    nan = float("nan")
    rows = table(**{"test/accuracy": [0.9, nan], "test/rmse": [nan, 3.0], "test/r2": [nan, 0.4]})
    found = primary_metrics(rows, None)
    assert {block: metric.name for block, metric in found.items()} == {"a": "accuracy", "b": "r2"}


def test_a_named_metric_serves_every_block() -> None:
    rows = table(**{"test/accuracy": [0.9, 0.8], "test/nll": [0.1, 0.2]})
    assert {metric.name for metric in primary_metrics(rows, "nll").values()} == {"nll"}


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'accuracy'"):
        primary_metrics(table(**{"test/accuracy": [0.9]}), "acuracy")


def test_a_metric_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"test/r2.*accuracy, nll"):
        primary_metrics(table(**{"test/accuracy": [0.9], "test/nll": [0.1]}), "r2")


def test_a_table_without_any_known_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="test/<metric>"):
        primary_metrics(table(**{"test/score": [0.9]}), None)


def test_a_metric_may_be_named_before_any_run_is_finished() -> None:
    rows = table(**{"test/accuracy": [0.9]}).assign(state="running")
    assert primary_metrics(rows, "r2")["a"].name == "r2"
