"""Arrays that took a reader long, kept beside the archives so that the next process does not make them again.

For readers that need a second or more: numbers written as text, texts to be tokenised. Everything that decides
the arrays is in the file's name: the data set with its settings, the version of the reader, the archives read.
"""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from maskbench.data.fetched.cache import cache_folder, digest
from maskbench.data.fetched.members import UNREADABLE, Archive

Arrays = dict[str, NDArray[Any]]
START = 12
"""Hexadecimal digits of a sha256 that name a file."""


def derived(
    name: str, version: int, archives: Sequence[Archive], make: Callable[[], Mapping[str, NDArray[Any]]]
) -> Arrays:
    """The arrays that `make` makes from these archives, from the file they were written to once.

    `name` holds the data set and every setting that changes the arrays; `version` counts up whenever the reader
    does. Text has to be of type `<U`, as objects would be pickled. A damaged file is made anew, and where none
    can be written every process makes its own.
    """
    starts = [digest(archive.path)[:START] for archive in archives]
    file = derived_folder() / f"{'-'.join([name, *starts])}-v{version}.npz"
    with suppress(*UNREADABLE):
        return _kept(file)
    arrays = dict(make())
    with suppress(OSError):
        _keep(file, arrays)
    return arrays


def derived_folder() -> Path:
    """The folder of derived files; it may not exist yet, and can be removed at any time."""
    return cache_folder() / "derived"


def _kept(file: Path) -> Arrays:
    """The arrays of a file; one that NumPy reads to its end fits the checksum that zip gives it."""
    arrays = {}
    with zipfile.ZipFile(file) as opened:
        for name in opened.namelist():
            with opened.open(name) as member:
                arrays[name.removesuffix(".npy")] = npy.read_array(member, allow_pickle=False)
    return arrays


def _keep(file: Path, arrays: Arrays) -> None:
    """Write under another name in the same folder first, so that no process reads half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as target:
            np.savez(target, allow_pickle=False, **arrays)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
