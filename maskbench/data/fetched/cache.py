"""Where fetched archives lie, and how a file gets in and out of there: by its sha256 only."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from maskbench.data.fetched.archives import Source
from maskbench.errors import DataError

FOLDER, OFFLINE = "MASKBENCH_DATA", "MASKBENCH_OFFLINE"


def cache_folder() -> Path:
    """MASKBENCH_DATA, or the cache folder of the platform."""
    if chosen := os.environ.get(FOLDER):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "maskbench"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "maskbench" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskbench"


def archives_folder() -> Path:
    """The folder of the archives; it may not exist yet."""
    return cache_folder() / "archives"


def offline() -> bool:
    """Whether MASKBENCH_OFFLINE forbids to start a client."""
    return os.environ.get(OFFLINE, "0") not in ("", "0")


def digest(path: Path) -> str:
    """The sha256 of a file, computed once in a process as long as the file stays as it is."""
    found = path.stat()
    return _digest(path, found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache
def _digest(path: Path, size: int, changed: int, inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(source: Source) -> Path | None:
    """The archive, under its own name or whatever name somebody dropped it there with."""
    own = archives_folder() / source.file
    try:
        for path in (own, *sorted(archives_folder().glob("*"))):
            with suppress(FileNotFoundError):  # moved by another process since it was listed
                if path.is_file() and path.stat().st_size == source.size and digest(path) == source.sha256:
                    return path
    except OSError as error:
        raise DataError(f"{archives_folder()} cannot be read: {error.strerror}; choose another by {FOLDER}") from error
    return None


def require(source: Source) -> Path:
    """The archive; a wrong file of its name is kept aside, and a missing one says how to get it."""
    if path := find(source):
        return path
    own = archives_folder() / source.file
    if own.is_file():
        raise wrong(source, own)
    raise missing(source)


def put(source: Source, fetched: Path) -> Path:
    """Let a file on the same disk take its place among the archives, at once and only when it is the right one."""
    if digest(fetched) != source.sha256:
        raise wrong(source, fetched)
    own = archives_folder() / source.file
    with fetched.open("rb+") as file:
        os.fsync(file.fileno())
    return fetched.replace(own)


def wrong(source: Source, path: Path) -> DataError:
    """Keep a wrong file aside and say so."""
    found = digest(path)
    aside = archives_folder() / f"{source.file}.wrong"
    with suppress(FileNotFoundError):  # another process was faster
        path.replace(aside)
    return DataError(
        f"archive '{source.key}': {source.file} should have sha256 {source.sha256} but has {found}; "
        f"kept aside as {aside} and not used; maskbench data fetch {source.key}"
    )


def missing(source: Source) -> DataError:
    """What is not there, and how to get it."""
    forbidden = f", when {OFFLINE} is no longer set" if offline() else ""
    return DataError(
        f"archive '{source.key}': {source.file} ({source.megabytes}) is not in {archives_folder()}; "
        f"maskbench data fetch {source.key} gets it{forbidden}"
    )
