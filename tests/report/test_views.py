"""What figures are given: the right arms, chosen without a look at the test results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.report.views import strongest, views
from tests.report.studies import full_runs

EFFECTS = {("block", 0.1): 0.03, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.03, ("bernoulli", 0.1): 0.01}


@pytest.fixture
def runs() -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a", "b"))


def test_a_view_holds_one_block(runs: pd.DataFrame) -> None:
    first, second = views(compare(runs))
    assert (first.answer["data"], second.answer["data"]) == ("a", "b")
    assert list(first.arms["arm"]) == ["bernoulli 0.1", "bernoulli 0.3", "block 0.1", "block 0.3"]
    assert list(first.arms["kind"]) == ["bernoulli", "bernoulli", "block", "block"]
    assert np.mean(first.dots["block 0.1"]) == pytest.approx(first.arms["mean_difference"][2])
    assert first.arms["val"][2] == pytest.approx(0.03, abs=0.02)


def test_a_block_without_pairs_has_no_view(runs: pd.DataFrame) -> None:
    assert [view.answer["data"] for view in views(compare(runs[(runs["data"] == "a") | (runs["mask"] != "none")]))] == [
        "a"
    ]


def test_what_is_drawn_is_chosen_on_validation_and_keeps_the_best_on_test(runs: pd.DataFrame) -> None:
    runs.loc[(runs["mask"] == "bernoulli") & (runs["rate"] == 0.3), "test/accuracy"] += 0.3
    runs.loc[(runs["mask"] == "block") & (runs["rate"] == 0.1), "test/accuracy"] -= 0.3
    view = views(compare(runs))[0]
    assert list(strongest(view, 2, "arm").arms["arm"]) == ["bernoulli 0.3", "block 0.1"]
    assert list(strongest(view, 1, "kind").arms["kind"]) == ["bernoulli", "bernoulli"]
    assert len(strongest(view, 9, "arm").arms) == 4


def test_fills_are_kinds_of_their_own(runs: pd.DataFrame) -> None:
    runs["fill"] = np.where(runs["rate"] == 0.3, "mean", "zero")
    assert set(views(compare(runs))[0].arms["kind"]) == {"block", "bernoulli"}
    second = runs[runs["mask"] != "none"].assign(fill="mean")
    both = pd.concat([runs.assign(fill="zero"), second])
    assert set(views(compare(both))[0].arms["kind"]) == {
        f"{m} fill={f}" for m in ("block", "bernoulli") for f in ("zero", "mean")
    }


def test_gap_and_calibration_come_with_their_intervals() -> None:
    runs = full_runs()
    effects = compare(runs).effects
    arms = views(compare(runs))[0].arms
    for name, part, metric in (("gap", "gap", "accuracy"), ("ece", "test", "ece")):
        own = effects[(effects["part"] == part) & (effects["metric"] == metric)]
        assert arms[name].tolist() == own["mean_difference"].tolist()
        assert arms[f"{name}_low"].tolist() == own["ci_low"].tolist()
        assert arms[f"{name}_high"].tolist() == own["ci_high"].tolist()


def test_runs_stand_in_the_order_of_their_dots(runs: pd.DataFrame) -> None:
    view = views(compare(runs))[0]
    pairs = view.pairs.set_index("run_id")["difference/test/accuracy"]
    for arm, found in view.runs.items():
        assert pairs[found].tolist() == view.dots[arm]
    assert set(view.pairs["block"]) == {"a · mlp"}
