"""What a person sees of a sweep."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from maskbench.records import Identity
from maskbench.sweep.execute import Outcome, State
from maskbench.sweep.progress import failures_table, follow


def outcome(seed: int, state: State, reason: str = "") -> Outcome:
    settings = {"data": "wine", "model": "mlp", "mask": "bernoulli", "rate": 0.3, "seed": seed}
    return Outcome(Identity(f"k{seed}", "k", settings), state, reason, f"run{seed}")


OUTCOMES = [outcome(0, "finished"), outcome(1, "failed", "diverged: [loss] nan"), outcome(2, "skipped")]


@pytest.mark.parametrize("terminal", [True, False])
def test_outcomes_are_shown_as_they_come_and_returned(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    assert follow(iter(OUTCOMES), 3, 5, console) == OUTCOMES
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "failed: wine mlp bernoulli 0.3 s1: diverged: [loss] nan" in shown
    assert "1 done, 1 failed, 6 skipped" in shown
    assert "3/3" in shown


def test_the_table_holds_failures_only() -> None:
    assert failures_table(OUTCOMES[:1]) is None
    table = failures_table(OUTCOMES)
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 failed" in shown
    assert "[loss] nan" in shown
    assert "run1" in shown
    assert "run0" not in shown
