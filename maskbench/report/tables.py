"""The comparison's tables as tables of text: each column is one entry of a tuple."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from maskbench.records import METRICS
from maskbench.report import words
from maskbench.report.pieces import Column, Table
from maskbench.report.words import Row, row_scale


@dataclass(frozen=True)
class Field:
    """A column of a report's table: its title and how a row of the comparison is written in it."""

    title: str
    text: Callable[[Row], str]
    numeric: bool = True


def table(fields: Iterable[Field], rows: Iterable[Row], caption: str, folded: str = "") -> Table:
    """`rows` written by `fields`."""
    fields = tuple(fields)
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


ANSWER = (
    Field("data · model", text("block"), numeric=False),
    Field("verdict", text("verdict"), numeric=False),
    Field("mask chosen", lambda row: row["arm"] or words.NONE, numeric=False),
    Field("hidden", lambda row: words.realised(row["realised_rate"])),
    Field("test difference", difference("estimate")),
    Field("95 % interval", interval),
    Field("n pairs", text("n_pairs")),
    Field("adjusted p", lambda row: words.p_value(row["p_adjusted"])),
    Field("best on test", lambda row: row["best_on_test"] or words.NONE, numeric=False),
    Field("its optimism", difference("optimism")),
    Field("extra time", lambda row: words.percent(row["extra_time"])),
)

UNIT = Field("metric, unit", unit, numeric=False)

ARM = (
    Field("mask and rate", text("arm"), numeric=False),
    Field("hidden", lambda row: words.realised(row["realised_rate"])),
    Field("test difference", difference("mean_difference")),
    Field("95 % interval", interval),
    Field("sd", lambda row: row_scale(row).number(row["sd"])),
    Field("n pairs", text("n_pairs")),
    Field("p", lambda row: words.p_value(row["p_value"])),
    Field("adjusted p (BH)", lambda row: words.p_value(row["p_adjusted"])),
    Field("verdict", text("verdict"), numeric=False),
    Field("validation difference", difference("val")),
    Field("gap closed", difference("gap")),
    Field("extra time", lambda row: words.percent(row["extra_time"])),
)

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
    Field(name, text(name.replace(" ", "_")), numeric=False)
    for name in ("problem", "block", "arm", "seed", "run id", "detail")
)

RUN = (
    Field("run id", text("run_id"), numeric=False),
    Field("data · model", text("block"), numeric=False),
    Field("arm", text("arm"), numeric=False),
    Field("seed", text("seed")),
    Field("state", text("state"), numeric=False),
)
