"""Curves become means and bands over the pairs that have both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maskbench.report.curves import Curves, under_trained
from maskbench.report.views import View
from tests.report.studies import curves_of, drawn_runs, material_of

LOSS = {("block", 0.1): -0.05}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return drawn_runs()


@pytest.fixture(scope="module")
def view(runs: pd.DataFrame) -> View:
    return material_of(runs).views[0]


def test_both_lines_have_mean_and_t_interval(runs: pd.DataFrame, view: View) -> None:
    found = Curves(curves_of(runs), {"accuracy"}).robustness(view)
    assert list(found) == ["noise"]
    masked, partner = found["noise"].masked, found["noise"].partner
    values = 0.9 + 0.001 * np.arange(8)
    assert partner.mean == pytest.approx([values.mean()] * 3)
    assert masked.mean == pytest.approx(values.mean() + 0.1 * np.array([0, 0.2, 1]))
    low, high = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
    assert (partner.low[0], partner.high[0]) == (pytest.approx(low), pytest.approx(high))
    assert list(masked.steps) == [0, 10, 50]
    assert found["noise"].n == 8


def test_a_pair_counts_only_whole_and_the_last_value_of_a_step(runs: pd.DataFrame, view: View) -> None:
    curves = curves_of(runs)
    curves = curves[curves["run_id"] != "digits-none-nan-0"]
    again = curves.assign(value=curves["value"] + 1)
    found = Curves(pd.concat([curves, again]), {"accuracy"}).robustness(view)["noise"]
    assert found.n == 7
    assert found.partner.mean[0] == pytest.approx(1.9 + 0.001 * np.arange(1, 8).mean())


def test_the_matrix_is_by_rate_of_the_chosen_kind(runs: pd.DataFrame, view: View) -> None:
    table = Curves(curves_of(runs), {"accuracy"}).rates(view)["noise"]
    assert table.rates == [0.1, 0.3]
    assert table.n == [8, 8]
    assert table.steps == [0, 10, 50]
    assert table.means == pytest.approx(np.array([[0, 0.02, 0.1]] * 2))


def test_a_loss_is_better_where_it_is_smaller() -> None:
    runs = drawn_runs(LOSS, metric="nll")
    curves = curves_of(runs).replace({"curve": {"curve/noise/accuracy": "x", "curve/noise/nll": "y"}})
    curves["curve"] = curves["curve"].replace({"x": "curve/noise/nll"})
    table = Curves(curves, {"nll"}).rates(material_of(runs).views[0])["noise"]
    assert table.means == pytest.approx(np.array([[0, -0.02, -0.1]]))


def test_a_line_ends_where_half_of_the_seeds_stopped(runs: pd.DataFrame, view: View) -> None:
    curves = curves_of(runs)
    stopped = curves["run_id"].isin([f"digits-block-0.1-{seed}" for seed in range(5)])
    losses = Curves(curves[~(stopped & (curves["step"] > 2))], set()).losses(view)["validation loss"]
    assert list(losses.masked.steps) == [1, 2]
    assert list(losses.partner.steps) == [1, 2, 3, 4]


@pytest.mark.parametrize("table", [None, pd.DataFrame(columns=["run_id", "curve", "step", "value"])])
def test_without_curves_there_is_nothing(table: pd.DataFrame | None, view: View) -> None:
    curves = Curves(table, {"accuracy"})
    assert (curves.losses(view), curves.robustness(view), curves.rates(view)) == ({}, {}, {})


def test_curves_of_other_runs_or_metrics_are_nothing(runs: pd.DataFrame, view: View) -> None:
    assert Curves(curves_of(runs), {"brier"}).robustness(view) == {}
    assert Curves(curves_of(runs).assign(run_id="x"), {"accuracy"}).robustness(view) == {}


@pytest.mark.parametrize(("late", "found"), [(4, []), (5, [("b", "m 0.1", 5, 8)])])
def test_most_seeds_must_still_be_falling(late: int, found: list[object]) -> None:
    best = [10.0] * late + [3.0] * (8 - late)
    runs = pd.DataFrame({"block": "b", "arm": "m 0.1", "state": "finished", "fit/best_epoch": best})
    table = pd.concat([runs, runs.assign(state="failed", **{"fit/best_epoch": 10.0})])
    assert list(under_trained(table.assign(**{"fit/epochs": 10.0}))) == found
    assert list(under_trained(runs)) == []
