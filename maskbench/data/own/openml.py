"""Tables of openml.org, fetched once by scikit-learn's client and kept as Parquet in the cache."""

from __future__ import annotations

import re
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskbench.data.dataset import Dataset
from maskbench.data.fetched.cache import OFFLINE, cache_folder, offline
from maskbench.data.own.arrow import typed_dataset
from maskbench.data.own.parquet import read
from maskbench.data.own.tables import Roles
from maskbench.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = r"[\w.()-]+"
TARGET, ORIGIN = b"maskbench.target", b"maskbench.origin"
PATIENCE_SECONDS = 60


def table(
    id: int | None = None,  # noqa: A002 - OpenML's own word
    dataset: str | None = None,
    version: int | None = None,
    target: str | None = None,
    **roles: Any,
) -> Dataset:
    """The table of this id, or of a name and version; the target is OpenML's own where none is given.

    Columns that OpenML marks as identifiers or to be ignored are left out. `roles` are those of `Roles`.
    """
    called = _called(id, dataset, version)
    file = cache_folder() / "openml" / f"{called}.parquet"
    if not file.is_file():
        _fetch(file, id, dataset, version)
    found = read(file)
    said = found.schema.metadata or {}
    target = said.get(TARGET, b"").decode() or None if target is None else target
    wanted = Roles(target=target, **roles)
    return typed_dataset(called, f"openml {called}", {"": found}, wanted, said.get(ORIGIN, b"").decode())


def _called(id: int | None, dataset: str | None, version: int | None) -> str:  # noqa: A002
    """What the file is called in the cache."""
    if (id is None) == (dataset is None):
        raise ConfigError(
            "data=openml takes data.id=NUMBER, or data.dataset=NAME and data.version=NUMBER, and not both"
        )
    for key, value in (("id", id), ("version", version)):
        if value is not None and type(value) is not int:
            raise ConfigError(f"data.{key} is a number, not '{value}'")
    if dataset is None:
        return str(id)
    if version is None:
        raise ConfigError(
            f"data.version is not given; versions of '{dataset}' may differ, so choose one: data.version=1"
        )
    if not re.fullmatch(NAME, str(dataset)):
        raise ConfigError(f"data.dataset='{dataset}' is no name on OpenML; they are letters, digits and _ . ( ) -")
    return f"{str(dataset).lower()}-{version}"


def _fetch(file: Path, id: int | None, dataset: str | None, version: int | None) -> None:  # noqa: A002
    """Put the table into the cache at once, so that no other process meets half of it."""
    from pyarrow.parquet import write_table

    if offline():
        raise DataError(f"openml {file.stem} is not in {file.parent}, and {OFFLINE} is set; run once without it")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            found = _from_server(folder, id, dataset, version)
            partial = Path(folder) / file.name
            write_table(found, partial)
            partial.replace(file)
    except Exception as error:  # the client raises whatever its parsing of an answer happens to
        told = " ".join(f"{type(error).__name__} {error}".split())[:300]
        raise DataError(
            f"openml {file.stem} cannot be fetched: {told}; mend data.id or data.dataset, or try later"
        ) from error


def _from_server(folder: str, id: int | None, dataset: str | None, version: int | None) -> pa.Table:  # noqa: A002
    import pyarrow as pa
    from sklearn.datasets import fetch_openml

    asked = {"data_id": id} if dataset is None else {"name": str(dataset), "version": version}
    with _patience():
        # the other parser breaks on nominal columns whose levels look like integers
        found = fetch_openml(
            **asked, data_home=folder, target_column=None, as_frame=True, parser="liac-arff", n_retries=1, delay=0.1
        )
    about = found.details
    origin = f"openml: id {about['id']} {about['name']} version {about['version']} md5:{about['md5_checksum']}"
    whole = pa.Table.from_pandas(found.frame, preserve_index=False)
    said = about.get("default_target_attribute") or ""
    target = said if said in whole.column_names else ""  # several targets are joined by commas
    return whole.replace_schema_metadata({TARGET: target.encode(), ORIGIN: origin.encode()})


@contextmanager
def _patience() -> Iterator[None]:
    """Give up on a server that does not answer, which the client does not; its tries are not told."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A network error|Invalid cache")
            yield
    finally:
        socket.setdefaulttimeout(before)
