"""Bundled data equal scikit-learn's own loaders bit for bit, and come without importing it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets as reference

from maskbench.data.sets import bundled
from maskbench.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("name", "features", "classes", "rows"),
    [("breast_cancer", 30, 2, 569), ("wine", 13, 3, 178)],
)
def test_labelled_tables(name, features, classes, rows):
    ours = getattr(bundled, name)()
    inputs, targets = getattr(reference, f"load_{name}")(return_X_y=True)
    assert ours.inputs.tobytes() == inputs.astype(np.float32).tobytes()
    assert ours.targets.tobytes() == targets.astype(np.int64).tobytes()
    assert ours.inputs.shape == (rows, features)
    assert ours.description.name == name
    assert (ours.description.features.kind, ours.description.features.shape) == ("columns", (features,))
    assert (ours.description.task, ours.description.outputs) == ("classification", classes)


@pytest.mark.parametrize(("layout", "kind", "shape"), [("image", "image", (1, 8, 8)), ("columns", "columns", (64,))])
def test_digits(layout, kind, shape):
    ours = bundled.digits(layout)
    theirs = reference.load_digits()
    assert ours.inputs.shape == (1797, *shape)
    assert ours.inputs.tobytes() == theirs.images.astype(np.float32).tobytes() == theirs.data.astype("f4").tobytes()
    assert ours.targets.tobytes() == theirs.target.astype(np.int64).tobytes()
    assert (ours.description.features.kind, ours.description.features.shape) == (kind, shape)
    assert (ours.description.task, ours.description.outputs) == ("classification", 10)


def test_diabetes_is_the_unscaled_table():
    ours = bundled.diabetes()
    inputs, targets = reference.load_diabetes(return_X_y=True, scaled=False)
    assert ours.inputs.tobytes() == inputs.astype(np.float32).tobytes()
    assert ours.targets.tobytes() == targets.astype(np.float32).tobytes()
    assert ours.inputs.shape == (442, 10)
    assert (ours.description.task, ours.description.outputs) == ("regression", 1)


@pytest.mark.parametrize("load", [bundled.digits, bundled.breast_cancer, bundled.wine, bundled.diabetes])
def test_types(load):
    dataset = load()
    assert dataset.inputs.dtype == np.float32
    assert dataset.targets.dtype == (np.int64 if dataset.description.task == "classification" else np.float32)


def test_scikit_learn_is_not_imported():
    code = (
        "import sys\n"
        "from maskbench.data.sets import bundled\n"
        "for load in (bundled.digits, bundled.breast_cancer, bundled.wine, bundled.diabetes): load()\n"
        "print(sorted({'sklearn', 'pandas', 'scipy', 'torch'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_unknown_layout_is_refused():
    with pytest.raises(ConfigError, match=r"data\.layout is one of image, columns, rows, not 'tensor'"):
        bundled.digits("tensor")


def test_a_missing_file_is_an_error_and_never_another_set(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "bundled_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"wine_data\.csv is not there; install scikit-learn anew"):
        bundled.wine()


def test_a_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        bundled.wine()
