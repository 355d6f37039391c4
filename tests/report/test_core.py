"""What the sections of every report say, and what they do when there is nothing to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison.simulated import simulated_runs
from maskbench.report import core
from maskbench.report.material import Material
from maskbench.report.methods import TERMS
from maskbench.report.pieces import About, Code, Link, Piece, Runs, Table, Terms, Text, Verdict
from tests.report.studies import ABOUT, drawn_runs, material_of

EFFECTS = {("block", 0.1): 0.05, ("block", 0.3): 0.0}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return drawn_runs(EFFECTS, data=("a", "b"))


@pytest.fixture(scope="module")
def material(runs: pd.DataFrame) -> Material:
    return material_of(runs)


Kind = TypeVar("Kind")


def of(kind: type[Kind], pieces: Iterable[Piece]) -> list[Kind]:
    return [piece for piece in pieces if isinstance(piece, kind)]


def column(table: Table, title: str) -> list[object]:
    place = [column.title for column in table.columns].index(title)
    return [row[place] for row in table.rows]


def test_each_block_has_its_verdict_and_its_row(material: Material) -> None:
    pieces = list(core.answers(material))
    assert [piece.word for piece in of(Verdict, pieces)] == list(material.comparison.answers["verdict"])
    (table,) = of(Table, pieces)
    assert column(table, "data · model") == ["a · mlp", "b · mlp"]
    assert "accuracy, points" in table.caption
    assert {"95 % interval", "n pairs", "adjusted p", "its optimism"} <= {column.title for column in table.columns}
    assert "metric, unit" not in [column.title for column in table.columns]


def test_the_number_of_pairs_leads_to_the_runs(material: Material) -> None:
    (table,) = of(Table, core.answers(material))
    groups = {anchor: arm for piece in of(Runs, core.every_run(material)) for anchor, arm, _ in piece.arms}
    for cell, arm in zip(column(table, "n pairs"), column(table, "mask chosen"), strict=True):
        assert isinstance(cell, Link)
        assert groups[cell.to] == arm


def test_a_corrected_interval_is_shown_where_there_is_one(runs: pd.DataFrame) -> None:
    material = material_of(runs)
    material.comparison.answers.loc[:, ["nb_low", "nb_high"]] = np.nan
    (plain,) = of(Table, core.answers(material))
    assert "corrected interval" not in [column.title for column in plain.columns]
    material.comparison.answers.loc[0, ["nb_low", "nb_high"]] = [0.01, 0.02]
    (corrected,) = of(Table, core.answers(material))
    assert column(corrected, "corrected interval") == ["+1.00 to +2.00", "–"]


def test_several_metrics_are_named_in_every_row(runs: pd.DataFrame) -> None:
    other = simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("c",), metric="r2")
    (table,) = of(Table, core.answers(material_of(pd.concat([runs, other]))))
    assert column(table, "metric, unit") == ["accuracy, points", "accuracy, points", "R²"]


def test_a_running_sweep_is_called_one(runs: pd.DataFrame) -> None:
    first = next(iter(core.answers(material_of(runs, about=About("s", None, running=True)))))
    assert isinstance(first, Text)
    assert "still running" in first.text


def test_a_clean_study_leaves_nothing_out(material: Material) -> None:
    pieces = list(core.coverage(material))
    assert "48 of 48 runs" in of(Text, pieces)[0].text
    assert "Nothing is left out" in of(Text, pieces)[0].text
    assert len(of(Table, pieces)) == 1


def test_a_loss_is_said_counted_and_listed(runs: pd.DataFrame) -> None:
    lossy = runs.assign(reason="")
    lossy.loc[lossy.index[1], ["status", "reason"]] = ["FAILED", "out of memory"]
    lossy.loc[lossy.index[2], ["status", "reason"]] = ["FAILED", "diverged: loss is not a number"]
    pieces = list(core.coverage(material_of(lossy)))
    assert "46 of 48 runs" in of(Text, pieces)[0].text
    assert "Nothing is left out" not in of(Text, pieces)[0].text
    counts, listed = of(Table, pieces)
    assert column(counts, "failed")[0] == "1"
    assert column(counts, "diverged")[0] == "1"
    assert listed.folded
    assert set(column(listed, "detail")) == {"out of memory", "diverged: loss is not a number"}


def test_what_has_no_direction_is_named(runs: pd.DataFrame) -> None:
    pieces = core.coverage(material_of(runs.assign(**{"val/f1": 0.5})))
    assert any("val/f1" in piece.text for piece in of(Text, pieces))


def test_every_arm_and_every_measure_is_in_a_table(material: Material) -> None:
    arms, measures, *_ = of(Table, core.arms(material))
    assert column(arms, "mask and rate") == ["block 0.1", "block 0.3"]
    assert "smallest effect worth having 0.50 points" in arms.caption
    assert [row[0] for row in measures.rows] == ["val", "test"]
    assert all(isinstance(cell, Link) and cell.to for cell in column(arms, "n pairs"))
    assert "gap closed" not in [column.title for column in arms.columns]


def test_many_arms_are_folded_and_cut(monkeypatch: pytest.MonkeyPatch, material: Material) -> None:
    monkeypatch.setattr(core, "FOLDED", 1)
    monkeypatch.setattr(core, "MOST_ROWS_IN_ALL", 3)
    first, second = (table for table in of(Table, core.arms(material)) if "every measure" not in table.folded)
    assert first.folded == "a · mlp: 2 masks"
    assert (len(first.rows), len(second.rows)) == (2, 1)
    assert "The first 1 of 2 rows" in second.caption
    assert "The first" not in first.caption


def test_the_methods_explain_and_reproduce(material: Material) -> None:
    pieces = list(core.explained(material))
    assert of(Terms, pieces)[0].terms == TERMS
    assert "scipy" in of(Text, pieces)[0].text
    assert of(Code, pieces)[0].text == ABOUT.command


def test_every_run_is_listed_once_under_its_arm(runs: pd.DataFrame) -> None:
    twice = pd.concat([runs, runs.iloc[[3]]])
    pieces = of(Runs, core.every_run(material_of(twice)))
    assert [piece.title for piece in pieces] == ["a · mlp: 25 runs", "b · mlp: 24 runs"]
    listed = [(arm, run) for piece in pieces for _, arm, own in piece.arms for run in own]
    assert {run.run_id for _, run in listed} == set(runs["run_id"])
    assert {arm for arm, run in listed if run.run_id == "a-block-0.1-0"} == {"block 0.1"}
    places = [run.anchor for _, run in listed if run.anchor]
    assert len(places) == len(set(places)) == 48
