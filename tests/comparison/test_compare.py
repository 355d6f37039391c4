"""The whole comparison, on tables as users bring them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.errors import ConfigError

EFFECTS = {("block", 0.1): 0.03, ("block", 0.3): 0.0}
COMPULSORY = ["data", "model", "mask", "rate", "seed", "val/accuracy", "test/accuracy"]


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS)


def test_the_compulsory_columns_are_enough(runs: pd.DataFrame) -> None:
    small, full = compare(runs[COMPULSORY]), compare(runs)
    pd.testing.assert_series_equal(small.answers.iloc[0].drop("extra_time"), full.answers.iloc[0].drop("extra_time"))


def test_the_input_is_left_alone(runs: pd.DataFrame) -> None:
    before = runs.copy()
    compare(runs, planned=runs[COMPULSORY[:5]])
    pd.testing.assert_frame_equal(runs, before)


def test_a_table_read_from_csv_gives_the_same_answers(runs: pd.DataFrame, tmp_path: object) -> None:
    file = f"{tmp_path}/runs.csv"
    runs.to_csv(file, index=False)
    pd.testing.assert_frame_equal(compare(pd.read_csv(file)).answers, compare(runs).answers)


def test_the_order_of_rows_does_not_matter(runs: pd.DataFrame) -> None:
    shuffled = runs.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(compare(shuffled).answers, compare(runs).answers)
    pd.testing.assert_frame_equal(compare(shuffled).effects, compare(runs).effects)


def test_classification_and_regression_are_judged_by_their_own_metric(runs: pd.DataFrame) -> None:
    regression = simulated_runs(np.random.default_rng(1), effects=EFFECTS, data=("diabetes",), metric="r2")
    both = pd.concat([runs, regression], ignore_index=True)
    answers = compare(both).answers.set_index("data")
    assert answers["metric"].to_dict() == {"diabetes": "r2", "digits": "accuracy"}
    assert answers["n_pairs"].tolist() == [8, 8]
    with pytest.raises(ConfigError, match="name one metric"):
        compare(both, smallest_effect=0.01)
    named = compare(both, metric="accuracy").coverage.set_index("block")
    assert named.loc["diabetes · mlp", "not finite"] == 16


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_smallest_effect_must_be_positive(runs: pd.DataFrame, size: float) -> None:
    with pytest.raises(ConfigError, match="positive"):
        compare(runs, smallest_effect=size)


def test_no_finished_run_is_an_answer_not_an_error(runs: pd.DataFrame) -> None:
    waiting = runs[COMPULSORY[:5]].assign(status="RUNNING")
    comparison = compare(waiting)
    assert comparison.coverage.iloc[0]["running"] == len(runs)
    assert comparison.answers.iloc[0]["verdict"] == "unsettled"
    assert comparison.effects.empty


def test_columns_without_a_direction_are_named(runs: pd.DataFrame) -> None:
    assert compare(runs.assign(**{"test/f1": 0.5})).ignored == ("test/f1",)


def test_these_rooms_import_neither_torch_nor_mlflow() -> None:
    unwanted = {"torch", "mlflow", "hydra", "matplotlib.pyplot"}
    code = f"import sys, maskbench.comparison, maskbench.report; print({unwanted} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
