"""Reading a study in bulk: the fast way and MLflow's own give the same."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from maskbench.records import Identity, Point, RunRecord
from maskbench.tracking.bulk import read_curves, read_runs
from maskbench.tracking.location import Location
from maskbench.tracking.store import Store
from maskbench.tracking.table import curves_table, runs_table
from maskbench.tracking.writer import RunWriter

CURVES = (Point("curve/noise/accuracy", 0.9, 0), Point("curve/noise/accuracy", 0.5, 50))


@pytest.fixture
def store(uri: str) -> Store:
    store = Store(uri, "a study")
    for seed in range(3):
        settings = {
            "data": "wine",
            "mask": "none",
            "seed": seed,
            "train.patience": None,
            "flag": True,
            "train.lr": 1e-3,
        }
        claim = store.claim(Identity(f"k{seed}", "k0", settings | {"model": "m"}), 5.0, {"code": "c"})
        assert isinstance(claim, RunWriter)
        claim.start(settings, "")
        claim.watch([Point("loss/val", 1.0 - seed, 1)])
        if seed == 2:
            claim.fail("diverged: no")
        else:
            metrics = {"test/accuracy": seed / 3, "cost/peak_memory_mib": math.nan}
            claim.finish(RunRecord(metrics, CURVES, {"split": "aa"}, "here", {"correct": "9:uoA="}))
    store.open_sweep("s", "")
    other = Store(uri, "another study").claim(Identity("k9", "k9", settings | {"model": "m"}), 5.0, {})
    assert isinstance(other, RunWriter)
    return store


def by_api(store: Store) -> Store:
    slow = Store(store.location.uri, store.study)
    slow.location = Location(store.location.uri, None)
    return slow


def test_both_ways_read_the_same_runs(store: Store) -> None:
    fast = read_runs(store)
    assert fast == read_runs(by_api(store))
    assert [run.tags["key"] for run in fast] == ["k0", "k1", "k2"]
    pd.testing.assert_frame_equal(runs_table(store), runs_table(by_api(store)))


def test_the_table_is_typed_and_without_curves(store: Store) -> None:
    table = runs_table(store)
    assert table["test/accuracy"].tolist()[:2] == [0.0, 1 / 3]
    assert table["seed"].dtype.kind == "i"
    assert table["flag"].tolist() == [True] * 3
    assert table["items/correct"].tolist()[0] == "9:uoA="
    assert table["hash/split"].tolist()[:2] == ["aa", "aa"]
    assert table["reason"].tolist()[2] == "diverged: no"
    assert not [name for name in table if name.startswith(("curve/", "loss/")) or name == "train.patience"]


def test_curves_of_some_runs(store: Store) -> None:
    first, second, third = [run.run_id for run in read_runs(store)]
    fast = sorted(read_curves(store, [first, third]), key=repr)
    assert fast == sorted(read_curves(by_api(store), [first, third]), key=repr)
    table = curves_table(store, [second])
    assert table.columns.tolist() == ["run_id", "curve", "step", "value"]
    assert set(table["run_id"]) == {second}
    found = table[table["curve"] == "curve/noise/accuracy"]
    assert found[["step", "value"]].to_numpy().tolist() == [[0, 0.9], [50, 0.5]]
    assert table.loc[table["curve"] == "loss/val", "value"].tolist() == [0.0]
    assert curves_table(store, []).empty


def test_an_item_list_too_long_for_a_tag_is_left_out(uri: str) -> None:
    store = Store(uri, "long")
    claim = store.claim(Identity("k", "k", {"data": "d", "model": "m", "mask": "none", "seed": 0}), 5.0, {})
    assert isinstance(claim, RunWriter)
    claim.finish(RunRecord({}, (), {}, "", {"correct": "x" * 8001}))
    assert "items/correct" not in runs_table(store)
