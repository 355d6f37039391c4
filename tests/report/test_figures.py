"""Figures show the numbers of their tables, mark what they claim to mark, and become clean SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.report import figures
from maskbench.report.views import View, views

EFFECTS = {("block", 0.1): 0.03, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.03}


def view_of(runs: pd.DataFrame) -> View:
    return views(compare(runs))[0]


@pytest.fixture
def view() -> View:
    return view_of(simulated_runs(np.random.default_rng(0), effects=EFFECTS))


def texts(figure: Figure) -> list[str]:
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts] + [label.get_text() for label in axes.get_yticklabels()]


def test_the_forest_draws_every_seed_mean_and_interval(view: View) -> None:
    axes = figures.forest(view).axes[0]
    drawn = [np.asarray(line.get_xdata(), dtype=float) for line in axes.lines]
    for _, arm in view.arms.iterrows():
        assert any(np.allclose(x, [arm["mean_difference"] * 100]) for x in drawn)
        assert any(len(x) == 2 and np.allclose(x, [arm["ci_low"] * 100, arm["ci_high"] * 100]) for x in drawn)
        assert any(len(x) == 8 and np.allclose(x, np.array(view.dots[arm["arm"]]) * 100) for x in drawn)
    assert any(np.allclose(x, [view.answer["estimate"] * 100]) for x in drawn)


def test_the_forest_marks_both_choices(view: View) -> None:
    labels = texts(figures.forest(view))
    assert labels == ["best mask (primary)", "bernoulli 0.3", "▸ ☆ block 0.1", "block 0.3"]


def test_the_heatmap_numbers_each_arm_and_leaves_holes_grey(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    numbers = [text.get_text() for text in axes.texts]
    for _, arm in view.arms.iterrows():
        assert view.scale.signed(arm["mean_difference"]) in numbers
    assert numbers.count("n 8") == 3
    grey = [patch for patch in axes.patches if patch.get_facecolor()[:3] == pytest.approx((4 / 255,) * 3)]
    assert len(grey) == 1


def test_the_heatmap_marks_only_what_is_settled(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    marks = sorted(str(line.get_marker()) for line in axes.lines)
    settled = [figures.MARKS[word] for word in view.arms["verdict"] if word != "unsettled"]
    assert marks == sorted(settled)
    assert {"^", "v"} <= set(marks)


def test_the_heatmap_frames_the_choice_and_the_best_on_test(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    frames = [patch for patch in axes.patches if patch.get_linewidth() == 1.6]
    assert sorted(str(frame.get_linestyle()) for frame in frames) == ["-", ":"]


def test_colours_are_opposite_for_opposite_signs(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    colours = {tuple(round(255 * part) for part in patch.get_facecolor()[:3]) for patch in axes.patches}
    assert {(5, 5, 5), (6, 6, 6)} <= colours


def test_the_curve_stands_at_the_realised_rate() -> None:
    runs = simulated_runs(np.random.default_rng(0), effects=EFFECTS)
    runs["mask/realised_rate"] = runs["rate"] + 0.05
    figure = figures.curves(view_of(runs))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["bernoulli", "block"]
    lines = [np.asarray(line.get_xdata(), dtype=float) for line in figure.axes[1].lines]
    assert any(len(x) == 2 and np.allclose(x, [0.15, 0.35]) for x in lines)


@pytest.mark.parametrize("draw", [figures.forest, figures.heatmap, figures.curves])
def test_svg_is_named_themed_and_the_same_twice(draw: object, view: View) -> None:
    assert callable(draw)
    first = figures.to_svg(draw(view), "one", "A <title>", "what & why")
    assert first == figures.to_svg(draw(view), "one", "A <title>", "what & why")
    root = ElementTree.fromstring(first)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "one-title one-desc"
    assert [child.text for child in list(root)[:2]] == ["A <title>", "what & why"]
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "var(--ink)" in first
    assert not re.search(r"#0[1-6]0[1-6]0[1-6]", first)
    assert all(found.startswith("one-") for found in re.findall(r'\bid="([^"]*)"', first))
    assert all(found.startswith("one-") for found in re.findall(r'(?:href="#|url\(#)([^")]*)', first))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x_1$ \\frac{a}{b}", "中文 🙂", "{}", "a & 'b' \"c\""])
@pytest.mark.parametrize("draw", [figures.forest, figures.heatmap, figures.curves])
def test_any_name_is_drawn_as_it_stands(draw: object, name: str) -> None:
    assert callable(draw)
    view = view_of(simulated_runs(np.random.default_rng(0), effects={(name, 0.1): 0.01, ("other", 0.1): 0.0}))
    svg = figures.to_svg(draw(view), "one", name, name)
    assert "<script" not in svg
    written = " ".join(ElementTree.fromstring(svg).itertext())
    assert written.count(name) >= 3


@pytest.mark.parametrize("draw", [figures.forest, figures.heatmap, figures.curves])
def test_arms_without_interval_rate_or_difference_are_drawn(draw: object) -> None:
    assert callable(draw)
    nan = float("nan")
    runs = simulated_runs(
        np.random.default_rng(0), effects={("block", nan): 0.0, ("bernoulli", 0.5): 0.0}, seeds=1, noise=0
    )
    assert figures.to_svg(draw(view_of(runs)), "one", "t", "d")


def test_many_rates_leave_the_numbers_out() -> None:
    effects = {("block", place / 20): 0.01 for place in range(1, 16)}
    view = view_of(simulated_runs(np.random.default_rng(0), effects=effects))
    assert not figures.heatmap(view).axes[0].texts
