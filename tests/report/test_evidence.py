"""The sections behind the answers: each says what its numbers say, and nothing without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pandas as pd
import pytest

from maskbench.report import evidence
from maskbench.report.material import Material, gather
from maskbench.report.pieces import Code, Picture, Piece, Table, Text
from tests.report.studies import ABOUT, curves_of, drawn_runs, full_runs, material_of

EVERY = [
    *(evidence.selection, evidence.robustness, evidence.cost, evidence.many_data),
    *(evidence.learning, evidence.power, evidence.sensitivity),
]


@pytest.fixture(scope="module")
def full() -> Material:
    runs = full_runs(data=("a", "b"))
    return material_of(runs, curves_of(runs))


def texts(pieces: Iterable[Piece]) -> str:
    return "\n".join(piece.text for piece in pieces if isinstance(piece, Text))


def tables(pieces: Iterable[Piece]) -> list[Table]:
    return [piece for piece in pieces if isinstance(piece, Table)]


def cells(table: Table, title: str) -> list[str]:
    place = [column.title for column in table.columns].index(title)
    return [str(row[place]) for row in table.rows]


def changed(material: Material, **frames: pd.DataFrame) -> Material:
    return gather(replace(material.comparison, **frames), ABOUT)


@pytest.mark.parametrize("section", EVERY)
def test_a_section_without_numbers_is_absent(section: Callable[[Material], Iterator[Piece]]) -> None:
    runs = drawn_runs(seeds=3).drop(columns="cost/seconds")
    material = material_of(runs[runs["mask"] != "none"])
    empty = {name: getattr(material.comparison, name).head(0) for name in ("power", "sensitivity", "items")}
    assert list(section(changed(material, **empty))) == []


@pytest.mark.parametrize("section", EVERY)
def test_every_section_speaks_where_there_are_numbers(
    section: Callable[[Material], Iterator[Piece]], full: Material
) -> None:
    assert list(section(full))


def test_selection_shows_what_test_would_promise(full: Material) -> None:
    pieces = list(evidence.selection(full))
    (table,) = tables(pieces)
    answers = full.comparison.answers
    assert cells(table, "its optimism") == [full.views[0].scale.signed(value) for value in answers["optimism"]]
    assert cells(table, "any mask, picked blindly") == [
        full.views[0].scale.signed(value) for value in answers["mean_of_arms"]
    ]
    assert [piece.name for piece in pieces if isinstance(piece, Picture)] == ["selection1"]


def test_one_arm_needs_no_selection() -> None:
    assert list(evidence.selection(material_of(drawn_runs({("block", 0.1): 0.0})))) == []


def test_robustness_is_of_the_chosen_arm(full: Material) -> None:
    (table,) = tables(evidence.robustness(full))
    assert cells(table, "mask chosen") == ["block 0.1", "block 0.1"]
    assert cells(table, "test inputs") == ["noise", "noise"]
    assert all(value.startswith("+") for value in cells(table, "difference"))


def test_cost_is_said_with_n(full: Material) -> None:
    (table,) = tables(evidence.cost(full))
    assert cells(table, "extra time") == ["+25\N{NO-BREAK SPACE}%"] * 2
    assert cells(table, "peak MiB") == ["550", "550"]
    assert cells(table, "n pairs") == ["8", "8"]


def test_under_trained_arms_are_named(full: Material) -> None:
    text = texts(evidence.learning(full))
    assert "a · mlp, block 0.1 (8 of 8 seeds)" in text
    assert "without a mask" not in text.split("Mean loss")[0]
    assert "not chosen, still falling: a · mlp, bernoulli 0.3; a · mlp, block 0.3; b · mlp" in text
    runs = full_runs().assign(**{"fit/best_epoch": 3.0})
    assert texts(evidence.learning(material_of(runs))).startswith("Neither")


def across(n: int) -> pd.DataFrame:
    numbers = {"n_data": n, "mean": 0.02, "ci_low": 0.01, "ci_high": 0.03, "tau2": 0.0, "p_value": 0.01}
    return pd.DataFrame([{"model": "mlp", "metric": "accuracy", **numbers, "prob_new": 0.9}])


def ranks(n: int) -> pd.DataFrame:
    rows = [("block 0.1", 1.2, 0.01, 0.02), ("none", 2.0, float("nan"), float("nan")), ("block 0.3", 2.8, 0.4, 0.4)]
    table = pd.DataFrame(rows, columns=["arm", "mean_rank", "difference_p", "p_adjusted"])
    return table.assign(model="mlp", metric="accuracy", n_data=n, friedman_p=0.03)


def test_data_sets_are_the_sample(full: Material) -> None:
    pieces = list(evidence.many_data(changed(full, across=across(2), ranks=ranks(2))))
    assert "mlp over 2 data sets: on average +2.00 points" in texts(pieces)
    assert "new data set of this sort: 90" in texts(pieces)
    assert "too few for a figure" in texts(pieces)
    assert [piece.name for piece in pieces if isinstance(piece, Picture)] == ["across1"]
    (table,) = tables(pieces)
    assert cells(table, "mask and rate") == ["block 0.1", "without a mask", "block 0.3"]


def test_ranks_are_drawn_from_six_data_sets_on(full: Material) -> None:
    pieces = list(evidence.many_data(changed(full, across=across(6), ranks=ranks(6))))
    assert [piece.name for piece in pieces if isinstance(piece, Picture)] == ["across1", "ranks1"]
    assert "too few" not in texts(pieces)


def test_power_says_what_would_settle_it() -> None:
    material = material_of(drawn_runs({("block", 0.1): 0.0}, noise=0.02))
    (row,) = material.comparison.power.to_dict("records")
    assert row["verdict"] == "unsettled"
    pieces = list(evidence.power(material))
    assert f"{row['seeds_needed']:.0f} seeds in all" in texts(pieces)
    (code,) = [piece for piece in pieces if isinstance(piece, Code)]
    assert code.text == f"maskbench sweep experiment=quickstart 'seed=range({row['seeds_needed']:.0f})'"


def test_a_settled_study_asks_for_nothing() -> None:
    pieces = list(evidence.power(material_of(drawn_runs({("block", 0.1): 0.05}))))
    assert "in all" not in texts(pieces)
    assert not [piece for piece in pieces if isinstance(piece, Code)]
    assert len(tables(pieces)) == 1


@pytest.mark.parametrize(
    ("stable", "said", "cell"), [(True, "Every verdict stays", "yes"), (False, "not the same for a", "no")]
)
def test_what_hangs_on_one_seed_is_named(full: Material, stable: bool, said: str, cell: str) -> None:
    frame = full.comparison.sensitivity.assign(stable=stable)
    pieces = list(evidence.sensitivity(changed(full, sensitivity=frame)))
    assert said in texts(pieces)
    assert cells(tables(pieces)[0], "same verdict") == [cell, cell]


def test_items_are_shown_where_the_split_is_one(full: Material) -> None:
    numbers = {"n_items": 300, "gained": 12, "lost": 4, "mcnemar_p": 0.07, "ci_low": -0.01, "ci_high": 0.05}
    items = pd.DataFrame([{"block": "a · mlp", "metric": "accuracy", **numbers}])
    pieces = list(evidence.sensitivity(changed(full, items=items)))
    table = tables(pieces)[1]
    assert [cells(table, title) for title in ("test items", "won", "lost")] == [["300"], ["12"], ["4"]]
    assert cells(table, "95 % interval over items") == ["−1.00 to +5.00"]
    assert "share one split" in texts(pieces)
