"""A user's arrays: one `.npz` file of numpy."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, Inputs, describe
from maskbench.data.own.outcomes import missing, outcome, require_known
from maskbench.data.own.userfiles import located, origin
from maskbench.description import Kind
from maskbench.errors import ConfigError, DataError, nearest

Array = NDArray[Any]
KINDS = tuple(kind for kind in get_args(Kind) if kind != "tokens")
OF_AXES: dict[int, Kind] = {2: "columns", 3: "sequence", 4: "image"}
AXES = {kind: axes for axes, kind in OF_AXES.items()}
COLOURS = (1, 3, 4)
LIMIT = 16 << 30
"""Bytes an array may unpack to."""
DAMAGED = (ValueError, OSError, EOFError, KeyError, MemoryError, zipfile.BadZipFile)


def npz(
    path: str | None,
    kind: str | None = None,
    channels: str = "first",
    task: str | None = None,
    drop_missing_target: bool = False,
) -> Dataset:
    """Arrays `X` and `y`, or `X_train`, `y_train`, `X_test`, `y_test` and perhaps `X_val`, `y_val`.

    X is (N, F) columns, an (N, T, C) sequence or (N, C, H, W) images; `kind` says otherwise, such as `image` for
    (N, H, W). `groups` (N,), or `groups_train` and so on, keep rows together; `feature_names` (F,) name columns.
    """
    for key, value, choices in (("kind", kind, (*KINDS, None)), ("channels", channels, ("first", "last"))):
        if value not in choices:
            named = ", ".join(choice or "null" for choice in choices)
            raise ConfigError(f"data.{key} is one of {named}, not '{value}'")
    file = _File(located(path, what="file.npz"))
    rows = _rows(file)
    if drop_missing_target:
        rows = rows.only(~missing(rows.targets))
    found = outcome(rows.targets, task, f"{file.path}: y")
    require_known(found, rows.parts)
    inputs, of = _inputs(rows.values, cast("Kind | None", kind), channels, f"{file.path}: X")
    return describe(
        file.path.stem,
        of,
        inputs,
        found.targets,
        found.task,
        parts=rows.parts,
        bonds=None if rows.groups is None else np.unique(rows.groups, return_inverse=True)[1],
        classes=found.classes,
        columns=_names(file, inputs),
        origin=origin(file.path),
    )


class _File:
    """The arrays of a file, read one by one and never unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path} is no .npz file, the zip that numpy.savez writes; save X and y by it")
        try:
            with zipfile.ZipFile(path) as held:
                self.sizes = {info.filename.removesuffix(".npy"): info.file_size for info in held.infolist()}
        except DAMAGED as error:
            raise DataError(f"{path} cannot be read ({error}); save it anew by numpy.savez") from error

    def __contains__(self, key: str) -> bool:
        return key in self.sizes

    def array(self, key: str) -> Array:
        """One array; raises DataError where it is not there, or cannot be read safely."""
        if key not in self:
            raise DataError(
                f"{self.path} holds no '{key}'.{nearest(key, self.sizes)} It holds {', '.join(self.sizes)}; "
                "save X and y, or X_train, y_train, X_test and y_test"
            )
        if self.sizes[key] > LIMIT:
            raise DataError(f"{self.path}: '{key}' would unpack to {self.sizes[key]:,} bytes; refused")
        try:
            with np.load(self.path, allow_pickle=False) as held:
                found = held[key]
        except DAMAGED as error:
            if "Object arrays" in str(error):
                raise DataError(
                    f"{self.path}: '{key}' holds Python objects, which are never unpickled; save it as numbers or text"
                ) from error
            said = " ".join(str(error).split())
            raise DataError(f"{self.path}: '{key}' cannot be read ({said}); save it anew by numpy.savez") from error
        if not isinstance(found, np.ndarray):
            raise DataError(f"{self.path}: '{key}' is no array; save it by numpy.savez")
        return found


@dataclass(frozen=True)
class _Rows:
    """Inputs (N, …), targets (N,), groups (N,) and published parts (N,)."""

    values: Array
    targets: Array
    groups: Array | None
    parts: Array | None

    def only(self, chosen: NDArray[np.bool_]) -> _Rows:
        """These rows of everything."""
        groups, parts = (None if array is None else array[chosen] for array in (self.groups, self.parts))
        return _Rows(self.values[chosen], self.targets[chosen], groups, parts)


def _rows(file: _File) -> _Rows:
    """All parts of the file behind one another."""
    if "X_train" not in file:
        values, targets, groups = _part(file, "", "groups" in file)
        return _Rows(values, targets, groups, None)
    names = [part for part in PARTS if part != "val" or "X_val" in file]
    found = [_part(file, f"_{name}", "groups_train" in file) for name in names]
    values, targets = (_joined(file, key, [part[place] for part in found]) for place, key in enumerate("Xy"))
    groups = _joined(file, "groups", [part[2] for part in found]) if "groups_train" in file else None
    parts = np.repeat([PARTS.index(name) for name in names], [len(part[1]) for part in found])
    return _Rows(values, targets, groups, parts)


def _part(file: _File, suffix: str, grouped: bool) -> tuple[Array, Array, Array | None]:
    """X, y and groups of one part, as long as each other."""
    values, targets = file.array(f"X{suffix}"), file.array(f"y{suffix}")
    groups = file.array(f"groups{suffix}") if grouped else None
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    for key, array in (("y", targets), ("groups", groups)):
        if array is not None and array.shape != values.shape[:1]:
            raise DataError(
                f"{file.path}: {key}{suffix} has shape {array.shape} and X{suffix} {values.shape}; "
                f"{key} needs one number or text for each row of X"
            )
    return values, targets, groups


def _joined(file: _File, key: str, arrays: Sequence[Any]) -> Array:
    """The same array of all parts; raises DataError where they do not fit together."""
    for other in arrays[1:]:
        if other.shape[1:] != arrays[0].shape[1:] or (other.dtype.kind == "U") != (arrays[0].dtype.kind == "U"):
            raise DataError(
                f"{file.path}: one part's {key} is {other.shape} of {other.dtype} and the train part's "
                f"{arrays[0].shape} of {arrays[0].dtype}; save parts that differ in their rows only"
            )
    return np.concatenate(arrays)


def _inputs(values: Array, kind: Kind | None, channels: str, where: str) -> tuple[Inputs, Kind]:
    """Inputs with their channels in front (image) or behind (sequence), and their kind: as told, or by their axes."""
    if values.dtype.kind not in "buif":
        raise DataError(f"{where} is of type {values.dtype}, and inputs are numbers; convert it")
    of = kind or OF_AXES.get(max(2, values.ndim))
    if of is None or values.ndim not in (AXES[of] - 1, AXES[of]) or not values.size:
        raise DataError(
            f"{where} has shape {values.shape}; it is (N, F) columns, (N, T, C) a sequence or (N, C, H, W) an image, "
            "and data.kind says which"
        )
    if values.ndim < AXES[of]:
        values = values[:, None] if of == "image" else values[..., None]
    elif of == "image":
        values = np.moveaxis(values, -1, 1) if channels == "last" else values
        if values.shape[1] not in COLOURS and values.shape[-1] in COLOURS:
            raise DataError(
                f"{where} has shape {values.shape}: {values.shape[1]} channels? data.channels=last puts them last"
            )
    if of == "image" and values.dtype == np.uint8:
        return np.ascontiguousarray(values), of
    with np.errstate(over="ignore"):  # infinite values are refused by name
        return values.astype(np.float32), of


def _names(file: _File, inputs: Inputs) -> list[str]:
    """What the columns are called."""
    if "feature_names" not in file:
        return []
    names = [str(name) for name in file.array("feature_names").ravel()]
    if inputs.ndim == 2 and len(names) != inputs.shape[1]:
        raise DataError(f"{file.path}: {len(names)} feature_names for {inputs.shape[1]} columns; name each once")
    return names
