"""The answers for places that show no report."""

from __future__ import annotations

import posixpath
import re

import numpy as np
import pytest

from maskbench.comparison import compare
from maskbench.report import answer_metrics, summary_markdown
from tests.report.studies import drawn_runs

EFFECTS = {("block", 0.1): 0.05}


def test_one_line_for_each_block_and_what_it_rests_on() -> None:
    text = summary_markdown(compare(drawn_runs(EFFECTS, data=("a", "<b>|"))))
    first, second, *rest = text.splitlines()
    assert first.startswith("- **helps** ")
    assert second.startswith("- **helps** ")
    assert "32 of 32 runs" in "".join(rest)
    assert "would settle" not in text
    assert "report/report.html" in text
    assert "&lt;b&gt;\\|" in text
    assert "<b>" not in text


def test_an_open_answer_comes_with_what_would_settle_it() -> None:
    text = summary_markdown(compare(drawn_runs({("block", 0.1): 0.0}, noise=0.02)))
    assert re.search(r"- digits · mlp: \d+ seeds in all", text)


def test_a_study_without_masks_says_so() -> None:
    assert summary_markdown(compare(drawn_runs({}))) == "No masked run to compare.\n"


def test_numbers_are_those_of_the_answers() -> None:
    comparison = compare(drawn_runs(EFFECTS))
    row, found = comparison.answers.iloc[0], answer_metrics(comparison)
    assert found["answer/digits.mlp/n"] == 8
    assert found["answer/digits.mlp/mean"] == pytest.approx(row["estimate"])
    assert found["answer/digits.mlp/p_adj"] == pytest.approx(row["p_adjusted"])
    assert found["answer/digits.mlp/verdict"] == 1
    assert found["answer/digits.mlp/seeds_needed"] == comparison.power["seeds_needed"][0]
    assert (found["coverage/planned"], found["coverage/finished"], found["coverage/used"]) == (16, 16, 8)
    numbers = {name.rsplit("/", 1)[1] for name in found}
    assert numbers >= {"n", "mean", "sd", "ci_low", "ci_high", "p_adj", "optimism", "detectable_effect"}


@pytest.mark.parametrize(("effect", "code"), [(-0.05, -1), (0.0, None)])
def test_an_unsettled_verdict_is_no_number(effect: float, code: float | None) -> None:
    found = answer_metrics(compare(drawn_runs({("block", 0.1): effect}, noise=0.02)))
    assert found.get("answer/digits.mlp/verdict") == code


def test_keys_are_ones_mlflow_takes_and_values_are_finite() -> None:
    found = answer_metrics(compare(drawn_runs(EFFECTS, data=("a·<b>", "a+{b}", "ä/../b"), seeds=3)))
    assert len({name.split("/")[1] for name in found if name.startswith("answer/")}) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_\-. :/]+", name) for name in found)
    assert all(np.isfinite(value) for value in found.values())
    assert all(posixpath.normpath(name) == name for name in found)
