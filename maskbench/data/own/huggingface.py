"""Tables that the library `datasets` reads: a pinned one of the Hugging Face hub, a folder, or files by their address.

A data set's own code is never run: the library has no way to do so since its version 4.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskbench.data.dataset import PARTS, Dataset
from maskbench.data.fetched.cache import OFFLINE, cache_folder, offline
from maskbench.data.own import userfiles
from maskbench.data.own.arrow import typed_dataset
from maskbench.data.own.parquet import read
from maskbench.data.own.tables import Roles
from maskbench.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("arrow", "csv", "json", "parquet")
HUB_NAME = r"[\w-][\w.-]*(/[\w-][\w.-]*)?"
COMMIT = r"[0-9a-f]{40}"
QUIET = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
Tables = dict[str, "pa.Table"]


@dataclass(frozen=True)
class Wanted:
    """What is asked of the library, and which of its splits is which part."""

    path: str
    revision: str | None
    config: str | None
    data_files: Any
    splits: tuple[str | None, ...]
    """Of train, val and test; None takes the one of that name where there is one."""

    @property
    def key(self) -> str:
        """The name of the folder in the cache."""
        said = json.dumps([self.revision, self.config, self.data_files, self.splits], sort_keys=True)
        return f"{self.path.replace('/', '--')}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def table(
    path: str | None = None,
    revision: str | None = None,
    config: str | None = None,
    data_files: Any = None,
    train: str = "train",
    val: str | None = None,
    test: str | None = None,
    **roles: Any,
) -> Dataset:
    """A table of the hub (a name and the commit as `revision`), of a folder, or of `data_files` of a format.

    Its splits are the published parts; with one split they are drawn. `roles` are those of `Roles`.
    """
    if not path:
        raise ConfigError(
            "data.path is not given; name a data set of the hub or a folder, or a format and data.data_files"
        )
    chosen = Roles(**roles)
    wanted = Wanted(path, revision, config, _plain(data_files), (train, val, test))
    if path in FORMATS:
        if not data_files:
            raise ConfigError(f"data.path={path} is a format and takes data.data_files=FILE")
        if offline() and "://" in json.dumps(wanted.data_files):
            raise DataError(f"data.data_files are not on this machine, and {OFFLINE} is set; give files of a folder")
        tables, origin = _loaded(wanted), f"huggingface: {path} {json.dumps(wanted.data_files)}"
    elif Path(path).expanduser().exists() or not re.fullmatch(HUB_NAME, path):
        folder = userfiles.located(path, what="data set of the hub, or folder")
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        tables, origin = _loaded(wanted), userfiles.origin(folder, files)
    else:
        tables, origin = _kept(wanted, _from_hub), f"huggingface: {path} {revision}"
    return typed_dataset(Path(path).stem, f"huggingface {path}", tables, chosen, origin)


def _plain(value: Any) -> Any:
    """Lists and mappings of a config as Python's own, which the library insists on."""
    if value is None or isinstance(value, str):
        return value
    return {key: _plain(value[key]) for key in value} if isinstance(value, Mapping) else [str(item) for item in value]


def _kept(wanted: Wanted, fetch: Callable[[Wanted], Tables]) -> Tables:
    """The tables of a commit, which never change, from the cache."""
    from pyarrow.parquet import write_table

    if not re.fullmatch(COMMIT, str(wanted.revision)):
        raise ConfigError(
            f"data.revision={wanted.revision} pins nothing, and '{wanted.path}' may change; give the 40 digits of a "
            "commit, which the hub shows under Files and versions, History"
        )
    place = cache_folder() / "huggingface" / wanted.key
    if not place.is_dir():
        tables = fetch(wanted)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            for part, found in tables.items():
                write_table(found, made / f"{part}.parquet")
            with suppress(OSError):  # another process was faster
                made.replace(place)
    return {part: read(place / f"{part}.parquet") for part in PARTS if (place / f"{part}.parquet").is_file()}


def _from_hub(wanted: Wanted) -> Tables:
    if offline():
        raise DataError(
            f"'{wanted.path}' of the hub is not in {cache_folder()}, and {OFFLINE} is set; run once without it"
        )
    return _loaded(wanted)


def _loaded(wanted: Wanted) -> Tables:
    """The table of each part."""
    if offline():
        os.environ |= QUIET  # read when the library is imported
    try:
        import datasets
    except ImportError as error:
        raise DataError("data=huggingface needs the library datasets: pip install 'maskbench[huggingface]'") from error
    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(
            wanted.path, name=wanted.config, revision=wanted.revision, data_files=wanted.data_files
        )
    except Exception as error:  # the library raises whatever reading a file happens to
        told = " ".join(str(error).split())[:300]
        raise DataError(
            f"huggingface '{wanted.path}' cannot be loaded: {told}; mend data.path, data.revision, data.config or "
            "data.data_files"
        ) from error
    splits = _splits(wanted, list(found))
    return {part: _named(found[split]) for part, split in splits.items()}


def _splits(wanted: Wanted, there: list[str]) -> dict[str, str]:
    """The split of each part; the only part is train where the split is to be drawn."""
    train, val, test = wanted.splits
    test = test or ("test" if "test" in there else None)
    val = val or ("validation" if "validation" in there and test != "validation" else None)
    chosen = {part: name for part, name in zip(PARTS, (train, val, test), strict=True) if name}
    for part, name in chosen.items():
        if name not in there:
            raise DataError(
                f"data.{part}: huggingface '{wanted.path}' has no split '{name}'.{nearest(name, there)} "
                f"There are: {', '.join(there)}"
            )
    if "val" in chosen and "test" not in chosen:
        raise DataError(
            f"huggingface '{wanted.path}' has no split for the test, it has {', '.join(there)}; "
            f"data.test={val} tests on that one"
        )
    return chosen


def _named(split: Any) -> pa.Table:
    """The table of a split, its class labels by their names; -1 stands for a label that is not told."""
    import pyarrow as pa

    found = split.with_format("arrow")[:]
    for place, (name, feature) in enumerate(split.features.items()):
        names = getattr(feature, "names", None)
        if names:
            codes = found.column(name).combine_chunks().cast(pa.int64()).to_pylist()
            labels = pa.array([None if code is None or code < 0 else names[code] for code in codes], pa.string())
            found = found.set_column(place, name, labels.dictionary_encode())
    return found.replace_schema_metadata(None)
