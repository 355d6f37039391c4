"""Lines and matrices of curves."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.report import figures
from maskbench.report.material import Material
from tests.report.studies import curves_of, full_runs, material_of


@pytest.fixture(scope="module")
def material() -> Material:
    runs = full_runs()
    return material_of(runs, curves_of(runs))


def test_robustness_draws_both_lines_in_per_cent(material: Material) -> None:
    view = material.views[0]
    figure = figures.robustness(view, material.curves.robustness(view))
    partner, masked = figure.axes[0].lines
    assert np.asarray(partner.get_ydata()) == pytest.approx([90.35] * 3)
    assert np.asarray(masked.get_ydata()) == pytest.approx([90.35, 92.35, 100.35])
    assert figure.axes[0].get_title(loc="left") == "noise"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["block 0.1 (n 8)", "without a mask (n 8)"]


def test_learning_draws_training_and_validation(material: Material) -> None:
    view = material.views[0]
    figure = figures.learning(view, material.curves.losses(view))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["training loss", "validation loss"]
    assert np.asarray(figure.axes[1].lines[0].get_ydata()) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert not any("$" in label.get_text() for axes in figure.axes for label in axes.get_yticklabels())


def test_the_matrix_writes_every_difference(material: Material) -> None:
    view = material.views[0]
    axes = figures.rate_matrix(view, material.curves.rates(view)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.00", "+2.00", "+10.00"] * 2
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.1  (n 8)", "0.3  (n 8)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0 %", "10 %", "50 %"]
