"""Masked runs beside their partners: who is paired with whom, and why a pair is not used."""

from __future__ import annotations

import numpy as np
import pandas as pd

from maskbench.comparison.measures import measures, primary_metrics
from maskbench.comparison.pairs import pair
from maskbench.comparison.table import prepare


def pairs(*rows: dict[str, object]) -> pd.DataFrame:
    base: dict[str, object] = {"data": "d", "model": "m", "mask": "none", "rate": None, "seed": 0}
    base |= {"val/accuracy": 0.5, "test/accuracy": 0.5, "test/nll": 1.0, "gap/accuracy": 0.2}
    runs = pd.DataFrame([{**base, "run_id": f"r{place}", **row} for place, row in enumerate(rows)])
    table = prepare(runs)
    return pair(table, measures(runs.columns), primary_metrics(table, None))


MASKED = {"mask": "block", "rate": 0.3, "val/accuracy": 0.7, "test/accuracy": 0.6, "test/nll": 0.9, "gap/accuracy": 0.1}


def test_positive_means_that_masking_helped() -> None:
    found = pairs({}, MASKED).iloc[0]
    assert found["state"] == "used"
    assert found["partner_run_id"] == "r0"
    for column, value in (("val/accuracy", 0.2), ("test/accuracy", 0.1), ("test/nll", 0.1), ("gap/accuracy", 0.1)):
        assert np.isclose(found[f"difference/{column}"], value), column


def test_the_partner_has_the_same_seed_and_block() -> None:
    found = pairs(
        {"seed": 1, "train.lr": 0.1},
        {"seed": 0, "train.lr": 0.2},
        {"seed": 0, "train.lr": 0.1},
        {**MASKED, "seed": 0, "train.lr": 0.1},
        {**MASKED, "seed": 1, "train.lr": 0.2},
    )
    assert dict(zip(found["run_id"], found["partner_run_id"], strict=True)) == {"r3": "r2", "r4": ""}
    assert set(found["state"]) == {"used", "no partner"}


def test_a_named_partner_goes_before_one_that_looks_right() -> None:
    found = pairs(
        {"key": "old", "train.lr": 0.5, "test/accuracy": 0.4},
        {"key": "new"},
        {**MASKED, "key": "x", "pair_key": "old"},
        {**MASKED, "key": "y", "pair_key": "gone", "seed": 0, "rate": 0.4},
    )
    assert dict(zip(found["run_id"], found["partner_run_id"], strict=True)) == {"r2": "r0", "r3": ""}


def test_a_failed_partner_is_no_partner() -> None:
    found = pairs({"status": "FAILED"}, {**MASKED, "status": "FINISHED"})
    assert list(found["state"]) == ["no partner"]


def test_pairs_whose_hashes_differ_are_broken() -> None:
    found = pairs(
        {"hash/split": "a", "hash/init": "b"},
        {**MASKED, "hash/split": "a", "hash/init": "b"},
        {**MASKED, "rate": 0.4, "hash/split": "a", "hash/init": "other"},
        {**MASKED, "rate": 0.5, "hash/split": "a", "hash/init": None},
    )
    assert list(found["state"]) == ["used", "broken", "broken"]
    assert "init" in found["detail"][1]


def test_a_metric_that_is_not_finite_is_listed() -> None:
    found = pairs({}, {**MASKED, "test/accuracy": np.nan}, {**MASKED, "rate": 0.4, "val/accuracy": np.inf})
    assert list(found["state"]) == ["not finite", "not finite"]
    assert [detail.split()[0] for detail in found["detail"]] == ["test", "val"]


def test_one_pair_for_each_arm_and_seed() -> None:
    found = pairs({}, {**MASKED, "key": "x"}, {**MASKED, "key": "y", "test/accuracy": 0.9})
    assert dict(zip(found["run_id"], found["state"], strict=True)) == {"r1": "repeated", "r2": "used"}


def test_time_is_compared_on_the_same_hardware_only() -> None:
    found = pairs(
        {"cost/seconds": 2.0, "hardware": "cpu"},
        {**MASKED, "cost/seconds": 3.0, "hardware": "cpu"},
        {**MASKED, "rate": 0.4, "cost/seconds": 1.0, "hardware": "gpu"},
    )
    assert found["time_ratio"][0] == 1.5
    assert np.isnan(found["time_ratio"][1])


def test_changed_code_is_marked_and_still_used() -> None:
    found = pairs({"code": "a"}, {**MASKED, "code": "b"})
    assert bool(found["code_differs"][0])
    assert found["state"][0] == "used"
