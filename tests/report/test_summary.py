"""The answers for places that show no report."""

from __future__ import annotations

import posixpath
import re

import numpy as np
import pytest

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.report import answer_metrics, summary_markdown

EFFECTS = {("block", 0.1): 0.05}


def test_one_line_for_each_block() -> None:
    text = summary_markdown(compare(simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a", "<b>|"))))
    lines = text.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("- **helps** ") for line in lines)
    assert "&lt;b&gt;\\|" in text
    assert "<b>" not in text


def test_a_study_without_masks_says_so() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects={})
    assert summary_markdown(compare(runs)) == "No masked run to compare.\n"


def test_numbers_are_those_of_the_answers() -> None:
    comparison = compare(simulated_runs(np.random.default_rng(0), effects=EFFECTS))
    row, found = comparison.answers.iloc[0], answer_metrics(comparison)
    assert found["answer/digits.mlp/n"] == 8
    assert found["answer/digits.mlp/mean"] == pytest.approx(row["estimate"])
    assert found["answer/digits.mlp/p_adj"] == pytest.approx(row["p_adjusted"])
    assert {name.rsplit("/", 1)[1] for name in found} >= {"n", "mean", "sd", "ci_low", "ci_high", "p_adj"}


def test_keys_are_ones_mlflow_takes_and_values_are_finite() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a·<b>", "a+{b}", "ä/../b"), seeds=3)
    found = answer_metrics(compare(runs))
    assert len({name.split("/")[1] for name in found}) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_\-. :/]+", name) for name in found)
    assert all(np.isfinite(value) for value in found.values())
    assert all(posixpath.normpath(name) == name for name in found)
