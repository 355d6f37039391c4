"""What a run was asked to be, as text: which block it stands in and which arm it belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from maskbench.records import UNMASKED

PLAIN = ("data", "model", "stage", "split_seed", "mask", "fill", "rate")
"""Setting columns without a dot in their name; the seed is no setting of an arm."""

NAMES = ("data", "model", "mask")
"""Columns whose text is a name even where it looks like a number."""


def setting_columns(columns: Iterable[str]) -> list[str]:
    """The columns that say what a run was asked to be: the plain ones, and dotted ones without a slash.

    The tracking store's own tags (`mlflow.runName` …) tell runs apart that are alike, so they are none.
    """
    return [
        name
        for name in columns
        if name in PLAIN or ("." in name and "/" not in name and not name.startswith("mlflow."))
    ]


def is_mask_setting(column: str) -> bool:
    """Whether a setting belongs to the mask, so that a run and its partner may differ in it."""
    return column in ("mask", "fill", "rate") or column.startswith("mask.")


def canonical(value: object) -> str:
    """A setting as text: 0.1, '0.10' and 1e-1 are one value; None, NaN and blanks are the empty one."""
    if value is None or value is pd.NA:
        return ""
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return "" if math.isnan(number) else f"{number:.12g}"


def name(value: object) -> str:
    """A name as text; None and NaN are the empty name."""
    missing = value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value)


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """All settings of `table` and its seed as canonical text, one column each.

    An unmasked run has no mask settings, and a split seed that follows the seed is no setting.
    """
    columns = [*setting_columns(table.columns), "seed"]
    texts = pd.DataFrame(
        {c: table[c].astype(object).map(name if c in NAMES else canonical) for c in columns},
        index=table.index,
        dtype=object,
    )
    unmasked = texts["mask"] == UNMASKED
    for column in filter(is_mask_setting, columns):
        if column != "mask":
            texts.loc[unmasked, column] = ""
    if "split_seed" in columns:
        texts.loc[texts["split_seed"] == texts["seed"], "split_seed"] = ""
    return texts


def block_labels(texts: pd.DataFrame) -> pd.Series[str]:
    """The block of each run, `digits · mlp`, with any other setting that varies in the study."""
    shared = [c for c in texts.columns if c != "seed" and not is_mask_setting(c)]
    extra = [c for c in shared if c not in ("data", "model")]
    labels = texts["data"] + " · " + texts["model"]
    labels = labels + _details(texts, _varying(texts, extra, ["data", "model"]), " · ")
    return _distinct(labels, texts, shared)


def arm_labels(texts: pd.DataFrame) -> pd.Series[str]:
    """The arm of each run within its block, `bernoulli 0.3`, with fill and others where they vary."""
    own = [c for c in texts.columns if is_mask_setting(c)]
    extra = [c for c in own if c not in ("mask", "rate")]
    labels = texts["mask"] + (" " + texts["rate"]).where(texts["rate"] != "", "")
    labels = labels + _details(texts, _varying(texts, extra, ["mask", "rate"]), " ")
    return _distinct(labels, texts, own)


def _varying(texts: pd.DataFrame, columns: Sequence[str], within: list[str]) -> list[str]:
    """Those of `columns` that take several values in some group of `within`."""
    counts = texts.groupby(within)[list(columns)].nunique()
    return [column for column in columns if bool((counts[column] > 1).any())]


def _details(texts: pd.DataFrame, columns: Sequence[str], separator: str) -> pd.Series[str]:
    """`separator` and `name=value` for each of `columns` that a run has a value for."""
    details = pd.Series("", index=texts.index, dtype=object)
    for column in columns:
        text = f"{separator}{column.removeprefix('mask.')}=" + texts[column]
        details = details + text.where(texts[column] != "", "")
    return details


def _distinct(labels: pd.Series[str], texts: pd.DataFrame, columns: list[str]) -> pd.Series[str]:
    """`labels` with a number behind those that two different settings would share."""
    groups = texts.groupby(columns).ngroup()
    shared = groups.groupby(labels).transform("nunique") > 1
    return labels.where(~shared, labels + " #" + groups.astype(str)).astype(str)
