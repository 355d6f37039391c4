"""What would settle an open answer, and the command for it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from maskbench.comparison import Comparison, compare
from maskbench.report import power_lines
from maskbench.report.power import command_for, settle
from tests.report.studies import drawn_runs

NAN = float("nan")


def row(**numbers: object) -> dict[str, object]:
    known = {"block": "a · b", "data": "a", "model": "b", "metric": "accuracy", "arm": "m 0.1", "verdict": "unsettled"}
    known |= {"n_pairs": 10, "sd": 0.01, "smallest_effect": 0.005, "detectable_effect": 0.01}
    return known | {"seeds_needed": 34.0, "seeds_more": 24.0} | numbers


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(drawn_runs({("block", 0.1): 0.0}, seeds=3))


def lines(comparison: Comparison, rows: list[dict[str, object]], command: str | None) -> list[str]:
    return power_lines(replace(comparison, power=pd.DataFrame(rows)), command)


def test_an_open_answer_has_a_sentence_and_a_command(comparison: Comparison) -> None:
    found = lines(comparison, [row(), row(verdict="helps")], "maskbench sweep data=a seed=1,2 mask=block")
    assert found == [
        "a · b: 34 seeds in all (24 more) would detect an effect of 0.50 points with a chance of 80 %; "
        "now 1.00 points.",
        "  maskbench sweep data=a 'seed=range(34)' mask=block",
    ]


def test_each_answer_has_its_own_number(comparison: Comparison) -> None:
    found = lines(comparison, [row(), row(block="c · b", seeds_needed=20.0, seeds_more=10.0)], "maskbench sweep")
    assert [line.strip() for line in found if "sweep" in line] == [
        "maskbench sweep 'seed=range(34)'",
        "maskbench sweep 'seed=range(20)'",
    ]


def test_without_a_command_there_is_only_the_sentence(comparison: Comparison) -> None:
    assert len(lines(comparison, [row()], None)) == 1


def test_each_command_of_several_studies_has_a_line(comparison: Comparison) -> None:
    found = lines(comparison, [row()], "maskbench sweep seed=1\nmaskbench sweep --seeds 2 study=b")
    assert found[1:] == ["  maskbench sweep 'seed=range(34)'", "  maskbench sweep --seeds 34 study=b"]


def test_a_settled_study_has_no_line(comparison: Comparison) -> None:
    assert lines(comparison, [row(verdict=word) for word in ("helps", "hurts", "equal")], "maskbench sweep") == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "maskbench sweep 'seed=range(5)' 'train.lr=1e-3, 1e-2'",
            "maskbench sweep 'seed=range(9)' 'train.lr=1e-3, 1e-2'",
        ),
        ("maskbench sweep experiment=quickstart", "maskbench sweep experiment=quickstart 'seed=range(9)'"),
        ('maskbench sweep "seed=range( 0, 5 )"', "maskbench sweep 'seed=range(9)'"),
        ("maskbench sweep split_seed=1", "maskbench sweep split_seed=1 'seed=range(9)'"),
        ("maskbench sweep --seeds 5 data=a", "maskbench sweep --seeds 9 data=a"),
        ("maskbench sweep --seeds=5 study=a", "maskbench sweep --seeds 9 study=a"),
        ("maskbench sweep --only failed data=a --only=new", "maskbench sweep data=a 'seed=range(9)'"),
        ("maskbench sweep --only failed seed=1", "maskbench sweep 'seed=range(9)'"),
        (
            "maskbench sweep --seeds 5 study=a\nmaskbench sweep data=b seed=1",
            "maskbench sweep --seeds 9 study=a\nmaskbench sweep data=b 'seed=range(9)'",
        ),
        ("maskbench sweep 'unclosed", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_seeds_of_a_command_are_replaced_or_added(command: str | None, expected: str) -> None:
    assert command_for([row(seeds_needed=9.0, seeds_more=1.0)], command) == expected


def test_the_most_demanding_answer_counts_and_unknown_ones_do_not() -> None:
    rows = [row(seeds_needed=9.0), row(seeds_needed=12.0), row(seeds_needed=NAN, seeds_more=NAN)]
    assert command_for(rows, "x") == "x 'seed=range(12)'"
    assert command_for(rows[2:], "x") == ""
    assert command_for([row(seeds_needed=8.0, seeds_more=0.0)], "x") == ""


def test_what_cannot_be_known_is_said() -> None:
    assert "cannot tell" in settle(row(seeds_needed=NAN, seeds_more=NAN, n_pairs=1))
    assert "near the border" in settle(row(seeds_needed=8.0, seeds_more=0.0))
    assert "now" not in settle(row(detectable_effect=NAN))
