"""Tables as text, written into a file and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskbench.data.dataset import Dataset
from maskbench.data.own import csv

NAN = np.nan


NUMBERS = "a,b,y\n1.5,2,u\n,-3e2,v\n2,7,u\n9,NA,v\n"


def mixed(rows: int = 20) -> str:
    """Numbers with gaps, text, a flag, codes with leading zeros and a target of classes."""
    lines = ["age,city,flag,zip,y"]
    for row in range(rows):
        age = ("?", "", " 41 ", str(row), f"{row}.5")[row % 5]
        lines.append(f"{age},{('rome', ' oslo', 'bonn, am')[row % 3]!r},{row % 2 == 0},{row % 4:03d},{'ab'[row % 2]}")
    return "\n".join(lines).replace("'", '"') + "\n"


def rows(line: str, count: int = 20) -> str:
    """Lines of a table, `#` being the number of the row."""
    return "".join(line.replace("#", str(row)) + "\n" for row in range(count))


def read(folder: Path, text: str | bytes, **settings: object) -> Dataset:
    """The data set of a file with this content."""
    file = folder / "x.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return csv.table(str(file), **({"target": "y"} | settings))


def column(dataset: Dataset, name: str) -> list[float]:
    return dataset.inputs[:, dataset.columns.index(name)].tolist()


def same(one: Dataset, other: Dataset) -> None:
    """Equal content, whatever the file looked like."""
    assert one.fingerprint == other.fingerprint
    assert (one.columns, one.classes) == (other.columns, other.classes)
