"""Several data sets, as drawn."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.records import METRICS
from maskbench.report import figures
from maskbench.report.words import scale_of

NAN = float("nan")


def test_the_mean_stands_below_its_data_sets() -> None:
    rows = [
        {"block": name, "verdict": word, "estimate": mean, "ci_low": mean - 0.01, "ci_high": mean + 0.01, "n_pairs": 8}
        for name, word, mean in (("a", "helps", 0.02), ("b", "unsettled", 0.0))
    ]
    total = {"mean": 0.01, "ci_low": -0.02, "ci_high": 0.04, "n_data": 2}
    axes = figures.many_data(rows, total, scale_of(METRICS["accuracy"], 0.005), "gain").axes[0]
    (diamond,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert (np.asarray(diamond.get_xdata())[0], np.asarray(diamond.get_ydata())[0]) == (pytest.approx(1.0), 2)
    assert np.asarray(axes.collections[-1].get_offsets())[:, 0] == pytest.approx([2, 0])
    assert [text.get_text() for text in axes.texts] == ["n 8", "n 8", "2 data sets"]


def test_ranks_are_ordered_and_what_is_alike_is_spanned() -> None:
    ranks = {"bad": (3.0, 0.5), "none": (2.5, NAN), "good": (1.0, 0.01)}
    rows = [{"arm": arm, "mean_rank": rank, "p_adjusted": p, "n_data": 7} for arm, (rank, p) in ranks.items()]
    axes = figures.mean_ranks(rows).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["good", "without a mask", "bad"]
    span = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (span.x0, span.x1) == (pytest.approx(2.5), pytest.approx(3.0))
    partner, others = axes.collections
    assert np.asarray(partner.get_offsets())[:, 0] == pytest.approx([2.5])
    assert [len(face) and bool(face[3]) for face in others.get_facecolors()] == [True, False]
