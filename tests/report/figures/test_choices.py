"""What choosing, paying and waiting are worth, as drawn."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.comparison import compare
from maskbench.records import METRICS
from maskbench.report import figures
from maskbench.report.figures.choices import _front
from maskbench.report.views import views
from maskbench.report.words import scale_of
from tests.report.studies import drawn_runs

SCALE = scale_of(METRICS["accuracy"], 0.005)
NAN = float("nan")


def row(**numbers: object) -> dict[str, object]:
    known = {"block": "a · b", "n_pairs": 8, "smallest_effect": 0.005, "seeds_needed": 20.0, "detectable_effect": 0.01}
    return known | {"mean_of_arms": 0.01, "estimate": 0.02, "best_on_test_difference": 0.03} | numbers


def test_the_dumbbell_joins_the_three_choices() -> None:
    axes = figures.selection([row(), row(mean_of_arms=NAN)], SCALE, "gain").axes[0]
    drawn = {
        str(line.get_marker()): np.asarray(line.get_xdata(), dtype=float)
        for line in axes.lines
        if line.get_marker() != "None"
    }
    assert drawn["o"] == pytest.approx([1, NAN], nan_ok=True)
    assert drawn["D"] == pytest.approx([2, 2])
    assert drawn["*"] == pytest.approx([3, 3])
    bars = [np.asarray(line.get_xdata(), dtype=float) for line in axes.lines if line.get_linewidth() == 2.5]
    assert [list(bar) for bar in bars] == [pytest.approx([1, 3]), pytest.approx([2, 3])]
    assert [text.get_text() for text in axes.texts] == ["n 8", "n 8"]


def test_the_power_strip_fills_what_is_enough() -> None:
    axes = figures.power_strip(
        [row(), row(detectable_effect=0.004, seeds_needed=8.0), row(detectable_effect=NAN)], SCALE, "p"
    ).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(np.asarray(dot.get_xdata())[0]) for dot in dots] == pytest.approx([1.0, 0.4])
    assert [dot.get_markerfacecolor() == "none" for dot in dots] == [True, False]
    assert [text.get_text() for text in axes.texts] == ["n 8 → 20", "n 8", "n 8 → 20"]


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(0, 0), (1, 2), (2, 1), (3, 3)], [(0, 0), (1, 2), (3, 3)]),
        ([(0, 0), (-1, 1)], [(-1, 1)]),
        ([(0, 0), (0, 1)], [(0, 1)]),
    ],
)
def test_the_front_gains_more_for_more(points: list[tuple[float, float]], front: list[tuple[float, float]]) -> None:
    assert _front(points) == front


def test_the_cost_front_stands_at_the_extra_time() -> None:
    view = views(compare(drawn_runs()))[0]
    axes = figures.cost_front(view).axes[0]
    places = np.asarray(axes.collections[-1].get_offsets())
    assert places[:, 0] == pytest.approx([25] * 3)
    assert sorted(places[:, 1]) == pytest.approx(sorted(view.arms["mean_difference"] * 100))
    assert any("▸ ☆ block 0.1" in text.get_text() for text in axes.texts)
