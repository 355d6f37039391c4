"""How many figures there are, what they are called, and when there is none."""

from __future__ import annotations

import pytest

from maskbench.report import plots
from maskbench.report.pieces import Picture, Text
from maskbench.report.plots import COST, CURVE, FOREST, GAPS, HEATMAP, LEARNING, MATRIX, ROBUSTNESS, Most, Plot
from tests.report.studies import curves_of, drawn_runs, full_runs, material_of

EVERY = (FOREST, HEATMAP, CURVE, GAPS, ROBUSTNESS, MATRIX, LEARNING, COST)
every = pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.name)


def pictures(found: list[object]) -> list[Picture]:
    return [piece for piece in found if isinstance(piece, Picture)]


@pytest.fixture(scope="module")
def full():
    runs = full_runs(data=("a", "b"))
    return material_of(runs, curves_of(runs))


@every
def test_one_figure_for_each_block(plot: Plot, full) -> None:
    pieces = list(plot(full))
    assert isinstance(pieces[0], Text)
    assert [picture.name for picture in pictures(pieces)] == [f"{plot.name}1", f"{plot.name}2"]
    assert pictures(pieces)[1].title.endswith(", b · mlp")
    assert "b · mlp" in pictures(pieces)[1].description


@every
def test_without_pairs_nothing_is_said(plot: Plot) -> None:
    runs = drawn_runs()
    assert list(plot(material_of(runs[runs["mask"] != "none"]))) == []


@pytest.mark.parametrize("plot", [GAPS, ROBUSTNESS, MATRIX, LEARNING, COST], ids=lambda plot: plot.name)
def test_without_its_numbers_a_section_is_absent(plot: Plot) -> None:
    assert list(plot(material_of(drawn_runs().drop(columns="cost/seconds")))) == []


def test_too_many_arms_are_cut_and_said(monkeypatch: pytest.MonkeyPatch, full) -> None:
    monkeypatch.setitem(plots.MOST, "arm", 2)
    (first, *_) = pictures(list(FOREST(full)))
    assert "Drawn: 2 of 3 masks" in first.caption


@pytest.mark.parametrize(("most", "shown"), [(Most(9, 9), 3), (Most(2, 99), 2), (Most(9, 6), 2), (Most(9, 1), 1)])
def test_too_many_blocks_are_cut_and_said(most: Most, shown: int) -> None:
    material = material_of(drawn_runs(data=("a", "b", "c"), seeds=2))
    pieces = list(Plot("x", "t", "c", "kind", HEATMAP.draw, most)(material))
    assert len(pictures(pieces)) == shown
    said = [piece.text for piece in pieces[1:] if isinstance(piece, Text)]
    assert said == ([] if shown == 3 else [f"Drawn: the first {shown} of 3 blocks; the tables hold all."])
