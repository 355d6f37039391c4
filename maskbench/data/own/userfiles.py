"""A user's own files: found by the path of a setting, known by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from maskbench.data.fetched.cache import digest
from maskbench.errors import ConfigError, DataError, nearest


def located(path: str | None, setting: str = "data.path", what: str = "file") -> Path:
    """The file or folder a setting names, absolute; raises where nothing is given or nothing is there."""
    if not path:
        raise ConfigError(f"{setting} is not given; name your {what}: {setting}=PATH")
    found = Path(path).expanduser().absolute()
    if found.exists():
        return found
    if not found.parent.is_dir():
        raise DataError(f"{found} does not exist, nor does its folder; mend {setting}")
    beside = [entry.name for entry in found.parent.iterdir()]
    raise DataError(f"{found} does not exist.{nearest(found.name, beside)} Mend {setting}")


def origin(path: Path, files: Sequence[Path] = ()) -> str:
    """What a record says of a user's file, or of these files of a folder: its name, and a sha256 of the content."""
    if not files:
        return f"user: {path.name} sha256:{digest(path)}"
    lines = [f"{file.relative_to(path).as_posix()} {digest(file)}\n" for file in files]
    return f"user: {path.name} sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
