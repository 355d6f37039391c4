"""A user's arrays: shapes, parts, and what a file may not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from maskbench.data.own import npz as module
from maskbench.data.own.npz import npz
from maskbench.errors import ConfigError, DataError

Y = np.array([0, 1, 0, 1])


@pytest.fixture
def saved(tmp_path):
    def save(**arrays: Any) -> str:
        np.savez(tmp_path / "mine.npz", **arrays)
        return str(tmp_path / "mine.npz")

    return save


def numbers(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float64).reshape(shape)


@pytest.mark.parametrize(
    ("shape", "settings", "kind", "becomes"),
    [
        ((4,), {}, "columns", (1,)),
        ((4, 3), {}, "columns", (3,)),
        ((4, 5, 2), {}, "sequence", (5, 2)),
        ((4, 1, 6, 7), {}, "image", (1, 6, 7)),
        ((4, 5), {"kind": "sequence"}, "sequence", (5, 1)),
        ((4, 6, 7), {"kind": "image"}, "image", (1, 6, 7)),
        ((4, 6, 7, 3), {"channels": "last"}, "image", (3, 6, 7)),
        ((4, 3, 6, 7), {"channels": "first"}, "image", (3, 6, 7)),
        ((4, 3, 6, 3), {}, "image", (3, 6, 3)),
        ((4, 5, 6, 7), {}, "image", (5, 6, 7)),
    ],
)
def test_what_the_axes_mean(saved, shape, settings, kind, becomes):
    values = numbers(*shape)
    dataset = npz(saved(X=values, y=Y), **settings)
    assert (dataset.description.features.kind, dataset.description.features.shape) == (kind, becomes)
    assert dataset.inputs.dtype == np.float32
    wanted = np.moveaxis(values, -1, 1) if settings.get("channels") == "last" else values
    np.testing.assert_array_equal(dataset.inputs.ravel(), wanted.ravel())
    assert dataset.origin.startswith("user: mine.npz sha256:")


def test_grey_values_stay_bytes_in_images_only(saved):
    grey = numbers(4, 1, 2, 2).astype(np.uint8)
    assert npz(saved(X=grey, y=Y)).inputs.dtype == np.uint8
    assert npz(saved(X=grey[:, 0], y=Y)).inputs.dtype == np.float32


def test_parts_of_the_file_are_a_published_split(saved):
    X, y = numbers(4, 2), Y  # noqa: N806
    two = npz(saved(X_train=X, y_train=y, X_test=X[:1], y_test=y[:1], groups_train=[7, 7, 8, 9], groups_test=[9]))
    assert two.parts.tolist() == [0, 0, 0, 0, 2]
    assert two.bonds.tolist() == [0, 0, 1, 2, 2]
    three = npz(saved(X_test=X[:1], y_test=y[:1], X_val=X[1:3], y_val=y[1:3], X_train=X, y_train=y))
    assert three.parts.tolist() == [0, 0, 0, 0, 1, 1, 2]
    np.testing.assert_array_equal(three.inputs[[4, 6]], X[[1, 0]])
    assert three.targets[[4, 6]].tolist() == [1, 0]


def test_groups_names_and_classes(saved):
    text = np.array(["no", "yes", "no", "yes"])
    dataset = npz(saved(X=numbers(4, 2), y=text, groups=["b", "b", "a", "a"], feature_names=["height", "weight"]))
    assert dataset.parts is None
    assert dataset.bonds.tolist() == [1, 1, 0, 0]
    assert (dataset.classes, dataset.columns) == (("no", "yes"), ("height", "weight"))
    assert dataset.targets.tolist() == [0, 1, 0, 1]


def test_the_task_is_found_or_told(saved):
    path = saved(X=numbers(4, 2), y=Y[:, None] * 1.0)
    with pytest.raises(DataError, match=r"mine\.npz: y is stored as float64 with 2 distinct whole numbers"):
        npz(path)
    assert npz(path, task="regression").description.outputs == 1
    assert npz(path, task="classification").description.outputs == 2


def test_rows_without_target_go_only_when_told(saved):
    values, y = numbers(5, 2), np.array([0.5, np.nan, 1.5, 2.5, np.nan])
    path = saved(X=values, y=y, groups=[1, 2, 3, 3, 4])
    with pytest.raises(DataError, match=r"missing in 2 of 5 rows, first row 2, 5; .*drop_missing_target"):
        npz(path)
    dataset = npz(path, drop_missing_target=True)
    np.testing.assert_array_equal(dataset.inputs, values[[0, 2, 3]])
    assert (dataset.targets.tolist(), dataset.bonds.tolist()) == ([0.5, 1.5, 2.5], [0, 1, 1])
    with pytest.raises(DataError, match="y is missing in all 0 rows"):
        npz(saved(X=values, y=np.full(5, np.nan)), drop_missing_target=True)


def test_gaps_stay_and_infinity_is_refused(saved):
    values = numbers(4, 2)
    values[1, 1] = np.nan
    assert np.isnan(npz(saved(X=values, y=Y)).inputs).sum() == 1
    values[2, 1] = 1e300
    with pytest.raises(DataError, match="1 infinite values, the first in column 'b'"):
        npz(saved(X=values, y=Y, feature_names=["a", "b"]))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": numbers(4, 2), "y": Y}, r"holds no 'X'\..* It holds x, y; save X and y, or X_train"),
        ({"X": numbers(4, 2)}, "holds no 'y'"),
        ({"X_train": numbers(4, 2), "y_train": Y}, "holds no 'X_test'"),
        ({"X_train": numbers(4, 2), "y_train": Y, "X_test": numbers(1, 3), "y_test": Y[:1]}, r"part's X is \(1, 3\)"),
        ({"X_train": numbers(4, 2), "y_train": Y, "X_test": numbers(1, 2), "y_test": ["a"]}, "part's y is .* of <U1"),
        (
            {"X_train": numbers(4, 2), "y_train": Y, "X_test": numbers(1, 2), "y_test": [2]},
            r"no train row has: '2' \(1 r",
        ),
        ({"X": numbers(4, 2), "y": Y[:3]}, r"y has shape \(3,\) and X \(4, 2\)"),
        ({"X": numbers(4, 2), "y": numbers(4, 2)}, r"y has shape \(4, 2\) and X \(4, 2\)"),
        ({"X": numbers(4, 2), "y": Y, "groups": Y[:2]}, r"groups has shape \(2,\)"),
        ({"X": numbers(4, 2), "y": Y, "feature_names": ["a"]}, "1 feature_names for 2 columns"),
        ({"X": np.array(["a", "b", "c", "d"]), "y": Y}, "X is of type <U1, and inputs are numbers"),
        ({"X": numbers(4, 2) * 1j, "y": Y}, "X is of type complex128"),
        ({"X": numbers(4, 1, 1, 1, 1), "y": Y}, r"X has shape \(4, 1, 1, 1, 1\); it is"),
        ({"X": numbers(4, 0), "y": Y}, r"X has shape \(4, 0\); it is"),
        ({"X": numbers(4, 8, 8, 3), "y": Y}, "8 channels.*data.channels=last"),
        ({"X": numbers(4, 2), "y": np.array([0, "a", None, 1], object)}, "'y' holds Python objects, which are never"),
        ({"X": numbers(4, 2), "y": np.zeros(4, np.int64)}, r"one class only \('0', 4 rows\)"),
    ],
)
def test_what_is_refused(saved, arrays, says):
    with pytest.raises(DataError, match=says) as caught:
        npz(saved(**arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("kind", "tokens"), ("channels", "middle")])
def test_settings_that_are_none(saved, key, value):
    with pytest.raises(ConfigError, match=f"data.{key} is one of .*, not '{value}'"):
        npz(saved(X=numbers(4, 2), y=Y), **{key: value})


def test_files_that_are_no_arrays_are_never_loaded_unsafely(tmp_path):
    (tmp_path / "text.npz").write_text("X,y\n1,2\n")
    np.save(tmp_path / "one.npy", numbers(4))
    for name in ("text.npz", "one.npy"):
        with pytest.raises(DataError, match=f"{name} is no .npz file, the zip that numpy.savez writes") as caught:
            npz(str(tmp_path / name))
        assert "pickle" not in str(caught.value)
    with ZipFile(tmp_path / "odd.npz", "w") as archive:
        archive.writestr("X.npy", b"no array")
        archive.writestr("y", b"bytes")
    with pytest.raises(DataError, match=r"odd\.npz: 'X' is no array"):
        npz(str(tmp_path / "odd.npz"))


def test_a_damaged_file(saved):
    path = Path(saved(X=numbers(400, 2), y=np.arange(400) % 2))
    content = bytearray(path.read_bytes())
    content[1000] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"'X' cannot be read \(Bad CRC-32"):
        npz(str(path))


def test_what_would_unpack_to_too_much_is_refused(saved, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 100)
    with pytest.raises(DataError, match=r"'X' would unpack to .* bytes; refused"):
        npz(saved(X=numbers(40, 2), y=np.arange(40) % 2))
