"""Sets of series: from a pair of files, and those that sktime ships."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskbench.data.dataset import PARTS, Dataset, Floats, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.data.own.outcomes import Outcome, outcome, require_known
from maskbench.data.own.ts import Series, parse
from maskbench.errors import ConfigError, DataError

CHOICES = {"padding": ("none", "end"), "layout": ("sequence", "columns")}
MEMBER = "sktime/datasets/data/{name}/{name}_{part}.ts"


def sktime(
    member: str, shape: Sequence[int], called: str | None = None, padding: str = "none", layout: str = "sequence"
) -> Dataset:
    """A set of the UCR, UEA or TSER archive as sktime ships it, with its published split.

    `shape` is (series, longest, channels); `called` is the name of the data set where that is not its name there.
    """
    members = [MEMBER.format(name=member, part=part) for part in ("TRAIN", "TEST")]
    raw = open_archive("sktime").read_all(members)
    train, test = (parse(raw[name], f"archive 'sktime': member '{name}'") for name in members)
    found = assembled(called or member.lower(), train, test, origin("sktime"), padding, layout)
    series = train.values + test.values
    is_shape = (len(series), max(map(len, series)), series[0].shape[1])
    if is_shape != tuple(shape):
        raise DataError(
            f"archive 'sktime': set '{member}' has shape {is_shape} (series, longest, channels) instead of "
            f"{tuple(shape)}: not the file this reader was written for"
        )
    return found


def assembled(
    name: str, train: Series, test: Series | None, origin: str, padding: str = "none", layout: str = "sequence"
) -> Dataset:
    """All series as inputs (N, T, C), or as columns (N, T * C); with a test file its split is published.

    `padding` is `none`, which wants series of one length, or `end`: shorter ones end in gaps.
    """
    for key, value in {"padding": padding, "layout": layout}.items():
        if value not in CHOICES[key]:
            raise ConfigError(f"data.{key} is one of {', '.join(CHOICES[key])}, not '{value}'")
    files = [train] if test is None else [train, test]
    inputs, found, parts = _inputs(files, padding), _outcome(files), None
    if test is not None:
        parts = np.repeat([PARTS.index("train"), PARTS.index("test")], [len(file.values) for file in files])
        require_known(found, parts)
    if layout == "columns":
        inputs = inputs.reshape(len(inputs), -1)
    return describe(
        name,
        "columns" if layout == "columns" else "sequence",
        inputs,
        found.targets,
        found.task,
        parts=parts,
        classes=found.classes,
        origin=origin,
    )


def _inputs(files: list[Series], padding: str) -> Floats:
    """(N, T, C), gaps behind shorter series; raises DataError where series differ that may not."""
    for file in files:
        if not file.values:
            raise DataError(f"{file.where} holds no series")
    length, channels = files[0].values[0].shape
    for file in files:
        for number, series in enumerate(file.values, start=1):
            if series.shape[1] != channels:
                raise DataError(
                    f"{file.where}: series {number} has {series.shape[1]} channels, the first of all {channels}; "
                    "every series needs the same"
                )
            if padding == "none" and len(series) != length:
                raise DataError(
                    f"{file.where}: series {number} has {len(series)} values, the first of all {length}; "
                    "data.padding=end fills shorter series up with gaps"
                )
    values = [series for file in files for series in file.values]
    inputs = np.full((len(values), max(map(len, values)), channels), np.nan, np.float32)
    for row, series in enumerate(values):
        inputs[row, : len(series)] = series
    return inputs


def _outcome(files: list[Series]) -> Outcome:
    """Classes in the order of the header, or sorted where it names none; numbers where it says so."""
    regression, classes = files[0].regression, () if files[0].regression else files[0].classes
    for file in files:
        for number, label in enumerate(file.labels, start=1):
            if label.lower() in ("", "?", "nan"):
                raise DataError(f"{file.where}: series {number} has no label; add it or remove the series")
            if classes and label not in classes:
                raise DataError(
                    f"{file.where}: series {number} has the label '{label}', and @classLabel names {' '.join(classes)}"
                )
    labels = [label for file in files for label in file.labels]
    if classes:
        return Outcome(np.array([classes.index(label) for label in labels], np.int64), "classification", classes)
    try:
        numbers = np.array(labels, np.float64)
    except ValueError as error:
        if regression:
            raise DataError(f"{files[0].where}: @targetLabel true, and {error}; mend the labels") from error
        return outcome(np.array(labels))
    whole = not regression and bool(np.equal(numbers, np.round(numbers)).all())
    return outcome(numbers.astype(np.int64) if whole else numbers, "regression" if regression else None)
