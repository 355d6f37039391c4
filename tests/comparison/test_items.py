"""Items won and lost on one split: against scipy and by hand, and never an exception."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from maskbench.comparison import compare
from maskbench.comparison.items import COLUMNS, item_numbers, unpacked
from maskbench.comparison.simulated import simulated_runs


def packed(correct: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    return f"{len(correct)}:{base64.b64encode(np.packbits(correct).tobytes()).decode()}"


def study(chance: float = 0.8, seeds: int = 3) -> pd.DataFrame:
    """One split of 100 items; the masked arm gets those right with `chance`, its partner with 0.6."""
    generator = np.random.default_rng(0)
    runs = simulated_runs(generator, effects={("block", 0.1): 0.05}, seeds=seeds)
    right = [generator.random(100) < (0.6 if mask == "none" else chance) for mask in runs["mask"]]
    return runs.assign(**{"hash/split": "same", "items/correct": [packed(one) for one in right]})


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_list_comes_back_as_it_was(correct: list[bool]) -> None:
    found = unpacked(packed(np.array(correct)))
    assert found is not None
    assert found.tolist() == correct


GARBLED = [None, float("nan"), "", ":", "3:", "0:", "8:AA", "8:!!!!", "-1:AA==", "99:/w==", "1:AAAA", "²:/w==", 7]


@pytest.mark.parametrize("text", [*GARBLED, "9" * 99, "9" * 99 + ":/w=="])
def test_anything_else_is_none(text: object) -> None:
    assert unpacked(text) is None


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    unpacked(text)


def test_one_seed_is_mcnemars_test() -> None:
    runs = study(seeds=1)
    row = compare(runs).items.iloc[0]
    masked, partner = (unpacked(runs.loc[runs["mask"] == mask, "items/correct"].iloc[0]) for mask in ("block", "none"))
    assert masked is not None
    assert partner is not None
    gained, lost = int((masked & ~partner).sum()), int((partner & ~masked).sum())
    assert (row["n_items"], row["gained"], row["lost"], row["metric"]) == (100, gained, lost, "accuracy")
    assert row["mcnemar_p"] == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)


def test_items_are_the_sample_and_seeds_are_not() -> None:
    row = compare(study()).items.iloc[0]
    assert row["n_items"] == 100
    assert row["gained"] + row["lost"] <= 100


def test_the_interval_is_scipys_bootstrap_of_the_items() -> None:
    net = np.random.default_rng(1).integers(-3, 5, size=200)
    found = item_numbers(net, 4)
    expected = stats.bootstrap((net / 4,), np.mean, method="percentile", rng=np.random.default_rng(2))
    assert found["ci_low"] == pytest.approx(expected.confidence_interval.low, abs=0.01)
    assert found["ci_high"] == pytest.approx(expected.confidence_interval.high, abs=0.01)
    assert found["gained"] == (net > 0).sum()


def test_equal_runs_prove_nothing() -> None:
    found = item_numbers(np.zeros(50, dtype=np.int64), 2)
    assert (found["mcnemar_p"], found["ci_low"], found["ci_high"]) == (1.0, 0.0, 0.0)


def test_redrawn_splits_have_no_row() -> None:
    runs = study()
    assert len(compare(runs).items) == 1
    assert compare(runs.assign(**{"hash/split": runs["seed"].astype(str)})).items.empty
    assert compare(runs.drop(columns="hash/split")).items.empty
    assert list(compare(runs.drop(columns="items/correct")).items.columns) == COLUMNS


@pytest.mark.parametrize("text", [None, "garbage", "3:4AA=", "50:" + "A" * 12])
def test_a_block_with_an_unreadable_list_has_no_row(text: str | None) -> None:
    runs = study()
    for mask in ("block", "none"):
        broken = runs.copy()
        broken.loc[broken.index[broken["mask"] == mask][1], "items/correct"] = text
        assert compare(broken).items.empty


def test_the_lists_stay_out_of_the_table_of_runs() -> None:
    assert "items/correct" not in compare(study()).runs
