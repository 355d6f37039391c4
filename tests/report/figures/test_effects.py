"""Figures of a block's arms show the numbers of their tables and mark what they claim to mark."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from maskbench.comparison import compare
from maskbench.report import figures
from maskbench.report.figures.effects import MARKS, MOST_LINKS
from maskbench.report.figures.style import FAINT, HELPS, HURTS, draw
from maskbench.report.views import View, views
from tests.report.studies import drawn_runs, full_runs

EFFECTS = {("block", 0.1): 0.03, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.03}


def view_of(**how: object) -> View:
    return views(compare(full_runs(**{"effects": EFFECTS, **how})))[0]


@pytest.fixture(scope="module")
def view() -> View:
    return view_of()


def offsets(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(found.get_offsets()) for found in figure.axes[0].collections if found.get_offsets().shape[0] > 1]


def segments(figure: Figure, axes: int = 0) -> np.ndarray:
    return np.concatenate(
        [np.asarray(found.get_segments()) for found in figure.axes[axes].collections if hasattr(found, "get_segments")]
    )


def hexes(colours: np.ndarray) -> set[str]:
    return {"#" + "".join(f"{round(255 * part):02x}" for part in colour[:3]) for colour in colours}


def test_the_forest_draws_every_seed_mean_and_interval(view: View) -> None:
    figure = figures.forest(view)
    means, dots = offsets(figure)
    assert means[:, 0] == pytest.approx([view.answer["estimate"] * 100, *view.arms["mean_difference"] * 100])
    ends = segments(figure)[:, :, 0]
    assert ends[1:] == pytest.approx(view.arms[["ci_low", "ci_high"]].to_numpy() * 100)
    for place, arm in enumerate(view.arms["arm"], start=1):
        assert dots[np.isclose(dots[:, 1], place + 0.26), 0] == pytest.approx(np.array(view.dots[arm]) * 100)
    (diamond,) = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert np.asarray(diamond.get_xdata()) == pytest.approx([view.answer["estimate"] * 100])


def test_the_forest_says_n_and_marks_both_choices(view: View) -> None:
    axes = figures.forest(view).axes[0]
    assert [text.get_text() for text in axes.texts] == ["n 8"] * 4
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["best mask (primary)", "bernoulli 0.3", "▸ ☆ block 0.1", "block 0.3"]


def test_dots_lead_to_their_runs_and_arms_to_theirs(view: View) -> None:
    svg = draw(figures.forest(view), "one", "t", "d").inline
    for run in view.pairs["run_id"]:
        assert f'href="#run-{run}"' in svg
    assert f'href="#{view.link("block 0.1")}"' in svg
    assert view.link("block 0.1").startswith("arm-")


def test_each_dot_leads_to_its_own_run(view: View) -> None:
    dots = figures.forest(view).axes[0].collections[-1]
    values = view.pairs.set_index("run_id")["difference/test/accuracy"] * 100
    links = [str(url).removeprefix("to:run-") for url in dots.get_urls()]
    assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx(values[links].to_numpy())


def test_too_many_dots_do_not_lead_one_by_one() -> None:
    effects = {("m", place / 100): 0.0 for place in range(1, MOST_LINKS // 8 + 2)}
    svg = draw(figures.forest(view_of(effects=effects)), "one", "t", "d").inline
    assert 'href="#run-' not in svg
    assert 'href="#arm-' in svg


def test_a_settled_arm_is_filled_and_coloured(view: View) -> None:
    means = figures.forest(view).axes[0].collections[1]
    filled = [bool(face[3]) for face in means.get_facecolors()]
    assert filled == [word != "unsettled" for word in (view.answer["verdict"], *view.arms["verdict"])]
    assert {HELPS, HURTS} <= hexes(means.get_edgecolors())


def test_the_heatmap_numbers_each_arm_and_leaves_holes_grey(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    numbers = [text.get_text() for text in axes.texts]
    for mean in view.arms["mean_difference"]:
        assert view.scale.signed(mean) in numbers
    assert numbers.count("n 8") == 3
    faces = [next(iter(hexes(np.array([patch.get_facecolor()])))) for patch in axes.patches]
    assert faces.count(FAINT) == 1


def test_the_heatmap_marks_only_what_is_settled(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    marks = sorted(str(line.get_marker()) for line in axes.lines)
    settled = [MARKS[word] for word in view.arms["verdict"] if word != "unsettled"]
    assert marks == sorted(settled)
    assert {"^", "v"} <= set(marks)


def test_the_heatmap_frames_the_choice_and_the_best_on_test(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    frames = [patch for patch in axes.patches if patch.get_linewidth() == 1.6]
    assert sorted(str(frame.get_linestyle()) for frame in frames) == ["-", ":"]


def test_colours_are_opposite_for_opposite_signs(view: View) -> None:
    axes = figures.heatmap(view).axes[0]
    assert hexes(axes.collections[0].get_facecolors()) == {HELPS, HURTS}
    strongest = axes.collections[0].get_facecolors()[:, 3].argmax()
    assert strongest == view.arms["mean_difference"].abs().argmax()


def test_many_rates_leave_the_numbers_out() -> None:
    effects = {("block", place / 20): 0.01 for place in range(1, 16)}
    assert not figures.heatmap(view_of(effects=effects, seeds=3)).axes[0].texts


def test_the_curve_stands_at_the_realised_rate() -> None:
    runs = drawn_runs(EFFECTS)
    runs["mask/realised_rate"] = runs["rate"] + 0.05
    figure = figures.curves(views(compare(runs))[0])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["bernoulli", "block"]
    lines = [np.asarray(line.get_xdata(), dtype=float) for line in figure.axes[1].lines]
    assert any(len(x) == 2 and np.allclose(x, [0.15, 0.35]) for x in lines)


def test_gap_and_calibration_stand_side_by_side(view: View) -> None:
    figure = figures.gaps(view)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["generalisation gap", "calibration error"]
    for axes, column in enumerate(("gap", "ece")):
        assert segments(figure, axes)[:, :, 0] == pytest.approx(
            view.arms[[f"{column}_low", f"{column}_high"]].to_numpy() * 100, nan_ok=True
        )
    assert view.arms["gap"].to_numpy() == pytest.approx(0.02, abs=0.01)


def test_without_calibration_the_gap_stands_alone() -> None:
    runs = full_runs().drop(columns="test/ece")
    assert len(figures.gaps(views(compare(runs))[0]).axes) == 1


@pytest.mark.parametrize("make", [figures.forest, figures.heatmap, figures.curves])
def test_arms_without_interval_rate_or_difference_are_drawn(make: object) -> None:
    assert callable(make)
    nan = float("nan")
    runs = drawn_runs({("block", nan): 0.0, ("bernoulli", 0.5): 0.0}, seeds=1, noise=0)
    assert draw(make(views(compare(runs))[0]), "one", "t", "d").inline
