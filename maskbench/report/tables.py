"""The comparison's tables as tables of text: each column is one entry of a tuple."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from maskbench.records import METRICS
from maskbench.report import words
from maskbench.report.pieces import Cell, Column, Link, Table
from maskbench.report.words import Row, row_scale


@dataclass(frozen=True)
class Field:
    """A column of a report's table: its title and how a row of the comparison is written in it."""

    title: str
    text: Callable[[Row], Cell]
    numeric: bool = True
    needs: Callable[[Row], bool] | None = None
    """Where given, the column is left out unless it holds for some row."""


def table(fields: Iterable[Field], rows: Iterable[Row], caption: str, folded: str = "") -> Table:
    """`rows` written by `fields`."""
    rows = tuple(rows)
    fields = tuple(field for field in fields if field.needs is None or any(map(field.needs, rows)))
    return Table(
        caption,
        tuple(Column(field.title, field.numeric) for field in fields),
        tuple(tuple(field.text(row) for field in fields) for row in rows),
        folded,
    )


def records(frame: pd.DataFrame) -> list[Row]:
    """The rows of a table as mappings."""
    return cast("list[Row]", frame.to_dict("records"))


def text(column: str) -> Callable[[Row], str]:
    """Writes a column as it stands."""
    return lambda row: str(row[column])


def unit(row: Row) -> str:
    """The metric and the unit its differences are written in: `accuracy, points`."""
    written = row_scale(row).unit
    label = METRICS[row["metric"]].label
    return f"{label}, {written}" if written else label


def difference(column: str) -> Callable[[Row], str]:
    """Writes a difference in the scale of the row's metric."""
    return lambda row: row_scale(row).signed(row[column])


def interval(row: Row) -> str:
    """Writes the row's 95 % interval."""
    return row_scale(row).interval(row["ci_low"], row["ci_high"])


def between(low: str, high: str) -> Callable[[Row], str]:
    """Writes the range between two columns of differences."""
    return lambda row: row_scale(row).interval(row[low], row[high])


def pairs(row: Row) -> Cell:
    """Writes the number of pairs, linked to their runs."""
    return Link(str(row["n_pairs"]), row.get("anchor", ""))


def run_id(row: Row) -> Cell:
    """Writes a run's id, linked to its place in the list."""
    return Link(str(row["run_id"]), row.get("anchor", ""))


def known(column: str) -> Callable[[Row], bool]:
    """Whether a row has a number in `column`."""
    return lambda row: math.isfinite(row[column])


def calibration(row: Row) -> str:
    """Writes by how much the expected calibration error is lower, in points."""
    return row_scale({"metric": "ece", "smallest_effect": METRICS["ece"].smallest_effect}).signed(row["ece"])


CORRECTED = Field(
    "corrected interval", between("nb_low", "nb_high"), needs=lambda row: math.isfinite(row.get("nb_low", math.nan))
)

ANSWER = (
    Field("data · model", text("block"), numeric=False),
    Field("verdict", text("verdict"), numeric=False),
    Field("mask chosen", lambda row: row["arm"] or words.NONE, numeric=False),
    Field("hidden", lambda row: words.realised(row["realised_rate"])),
    Field("test difference", difference("estimate")),
    Field("95 % interval", interval),
    CORRECTED,
    Field("n pairs", pairs),
    Field("adjusted p", lambda row: words.p_value(row["p_adjusted"])),
    Field("best on test", lambda row: row["best_on_test"] or words.NONE, numeric=False),
    Field("its optimism", difference("optimism")),
    Field("extra time", lambda row: words.percent(row["extra_time"])),
)

_PAPER = ("hidden", "test difference", "95 % interval", "n pairs", "adjusted p", "adjusted p (BH)", "verdict")

UNIT = Field("metric, unit", unit, numeric=False)

ARM = (
    Field("mask and rate", text("arm"), numeric=False),
    Field("hidden", lambda row: words.realised(row["realised_rate"])),
    Field("test difference", difference("mean_difference")),
    Field("95 % interval", interval),
    CORRECTED,
    Field("sd", lambda row: row_scale(row).number(row["sd"])),
    Field("n pairs", pairs),
    Field("p", lambda row: words.p_value(row["p_value"])),
    Field("adjusted p (BH)", lambda row: words.p_value(row["p_adjusted"])),
    Field("verdict", text("verdict"), numeric=False),
    Field("validation difference", difference("val")),
    Field("gap closed", difference("gap"), needs=known("gap")),
    Field("ECE lower by", calibration, needs=known("ece")),
    Field("extra time", lambda row: words.percent(row["extra_time"])),
)

PAPER_ANSWER = (*ANSWER[:3], UNIT, *(field for field in ANSWER[4:] if field.title in _PAPER))
PAPER_ARM = (ARM[0], *(field for field in ARM[1:] if field.title in _PAPER))
"""What fits on a page."""

MEASURE = (
    Field("measured on", text("part"), numeric=False),
    UNIT,
    Field("difference", difference("mean_difference")),
    Field("95 % interval", interval),
    Field("n pairs", text("n_pairs")),
    Field("adjusted p (BH)", lambda row: words.p_value(row["p_adjusted"])),
    Field("verdict", text("verdict"), numeric=False),
)

COVERAGE: Mapping[str, str] = {
    "planned": "planned runs",
    "finished": "finished",
    "failed": "failed",
    "diverged": "diverged",
    "killed": "killed",
    "running": "running",
    "missing": "missing",
    "partners": "unmasked runs",
    "masked": "masked runs",
    "used": "pairs used",
    "broken": "broken pairs",
    "no partner": "no partner",
    "not finite": "not finite",
    "repeated": "repeated",
    "duplicate": "finished twice",
    "retried": "tried again",
    "code_differs": "code differs",
}

PROBLEM = tuple(
    Field(name, run_id if name == "run id" else text(name), numeric=False)
    for name in ("problem", "block", "arm", "seed", "run id", "detail")
)

SELECTION = (
    Field("data · model", text("block"), numeric=False),
    Field("any mask, picked blindly", difference("mean_of_arms"), needs=known("mean_of_arms")),
    Field("chosen on validation", difference("estimate")),
    Field("best on test", difference("best_on_test_difference")),
    Field("its optimism", difference("optimism")),
    Field("n pairs", pairs),
)

ROBUST = (
    Field("data · model", text("block"), numeric=False),
    Field("mask chosen", text("arm"), numeric=False),
    Field("test inputs", lambda row: str(row["part"]).removeprefix("robust/"), numeric=False),
    Field("difference", difference("mean_difference")),
    Field("95 % interval", interval),
    Field("n pairs", pairs),
    Field("adjusted p (BH)", lambda row: words.p_value(row["p_adjusted"])),
    Field("verdict", text("verdict"), numeric=False),
)

COST = (
    Field("data · model", text("block"), numeric=False),
    Field("mask chosen", text("arm"), numeric=False),
    Field("seconds", lambda row: words.number(row["seconds"], 2)),
    Field("without", lambda row: words.number(row["seconds_without"], 2)),
    Field("extra time", lambda row: words.percent(row["extra_time"])),
    Field("masking, seconds", lambda row: words.number(row["masking"], 2), needs=known("masking")),
    Field("peak MiB", lambda row: words.number(row["memory"], 0), needs=known("memory")),
    Field("without", lambda row: words.number(row["memory_without"], 0), needs=known("memory")),
    Field("epochs", lambda row: words.number(row["epochs"], 0), needs=known("epochs")),
    Field("without", lambda row: words.number(row["epochs_without"], 0), needs=known("epochs")),
    Field("n pairs", pairs),
)

RANK = (
    Field("mask and rate", lambda row: words.arm(row["arm"]), numeric=False),
    Field("mean rank", lambda row: words.number(row["mean_rank"], 2)),
    Field("data sets", text("n_data")),
    Field("p against no mask", lambda row: words.p_value(row["difference_p"])),
    Field("adjusted p (Holm)", lambda row: words.p_value(row["p_adjusted"])),
)

POWER = (
    Field("data · model", text("block"), numeric=False),
    Field("verdict", text("verdict"), numeric=False),
    Field("mask", lambda row: row["arm"] or words.NONE, numeric=False),
    Field("n pairs", pairs),
    Field("sd of differences", lambda row: row_scale(row).number(row["sd"])),
    Field("worth having", lambda row: row_scale(row).number(row["smallest_effect"])),
    Field("detectable now", lambda row: row_scale(row).number(row["detectable_effect"])),
    Field("seeds needed", lambda row: words.count(row["seeds_needed"])),
    Field("more seeds", lambda row: words.count(row["seeds_more"])),
)

SENSITIVITY = (
    Field("data · model", text("block"), numeric=False),
    Field("estimate", difference("estimate")),
    Field("one seed dropped", between("drop_low", "drop_high")),
    Field("median", difference("median")),
    Field("p, sign flips", lambda row: words.p_value(row["p_sign_flip"])),
    Field("p, t test", lambda row: words.p_value(row["p_t"])),
    Field("p, relabelled", lambda row: words.p_value(row["p_relabel"])),
    Field("same verdict", lambda row: words.yes(row["stable"]), numeric=False),
)

ITEMS = (
    Field("data · model", text("block"), numeric=False),
    Field("test items", lambda row: words.count(row["n_items"])),
    Field("won", lambda row: words.count(row["gained"])),
    Field("lost", lambda row: words.count(row["lost"])),
    Field("p (McNemar)", lambda row: words.p_value(row["mcnemar_p"])),
    Field("95 % interval over items", interval),
)
