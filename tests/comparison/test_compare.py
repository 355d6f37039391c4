"""The whole comparison, on tables as users bring them."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.errors import ConfigError
from maskbench.records import METRICS

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


FRAMES = ("answers", "effects", "pairs", "coverage", "problems", "power", "ranks", "across", "sensitivity", "items")


def damaged(runs: pd.DataFrame, what: str) -> pd.DataFrame:
    """`runs` with one thing wrong that a real store may hold."""
    masked = runs["mask"] != "none"
    return {
        "no partner": runs[masked],
        "no masked run": runs[~masked],
        "one seed": runs[runs["seed"] == 0],
        "unequal seeds": runs[(runs["seed"] < 3) | (runs["rate"] != 0.1)],
        "all failed": runs.assign(status="FAILED", reason="diverged: nan"),
        "NaN test": runs.assign(**{"test/accuracy": runs["test/accuracy"].where(~masked)}),
        "NaN validation": runs.assign(**{"val/accuracy": np.nan}),
        "text": runs.assign(**{"val/accuracy": "<b>much</b>"}),
        "infinite": runs.assign(**{"test/nll": np.inf, "gap/accuracy": -np.inf}),
        "all equal": runs.assign(**{"val/accuracy": 0.5, "test/accuracy": 0.5}),
        "names": runs.assign(data="<script>alert(1)</script>", model="a_b & $\\\\input{x}$ · %\n"),
        "one run": runs[:1],
        "strings": runs.astype(str),
    }[what]


KINDS = ["no partner", "no masked run", "one seed", "unequal seeds", "all failed", "NaN test", "NaN validation"]


@pytest.mark.parametrize("what", [*KINDS, "text", "infinite", "all equal", "names", "one run", "strings"])
def test_bad_input_is_counted_not_raised(runs: pd.DataFrame, what: str) -> None:
    table = damaged(runs, what)
    found = compare(table)
    empty = compare(runs[COMPULSORY[:5]].assign(status="RUNNING"))
    for frame in FRAMES:
        shared = [name for name in getattr(empty, frame).columns if "/" not in name]
        assert set(shared) <= set(getattr(found, frame).columns), frame
    counts = found.coverage.iloc[0]
    assert counts["planned"] >= len(table)
    assert counts["masked"] - counts["used"] == found.problems["problem"].isin(["no partner", "not finite"]).sum()
    assert len(found.power) == len(found.sensitivity) == len(found.answers) == int((table["mask"] != "none").any())
    if what in ("no partner", "one seed", "all failed", "NaN test", "NaN validation", "text", "all equal"):
        assert found.answers["verdict"].tolist() == ["unsettled"]


def test_a_metric_that_is_not_there_is_one_clear_line(runs: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="No run has a value of 'test/nll'"):
        compare(runs, metric="nll")


@pytest.mark.parametrize(("arms", "seeds", "blocks"), [(500, 19, 1), (50, 10, 20)])
def test_ten_thousand_runs_of_forty_metrics_are_fast(arms: int, seeds: int, blocks: int) -> None:
    """One to five seconds on an idle core; the limit is for a busy one."""
    generator = np.random.default_rng(0)
    effects = {(f"m{arm % 10}", round(0.0005 * (arm + 1), 4)): 0.0 for arm in range(arms)}
    table = simulated_runs(generator, effects=effects, seeds=seeds, data=[f"d{block}" for block in range(blocks)])
    parts = ("train", "val", "test", "gap", "robust/noise", "robust/blur")
    columns = [f"{part}/{name}" for part in parts for name in METRICS]
    table = pd.concat(
        [table, pd.DataFrame({c: generator.random(len(table)) for c in columns if c not in table})], axis=1
    )
    began = time.process_time()
    found = compare(table)
    assert time.process_time() - began < 15
    assert len(found.effects) == arms * blocks * len(columns)


def test_columns_without_a_direction_are_named(runs: pd.DataFrame) -> None:
    assert compare(runs.assign(**{"test/f1": 0.5})).ignored == ("test/f1",)


def test_these_rooms_import_neither_torch_nor_mlflow() -> None:
    unwanted = {"torch", "mlflow", "hydra", "matplotlib.pyplot"}
    code = f"import sys, maskbench.comparison, maskbench.report; print({unwanted} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
