"""Costs are medians over the pairs that ran on the same hardware."""

from __future__ import annotations

import pytest

from maskbench.report.costs import costs
from tests.report.studies import drawn_runs, full_runs, material_of


def test_medians_with_and_without_the_mask() -> None:
    (row,) = costs(material_of(full_runs()))
    assert row["arm"] == "block 0.1"
    assert (row["seconds"], row["seconds_without"]) == (1.25, 1.0)
    assert (row["masking"], row["masking_without"]) == (0.2, 0)
    assert (row["memory"], row["memory_without"]) == (550, 500)
    assert (row["epochs"], row["epochs_without"], row["n_pairs"]) == (40, 40, 8)
    assert row["extra_time"] == pytest.approx(0.25)


def test_other_hardware_is_left_out() -> None:
    runs = full_runs()
    runs["hardware"] = "one"
    strange = (runs["mask"] == "block") & (runs["rate"] == 0.1) & (runs["seed"] < 3)
    runs.loc[strange, ["hardware", "cost/seconds"]] = ["other", 99.0]
    (row,) = costs(material_of(runs))
    assert (row["n_pairs"], row["seconds"]) == (5, 1.25)


def test_what_was_not_measured_is_absent() -> None:
    assert costs(material_of(drawn_runs().drop(columns="cost/seconds"))) == []
    (row,) = costs(material_of(drawn_runs()))
    assert row["memory"] != row["memory"]
