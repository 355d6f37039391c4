"""What a person sees of a sweep."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from maskbench.records import Identity
from maskbench.sweep.execute import Outcome, State
from maskbench.sweep.progress import Tally, failures, follow, log_place


def outcome(seed: int, state: State, reason: str = "") -> Outcome:
    settings = {"data": "wine", "model": "mlp", "mask": "bernoulli", "rate": 0.3, "seed": seed}
    return Outcome(Identity(f"k{seed}", "k", settings), state, reason, f"run{seed}")


OUTCOMES = [outcome(0, "finished"), outcome(1, "failed", "diverged: [loss] nan"), outcome(2, "skipped")]


@pytest.mark.parametrize("terminal", [True, False])
def test_outcomes_are_shown_as_they_come_and_returned(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    assert list(follow(iter(OUTCOMES), 3, 5, 2, console)) == OUTCOMES
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "failed: wine mlp bernoulli 0.3 s1: diverged: [loss] nan" in shown
    assert "1 done, 1 failed, 6 skipped" in shown
    assert "3/3" in shown


def test_the_list_holds_failures_only() -> None:
    assert failures(OUTCOMES[:1]) == []
    assert failures(OUTCOMES) == [
        "1 failed",
        "  wine mlp bernoulli 0.3 s1  diverged: [loss] nan",
        "    MLflow run run1",
    ]


def test_a_log_on_this_machine_is_a_path_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = replace(OUTCOMES[1], log=tmp_path / "mlartifacts" / "log.txt")
    assert log_place(here) == "mlartifacts/log.txt"
    assert log_place(replace(here, log=Path("/elsewhere/log.txt"))) == "/elsewhere/log.txt"
    assert log_place(replace(here, log=None, run_id="")) == "no log: it never began"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_that_is_tried_again_is_said_and_not_counted(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    outcomes = [outcome(1, "again", "killed"), outcome(1, "finished")]
    assert list(follow(iter(outcomes), 1, 0, 1, console)) == outcomes[1:]
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "failed and tried again: wine mlp bernoulli 0.3 s1: killed" in shown
    assert "1 done, 0 failed, 0 skipped, 0 running" in shown


def test_what_runs_is_what_is_left_or_what_fits() -> None:
    assert "2 running" in str(Tally(5, 0, 2))
    assert "1 running" in str(Tally(5, 0, 2, Counter(finished=3, failed=1)))
    assert "running" not in str(Tally(5, 0, None))
