"""What each section says, and what it does when there is nothing to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison import Comparison, compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.report import sections
from maskbench.report.methods import TERMS
from maskbench.report.pieces import About, Code, Picture, Piece, Table, Terms, Text, Verdict
from maskbench.report.sections import CURVE, FOREST, HEATMAP, SECTIONS

ABOUT = About("study", "maskbench sweep experiment=quickstart", running=False)
EFFECTS = {("block", 0.1): 0.05, ("block", 0.3): 0.0}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a", "b"))


@pytest.fixture(scope="module")
def comparison(runs: pd.DataFrame) -> Comparison:
    return compare(runs)


Kind = TypeVar("Kind")


def of(kind: type[Kind], pieces: Iterable[Piece]) -> list[Kind]:
    return [piece for piece in pieces if isinstance(piece, kind)]


def test_the_order_is_the_readers() -> None:
    names = ["answers", "coverage", "forest", "heatmap", "curve", "arms", "methods", "runs"]
    assert [section.name for section in SECTIONS] == names


def test_each_block_has_its_verdict_and_its_row(comparison: Comparison) -> None:
    pieces = list(sections.answers(comparison, ABOUT))
    assert [piece.word for piece in of(Verdict, pieces)] == list(comparison.answers["verdict"])
    (table,) = of(Table, pieces)
    assert [row[0] for row in table.rows] == ["a · mlp", "b · mlp"]
    assert "accuracy, points" in table.caption
    assert {"95 % interval", "n pairs", "adjusted p", "its optimism"} <= {column.title for column in table.columns}
    assert "metric, unit" not in [column.title for column in table.columns]


def test_several_metrics_are_named_in_every_row(runs: pd.DataFrame) -> None:
    other = simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("c",), metric="r2")
    (table,) = of(Table, sections.answers(compare(pd.concat([runs, other])), ABOUT))
    place = [column.title for column in table.columns].index("metric, unit")
    assert [row[place] for row in table.rows] == ["accuracy, points", "accuracy, points", "R²"]


def test_a_running_sweep_is_called_one(comparison: Comparison) -> None:
    first = next(iter(sections.answers(comparison, About("s", None, running=True))))
    assert isinstance(first, Text)
    assert "still running" in first.text


def test_a_clean_study_leaves_nothing_out(comparison: Comparison) -> None:
    pieces = list(sections.coverage(comparison, ABOUT))
    assert "48 of 48 runs" in of(Text, pieces)[0].text
    assert "Nothing is left out" in of(Text, pieces)[0].text
    assert len(of(Table, pieces)) == 1


def test_a_loss_is_said_counted_and_listed(runs: pd.DataFrame) -> None:
    lossy = runs.assign(reason="")
    lossy.loc[lossy.index[1], ["status", "reason"]] = ["FAILED", "loss is not a number"]
    pieces = list(sections.coverage(compare(lossy), ABOUT))
    assert "47 of 48 runs" in of(Text, pieces)[0].text
    assert "Nothing is left out" not in of(Text, pieces)[0].text
    counts, listed = of(Table, pieces)
    assert counts.rows[0][[column.title for column in counts.columns].index("failed")] == "1"
    assert listed.folded
    assert listed.rows[0][-1] == "loss is not a number"


def test_what_has_no_direction_is_named(runs: pd.DataFrame) -> None:
    pieces = sections.coverage(compare(runs.assign(**{"val/f1": 0.5})), ABOUT)
    assert any("val/f1" in piece.text for piece in of(Text, pieces))


@pytest.mark.parametrize("plot", [FOREST, HEATMAP, CURVE])
def test_one_figure_for_each_block(plot: sections.Plot, comparison: Comparison) -> None:
    pictures = of(Picture, plot(comparison, ABOUT))
    assert len(pictures) == 2
    assert len({picture.name for picture in pictures}) == 2
    assert "b · mlp" in pictures[1].title


@pytest.mark.parametrize("plot", [FOREST, HEATMAP, CURVE])
def test_without_pairs_there_is_no_figure(plot: sections.Plot, runs: pd.DataFrame) -> None:
    assert list(plot(compare(runs[runs["mask"] != "none"]), ABOUT)) == []


def test_too_many_arms_are_cut_and_said() -> None:
    effects = {(f"m{place}", 0.1): 0.0 for place in range(90)}
    comparison = compare(simulated_runs(np.random.default_rng(0), effects=effects, seeds=3))
    (forest,) = of(Picture, FOREST(comparison, ABOUT))
    assert "40 of 90 masks" in forest.caption or "41 of 90 masks" in forest.caption
    table = of(Table, sections.arms(comparison, ABOUT))[0]
    assert len(table.rows) == 90
    assert table.folded


def test_too_many_blocks_are_cut_and_said() -> None:
    data = [f"d{place}" for place in range(14)]
    comparison = compare(simulated_runs(np.random.default_rng(0), effects={("block", 0.1): 0.0}, data=data, seeds=2))
    pieces = list(CURVE(comparison, ABOUT))
    assert len(of(Picture, pieces)) == 12
    assert "first 12 of 14 blocks" in of(Text, pieces)[-1].text


def test_every_arm_and_every_measure_is_in_a_table(comparison: Comparison) -> None:
    arms, measures, *_ = of(Table, sections.arms(comparison, ABOUT))
    assert [row[0] for row in arms.rows] == ["block 0.1", "block 0.3"]
    assert "smallest effect worth having 0.50 points" in arms.caption
    assert [row[0] for row in measures.rows] == ["val", "test"]


def test_the_methods_explain_and_reproduce(comparison: Comparison) -> None:
    pieces = list(sections.explained(comparison, ABOUT))
    assert of(Terms, pieces)[0].terms == TERMS
    assert "scipy" in of(Text, pieces)[0].text
    assert of(Code, pieces)[0].text == ABOUT.command
    assert not of(Code, sections.explained(comparison, About("s", None, running=False)))


def test_every_run_is_listed_by_id(comparison: Comparison, runs: pd.DataFrame) -> None:
    (table,) = of(Table, sections.every_run(comparison, ABOUT))
    assert table.folded
    assert {row[0] for row in table.rows} == set(runs["run_id"])
