"""Numbers and verdicts in words."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.records import METRICS
from maskbench.report import words
from maskbench.report.words import caveat, headline, scale_of

NAN = float("nan")


def test_shares_are_written_in_points() -> None:
    scale = scale_of(METRICS["accuracy"], 0.005)
    assert scale.signed(0.0123) == "+1.23"
    assert scale.signed(-0.0123) == "−1.23"
    assert scale.amount(-0.0123) == "1.23 points"
    assert scale.interval(-0.01, 0.02) == "−1.00 to +2.00"
    assert scale.interval(NAN, NAN) == "–"


@pytest.mark.parametrize(
    ("smallest", "text"), [(0.5, "1.23 target units"), (0.0005, "1.23457 target units"), (NAN, "1.235 target units")]
)
def test_digits_follow_the_smallest_worthwhile_effect(smallest: float, text: str) -> None:
    assert scale_of(METRICS["rmse"], smallest).amount(1.234567) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.00"), (-0.001, "0.00"), (0.001, "0.00"), (NAN, "–"), (2.0, "+2.00")]
)
def test_signs_stand_before_what_is_not_zero(value: float, text: str) -> None:
    assert words.signed(value, 2) == text


@pytest.mark.parametrize(("value", "text"), [(0.25, "0.250"), (0.00049, "0.00049"), (1.0, "1.000"), (NAN, "–")])
def test_p_values(value: float, text: str) -> None:
    assert words.p_value(value) == text


def test_rates_and_shares() -> None:
    assert [words.rate(value) for value in (0.3, 0.125, 1.0, NAN)] == ["0.3", "0.125", "1", "–"]
    assert words.percent(0.12) == "+12\N{NO-BREAK SPACE}%"
    assert words.percent(NAN) == "–"
    assert words.plural(1, "pair") == "1 pair"
    assert words.plural(1200, "run") == "1,200 runs"


@pytest.mark.parametrize(
    ("effect", "noise", "seeds", "phrase"),
    [
        (0.05, 0.01, 8, "masking helps. With block 0.1, the mask chosen on validation, test accuracy is better by"),
        (-0.05, 0.01, 8, "masking hurts. Even with block 0.1"),
        (0.0, 0.001, 8, "no difference worth having"),
        (0.0, 0.05, 8, "no more than luck can explain"),
        (0.05, 0.01, 3, "3 pairs are too few to tell an effect from luck; plan for at least 6 seeds"),
        (0.05, 0.01, 1, "1 pair is too few"),
        (0.05, 0.0, 8, "masking helps"),
    ],
)
def test_every_verdict_has_its_sentence(effect: float, noise: float, seeds: int, phrase: str) -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): effect}, noise=noise, seeds=seeds)
    row = compare(runs).answers.to_dict("records")[0]
    assert headline(row).startswith("digits · mlp: ")
    assert phrase in headline(row)


def test_counts_shares_and_answers() -> None:
    assert [words.count(value) for value in (1200.0, NAN)] == ["1,200", "–"]
    assert [words.share(value) for value in (0.714, NAN)] == ["71\N{NO-BREAK SPACE}%", "–"]
    assert [words.yes(value) for value in (True, False, NAN, None)] == ["yes", "no", "–", "–"]
    assert [words.arm(name) for name in ("none", "block 0.1")] == ["without a mask", "block 0.1"]


def test_the_sentence_of_a_block_without_pairs() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.0})
    row = compare(runs[runs["mask"] != "none"]).answers.to_dict("records")[0]
    assert "No masked run with a test accuracy can be compared" in headline(row)
    assert caveat(row) == ""


def test_no_number_stands_alone() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.05})
    runs.loc[runs.index[-1], "status"] = "FAILED"
    row = compare(runs).answers.to_dict("records")[0]
    text = caveat(row)
    for part in ("95 % interval", "7 pairs", "adjusted p =", "without 1 run of block 0.1", "training time +25"):
        assert part in text
