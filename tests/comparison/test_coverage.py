"""Nothing is dropped in silence: every run and pair is counted once, and every loss is listed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison import compare
from maskbench.comparison.pairs import STATES as PAIR_STATES
from maskbench.comparison.simulated import simulated_runs
from maskbench.comparison.table import STATES as RUN_STATES


@pytest.fixture
def damaged() -> pd.DataFrame:
    """One block with every kind of loss once."""
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.01, ("block", 0.3): 0.01}, seeds=9)
    runs["hash/init"] = runs["seed"].astype(str)
    runs["reason"], runs["code"] = "", "c"
    at = runs.set_index(["mask", "rate", "seed"], drop=False)
    index = {key: place for place, key in enumerate(at.index)}
    runs.loc[index["block", 0.1, 0], ["status", "reason"]] = ["FAILED", "loss is not a number"]
    runs.loc[index["block", 0.1, 1], "status"] = "KILLED"
    runs.loc[index["block", 0.1, 2], "status"] = "RUNNING"
    runs.loc[index["block", 0.1, 3], "hash/init"] = "other"
    runs.loc[index["block", 0.1, 4], "test/accuracy"] = np.nan
    runs.loc[index["block", 0.1, 5], "code"] = "changed"
    none = runs[(runs["mask"] == "none") & (runs["seed"] == 6)].index
    gone = index["block", 0.1, 7]
    again = runs.loc[[index["block", 0.3, 8]]].assign(run_id="again")
    retried = runs.loc[[index["block", 0.3, 7]]].assign(run_id="before", status="FAILED")
    return pd.concat([retried, runs.drop(index=[*none, gone]), again], ignore_index=True)


def test_every_kind_of_loss_is_counted(damaged: pd.DataFrame) -> None:
    row = compare(damaged).coverage.iloc[0].to_dict()
    expected = {"planned": 27, "finished": 22, "failed": 1, "killed": 1, "running": 1, "missing": 2}
    expected |= {"duplicate": 1, "retried": 1, "partners": 8, "masked": 14, "used": 10}
    expected |= {"broken": 1, "no partner": 2, "not finite": 1, "repeated": 0, "code_differs": 1}
    assert {name: row[name] for name in expected} == expected


def test_the_counts_add_up(damaged: pd.DataFrame) -> None:
    for runs in (damaged, damaged.iloc[::2], damaged.iloc[5:]):
        row = compare(runs).coverage.iloc[0]
        assert row["planned"] == row[list(RUN_STATES)].sum()
        assert row["masked"] == row[list(PAIR_STATES)].sum()
        assert row["finished"] == row["masked"] + row["partners"]
        assert row["finished"] + row["duplicate"] == (runs["status"] == "FINISHED").sum()


def test_every_loss_is_listed_with_its_reason(damaged: pd.DataFrame) -> None:
    comparison = compare(damaged)
    row = comparison.coverage.iloc[0]
    listed = comparison.problems["problem"].value_counts()
    for name in (
        "failed",
        "killed",
        "running",
        "missing",
        "duplicate",
        "retried",
        "broken",
        "no partner",
        "not finite",
    ):
        assert listed[name] == row[name], name
    assert listed["code differs"] == 1
    failed = comparison.problems[comparison.problems["problem"] == "failed"].iloc[0]
    assert failed["detail"] == "loss is not a number"
    assert failed["run_id"] == "digits-block-0.1-0"


def test_a_clean_study_lists_nothing() -> None:
    comparison = compare(simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.01}))
    assert comparison.problems.empty
    assert comparison.coverage.iloc[0]["used"] == 8


def test_diverged_runs_are_counted_apart_from_failed_ones() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.01})
    runs["reason"] = ""
    runs.loc[1, ["status", "reason"]] = ["FAILED", "diverged: the training loss became nan in epoch 3"]
    runs.loc[3, ["status", "reason"]] = ["FAILED", "out of memory"]
    runs.loc[5, ["status", "reason"]] = ["KILLED", "diverged: said too late"]
    comparison = compare(runs)
    row = comparison.coverage.iloc[0]
    assert (row["diverged"], row["failed"], row["killed"], row["planned"]) == (1, 1, 1, 16)
    listed = comparison.problems.set_index("problem")
    assert listed.loc["diverged", "detail"] == "diverged: the training loss became nan in epoch 3"
