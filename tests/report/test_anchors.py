"""Places on the page are safe and never shared."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from maskbench.report import anchors as module
from maskbench.report.anchors import anchors


def table(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"run_id": list(ids), "block": "b", "arm": [f"m {place // 2}" for place in range(len(ids))]})


def test_a_run_stands_at_its_own_id() -> None:
    found = anchors(table("53a6207f", "a.b-c_1"))
    assert found.runs == {"53a6207f": "run-53a6207f", "a.b-c_1": "run-a.b-c_1"}
    assert found.arms == {("b", "m 0"): "arm-1"}


def test_any_id_becomes_a_safe_and_single_place() -> None:
    ids = ["a b", "a_b", "a<b", '"><script>', "a b", "中", "", "a_b~0", "a_b-0"]
    found = anchors(table(*ids)).runs
    assert set(found) == set(ids) - {""}
    assert len(set(found.values())) == len(found)
    assert found["a_b"] == "run-a_b"
    assert all(re.fullmatch(r"run-[A-Za-z0-9_.~-]+", place) for place in found.values())


def test_what_is_not_listed_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 2)
    found = anchors(table("a", "b", "c", "d"))
    assert list(found.runs) == ["a", "b"]
    assert found.arm("b", "m 0") == "arm-1"
    assert found.arm("b", "m 1") == ""
