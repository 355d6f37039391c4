"""The small sets that scikit-learn ships, read from its files without importing it (1.2 s saved)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import Dataset, describe
from maskbench.errors import ConfigError, DataError

LAYOUTS = ("image", "columns", "rows")


def digits(layout: str = "image") -> Dataset:
    """Handwritten digits of the UCI optdigits test part: 1797 of 8x8 grey values, 0 to 16, ten classes.

    `layout` is `image` (1, 8, 8), `columns` (64,), or `rows` (8, 8): a sequence that reads line by line.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"data.layout is one of {', '.join(LAYOUTS)}, not '{layout}'")
    table = _table("digits.csv.gz", delimiter=",")
    pixels, targets = table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)
    if layout == "columns":
        return describe("digits_tab", "columns", pixels, targets, "classification")
    if layout == "rows":
        return describe("digits_rows", "sequence", pixels.reshape(-1, 8, 8), targets, "classification")
    return describe("digits", "image", pixels.reshape(-1, 1, 8, 8), targets, "classification")


def breast_cancer() -> Dataset:
    """Wisconsin diagnostic breast cancer: 569 rows of 30 measurements, benign or malignant."""
    return _labelled("breast_cancer", "breast_cancer.csv")


def wine() -> Dataset:
    """Italian wines: 178 rows of 13 measurements, three cultivars."""
    return _labelled("wine", "wine_data.csv")


def diabetes() -> Dataset:
    """Diabetes progression after a year (Efron et al. 2004): 442 rows of 10 measurements, regression."""
    inputs = _table("diabetes_data_raw.csv.gz").astype(np.float32)
    targets = _table("diabetes_target.csv.gz").astype(np.float32)
    return describe("diabetes", "columns", inputs, targets, "regression")


def _labelled(name: str, file: str) -> Dataset:
    table = _table(file, delimiter=",", skiprows=1)
    return describe(name, "columns", table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64), "classification")


def _table(file: str, delimiter: str | None = None, skiprows: int = 0) -> NDArray[np.float64]:
    path = bundled_folder() / file
    if not path.is_file():
        raise DataError(f"scikit-learn's file {path} is not there; install scikit-learn anew")
    return np.loadtxt(path, delimiter=delimiter, skiprows=skiprows)


def bundled_folder() -> Path:
    """Where scikit-learn keeps its data files; raises DataError without scikit-learn."""
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the bundled data sets are scikit-learn's, and it is not installed: pip install scikit-learn")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data"
