"""The order of the report."""

from __future__ import annotations

from maskbench.report.sections import SECTIONS


def test_the_order_is_the_readers() -> None:
    names = ["answers", "coverage", "forest", "heatmap", "curve", "selection", "gap", "robustness", "cost", "data"]
    names += ["learning", "power", "sensitivity", "arms", "methods", "runs"]
    assert [section.name for section in SECTIONS] == names
