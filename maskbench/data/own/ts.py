"""Series of the UCR and UEA archives: their `.ts` files, and the older `.tsv`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maskbench.data.dataset import Floats
from maskbench.errors import DataError

Line = tuple[int, str]


@dataclass(frozen=True)
class Series:
    """One file: every series (T, C), its label as it is written, and the classes in the header's order."""

    where: str
    values: list[Floats]
    labels: list[str]
    classes: tuple[str, ...] = ()
    regression: bool = False


def parse(raw: bytes, where: str) -> Series:
    """A `.ts` file: tags up to `@data`, then a line per series, `v,v,…:v,v,…:label` with one field per channel."""
    lines = _lines(raw, where)
    tags = _tags(lines, where)
    if tags.get("timestamps", "false").lower() == "true":
        raise DataError(f"{where}: @timeStamps true is not read, evenly spaced values are; convert the file")
    regression = tags.get("targetlabel", "false").lower() == "true"
    labelled, *classes = tags.get("classlabel", "false").split() or ["false"]
    if not regression and labelled.lower() != "true":
        raise DataError(f"{where}: neither @classLabel true nor @targetLabel true: nothing to learn; add one of them")
    channels = int(tags["dimensions"]) if tags.get("dimensions", "").isdigit() else 0
    values, labels = [], []
    for at, line in _numbered(lines, where):
        *fields, label = line.split(":")
        channels = channels or max(1, len(fields))
        if len(fields) != channels:
            raise DataError(f"{at} has {len(fields)} channels instead of {channels}; every series needs the same")
        values.append(_series(fields, at))
        labels.append(label.strip())
    return Series(where, values, labels, tuple(classes), regression)


def parse_tsv(raw: bytes, where: str) -> Series:
    """A `.tsv` file: a line per series of one channel, its label first; missing values at the end are padding."""
    values, labels = [], []
    for at, line in _numbered(_lines(raw, where), where):
        label, _, numbers = line.partition("\t")
        series = _series([numbers.replace("\t", ",")], at)
        there = np.flatnonzero(~np.isnan(series[:, 0]))
        values.append(series[: there[-1] + 1 if len(there) else 0])
        labels.append(label.strip())
    return Series(where, values, labels)


def _lines(raw: bytes, where: str) -> Iterator[Line]:
    """Lines that say something, with their numbers."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{where}: line {bad} is not UTF-8; save the file in that encoding") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith(("#", "%")):
            yield number, line.strip()


def _tags(lines: Iterator[Line], where: str) -> dict[str, str]:
    """What the tags before `@data` say, by their names in lower case."""
    tags: dict[str, str] = {}
    for number, line in lines:
        tag, _, said = line.partition(" ")
        if tag.lower() == "@data":
            return tags
        if not tag.startswith("@"):
            raise DataError(f"{where}: line {number} comes before @data and is no tag; add the line @data")
        tags[tag[1:].lower()] = said.strip()
    raise DataError(f"{where}: no line @data; this is no .ts file, or it is cut short")


def _numbered(lines: Iterator[Line], where: str) -> Iterator[tuple[str, str]]:
    """The lines of the series, each with the words for where it is."""
    for series, (number, line) in enumerate(lines, start=1):
        yield f"{where}: line {number} (series {series})", line


def _series(fields: Sequence[str], at: str) -> Floats:
    """The channels of one series as (T, C); `?` is a value that is not there."""
    channels = [field.replace("?", "nan").split(",") for field in fields]
    lengths = sorted({len(channel) for channel in channels})
    if len(lengths) > 1:
        raise DataError(f"{at} has channels of {lengths[0]} and {lengths[-1]} values; they need one length")
    try:
        return np.array([[float(value) for value in channel] for channel in channels], np.float32).T
    except ValueError as error:
        raise DataError(f"{at}: {error}; numbers are separated by commas, and a missing one is a ?") from error
