"""The border: what a table must have, and the state given to every row."""

from __future__ import annotations

import pandas as pd
import pytest

from maskbench.comparison.table import prepare
from maskbench.errors import DataError


def runs(*rows: dict[str, object]) -> pd.DataFrame:
    base = {"data": "d", "model": "m", "mask": "none", "rate": None, "seed": 0, "status": "FINISHED"}
    return pd.DataFrame([{**base, "run_id": f"r{place}", **row} for place, row in enumerate(rows)])


def states(table: pd.DataFrame) -> dict[str, str]:
    return dict(zip(table["run_id"], table["state"], strict=True))


@pytest.mark.parametrize("column", ["data", "model", "mask", "rate", "seed"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(DataError, match=f"no column '{column}'"):
        prepare(runs({}).drop(columns=column))


def test_the_nearest_column_is_offered() -> None:
    with pytest.raises(DataError, match="Did you mean 'seeds'"):
        prepare(runs({}).rename(columns={"seed": "seeds"}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"seed": None}, "Row 2 .* has no seed"),
        ({"mask": None}, "Row 2 .* has no mask"),
        ({"mask": "block", "rate": "much"}, "Row 2 has the rate 'much'"),
        ({"status": "done"}, "Row 2 has the status 'done'"),
    ],
)
def test_a_bad_row_is_named(row: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(runs({}, row))


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        prepare(runs({}).iloc[:0])


def test_a_table_without_status_is_finished() -> None:
    assert list(prepare(runs({}).drop(columns=["status", "run_id"]))["state"]) == ["finished"]


def test_the_last_finished_row_of_a_key_counts() -> None:
    table = prepare(
        runs(
            {"status": "FAILED", "key": "k"},
            {"key": "k"},
            {"key": "k"},
            {"status": "KILLED", "key": "k"},
        )
    )
    assert states(table) == {"r0": "retried", "r1": "duplicate", "r2": "finished", "r3": "retried"}


def test_without_a_finished_row_the_last_one_counts() -> None:
    table = prepare(runs({"status": "RUNNING"}, {"status": "FAILED"}))
    assert states(table) == {"r0": "retried", "r1": "failed"}


def test_without_keys_the_settings_identify_a_run() -> None:
    table = prepare(runs({"mask": "block", "rate": 0.10}, {"mask": "block", "rate": "0.1"}, {"seed": "0"}))
    assert states(table) == {"r0": "duplicate", "r1": "finished", "r2": "finished"}


def test_without_a_plan_every_arm_is_expected_with_every_seed() -> None:
    table = prepare(runs({}, {"seed": 1}, {"mask": "block", "rate": 0.1}))
    missing = table[table["state"] == "missing"]
    assert list(missing["arm"] + " " + missing["seed"]) == ["block 0.1 1"]


def test_a_plan_says_what_is_missing() -> None:
    plan = runs({"key": "a"}, {"key": "b", "seed": 1}).drop(columns=["status", "run_id"])
    table = prepare(runs({"key": "a"}, {"key": "c", "seed": 2}), plan)
    assert sorted(zip(table["seed"], table["state"], strict=True)) == [
        ("0", "finished"),
        ("1", "missing"),
        ("2", "finished"),
    ]


def test_a_plan_without_runs_is_all_missing() -> None:
    table = prepare(runs({}).iloc[:0], runs({}, {"seed": 1}).drop(columns="status"))
    assert list(table["state"]) == ["missing", "missing"]


def test_the_order_of_rows_does_not_matter() -> None:
    some = runs({}, {"seed": 1}, {"mask": "block", "rate": 0.1}, {"mask": "block", "rate": 0.1, "seed": 1})
    forward, backward = prepare(some), prepare(some[::-1].reset_index(drop=True))
    pd.testing.assert_frame_equal(forward.drop(columns="position"), backward.drop(columns="position"))


def test_a_plan_without_keys_finds_its_runs_by_their_settings() -> None:
    plan = runs({}, {"seed": 1}).drop(columns=["status", "run_id"])
    table = prepare(runs({"key": "a"}), plan)
    assert sorted(zip(table["seed"], table["state"], strict=True)) == [("0", "finished"), ("1", "missing")]
