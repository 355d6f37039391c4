"""A user's table in a Parquet file, or in a folder of them that are read as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskbench.data.dataset import Dataset
from maskbench.data.own.arrow import concatenated, typed_dataset
from maskbench.data.own.tables import Roles
from maskbench.data.own.userfiles import located, origin
from maskbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

ENDING = "*.parquet"
MOST_CELLS = 1 << 30
"""What a table may unpack to."""


def table(path: str | None = None, test_path: str | None = None, **roles: Any) -> Dataset:
    """The rows of a file or folder; those of `test_path` are the published test part. `roles` are those of `Roles`."""
    wanted = Roles(**roles)
    places = {"train": located(path, what="file or folder")}
    if test_path:
        places["test"] = located(test_path, "data.test_path")
    files = {part: _files(place) for part, place in places.items()}
    tables = {part: _read(found, places[part].name) for part, found in files.items()}
    origins = [origin(place, files[part] if place.is_dir() else ()) for part, place in places.items()]
    place = places["train"]
    return typed_dataset(place.stem, place.name, tables, wanted, "; ".join(origins))


def _files(place: Path) -> list[Path]:
    """The files of a table in the order of their names; refuses folders whose names, or whose files' names, tell."""
    if place.is_file():
        return [place]
    files = sorted(file for file in place.rglob(ENDING) if file.is_file() and not file.name.startswith((".", "_")))
    inside = [file.relative_to(place) for file in files]
    if not files:
        raise DataError(f"{place} holds no file {ENDING}; give data.path a Parquet file, or a folder of them")
    for file in inside:
        if any("=" in folder for folder in file.parts[:-1]):
            raise DataError(f"{place} keeps a column in the name of folder '{file.parent}'; write it as one file")
    if len({start for file in inside for start in ("train", "test") if file.as_posix().startswith(start)}) > 1:
        raise DataError(
            f"{place} holds files of a train and of a test part; data=huggingface data.path={place} keeps them apart"
        )
    return files


def _read(files: Sequence[Path], file: str) -> pa.Table:
    """All rows; raises DataError for what is no Parquet file."""
    return concatenated([read(each) for each in files], file)


def read(file: Path) -> pa.Table:
    """The table of one file."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(file) as opened:
            found = opened.metadata
            if found.num_rows * found.num_columns > MOST_CELLS:
                raise DataError(
                    f"{file.name} has {found.num_rows} rows of {found.num_columns} columns, more than {MOST_CELLS} "
                    "values; give some of its rows"
                )
            return opened.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} cannot be read as Parquet: {' '.join(str(error).split())[:200]}; mend it") from error
