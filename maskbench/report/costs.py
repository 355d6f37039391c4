"""What the chosen masks cost: time, memory and epochs of the pairs that ran on the same hardware."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from maskbench.report.material import Material
from maskbench.report.views import View
from maskbench.report.words import Row

MEASURED = {
    "seconds": "cost/seconds",
    "masking": "cost/mask_seconds",
    "memory": "cost/peak_memory_mib",
    "epochs": "fit/epochs",
}


def costs(material: Material) -> list[Row]:
    """One row for each block whose chosen arm has timed pairs: medians with the mask and `…_without`."""
    runs = material.comparison.runs
    if MEASURED["seconds"] not in runs:
        return []
    table = runs[runs["run_id"] != ""].drop_duplicates("run_id", keep="last").set_index("run_id")
    return list(_rows(material, table))


def _rows(material: Material, runs: pd.DataFrame) -> Iterator[Row]:
    for view in material.views:
        pairs = _timed(view)
        if len(pairs):
            row = {"block": view.answer["block"], "arm": view.answer["arm"], "n_pairs": len(pairs)}
            row |= {"anchor": view.link(view.answer["arm"]), "extra_time": float(pairs["time_ratio"].median() - 1)}
            for name, column in MEASURED.items():
                row[name] = _median(runs, column, pairs["run_id"])
                row[f"{name}_without"] = _median(runs, column, pairs["partner_run_id"])
            yield row


def _timed(view: View) -> pd.DataFrame:
    """The chosen arm's pairs that ran on the same hardware."""
    return view.pairs[(view.pairs["arm"] == str(view.answer["arm"])) & view.pairs["time_ratio"].notna()]


def _median(runs: pd.DataFrame, column: str, ids: pd.Series[str]) -> float:
    if column not in runs:
        return float("nan")
    values = pd.to_numeric(runs[column].reindex(ids), errors="coerce")
    return float(values.median())
