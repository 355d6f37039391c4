"""A study as one portable file: what is in it, and the checks before anything of it is used.

It is a zip file with `study.json` (the head), `runs.jsonl` (one run a line) and the runs' files
under `artifacts/RUN/`. Nothing in it names a place of the machine that wrote it.
"""

from __future__ import annotations

import json
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PureWindowsPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from maskbench.errors import DataError
from maskbench.tracking.known import SWEEP, TAG

FORMAT = 1
HEAD, RUNS, ARTIFACTS = "study.json", "runs.jsonl", "artifacts"
ENDING = ".maskbench.zip"
STUDY = re.compile(r"(?!\.+$)[\w .-]{1,100}")
"""What a study may be called: its name becomes a folder."""

ENDED = ("FINISHED", "FAILED", "KILLED")
_STATUSES = (*ENDED, "RUNNING", "SCHEDULED")
_ID = re.compile(r"\w{1,32}", re.ASCII)
_DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises for a file that is cut off, damaged, encrypted or packed in an unknown way."""

Value = tuple[float | None, int, int]
"""A metric's value (None for one that is no number), its step, and milliseconds since 1970."""


@dataclass(frozen=True)
class Head:
    """What the file says of itself."""

    study: str
    runs: int
    sweeps: int
    made: str
    maskbench: str
    format: int = FORMAT


@dataclass(frozen=True)
class Record:
    """One run, or the parent run of a sweep, with all that was logged of it."""

    id: str
    """The run's id in the store that trained it."""
    parent: str | None
    name: str
    status: str
    start: int
    """Milliseconds since 1970, as `end`."""
    end: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, list[Value]]

    @property
    def sweep(self) -> bool:
        """Whether it is the parent run of a sweep."""
        return self.tags.get(f"{TAG}kind") == SWEEP

    @property
    def key(self) -> str:
        """The run's key; a sweep has none."""
        return self.tags.get(f"{TAG}key", "")

    def line(self) -> str:
        """The record as a line of the file."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Portable:
    """A file that was checked, open for reading."""

    path: Path
    head: Head
    archive: ZipFile
    files: Mapping[str, list[str]]
    """The names of each run's files in the archive, by the run's id."""

    def records(self) -> Iterator[Record]:
        """The runs, one at a time."""
        with self.archive.open(RUNS) as lines:
            for line in lines:
                yield _record(line)

    def unpack(self, run: str, folder: Path) -> bool:
        """Write the files of a run to a folder; false where it has none."""
        for name in self.files.get(run, ()):
            file = folder / name.split("/", 2)[2]
            file.parent.mkdir(parents=True, exist_ok=True)
            with self.archive.open(name) as source, file.open("wb") as target:
                shutil.copyfileobj(source, target)
        return run in self.files


@contextmanager
def opened(path: Path) -> Iterator[Portable]:
    """A portable file, read through once; raises DataError for anything that could not be imported whole."""
    if not path.is_file():
        raise DataError(f"there is no file {path.absolute()}; maskbench export makes one")
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(ZipFile(path))
            portable = _checked(path, archive)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        except _DAMAGED as error:
            raise DataError(f"{path} {_trouble(path, error)}") from error
        yield portable


def _trouble(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return "is no zip file; maskbench export makes one"
    return f"is damaged or cut off ({error}); copy it again, or export again"


def _checked(path: Path, archive: ZipFile) -> Portable:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if HEAD not in names or RUNS not in names:
        raise DataError(f"{path} is a zip file of something else; maskbench export makes one to import")
    damaged = archive.testzip()
    if damaged:
        raise DataError(f"{path} is damaged at {damaged}; copy it again, or export again")
    head = _head(path, archive.read(HEAD))
    files = _files(path, names)
    _compare(path, head, archive, set(files))
    return Portable(path, head, archive, files)


def _head(path: Path, text: bytes) -> Head:
    try:
        fields = json.loads(text)
        written, by = int(fields["format"]), fields["maskbench"]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is a zip file of something else; maskbench export makes one to import") from error
    if written > FORMAT:
        raise DataError(
            f"{path} has format {written}, written by maskbench {by}, and this maskbench reads formats up to {FORMAT}; "
            "update maskbench"
        )
    try:
        head = Head(**fields)
    except TypeError as error:
        raise DataError(f"{path}: {HEAD} is damaged ({error}); export again") from error
    if not isinstance(head.study, str) or not STUDY.fullmatch(head.study):
        raise DataError(f"{path}: '{head.study}' cannot be the name of a study; give one with --study")
    return head


def _files(path: Path, names: list[str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for name in names:
        if name in (HEAD, RUNS):
            continue
        parts = name.split("/")
        inside = len(parts) > 2 and parts[0] == ARTIFACTS and _ID.fullmatch(parts[1])
        if not inside or any(_leaves(part) for part in parts):
            raise DataError(f"{path} holds a file '{name}' that would land outside its run's folder; do not trust it")
        files.setdefault(parts[1], []).append(name)
    return files


def _leaves(part: str) -> bool:
    """Whether a part of a path leads somewhere else than down, on any system."""
    return part in ("", ".", "..") or "\\" in part or bool(PureWindowsPath(part).drive)


def _compare(path: Path, head: Head, archive: ZipFile, with_files: set[str]) -> None:
    """Raise DataError where the runs are not those that the head and the files speak of."""
    ids: set[str] = set()
    sweeps = 0
    with archive.open(RUNS) as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = _record(line)
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(f"{path}: line {number} of {RUNS} is no run ({error}); export again") from error
            if record.id in ids:
                raise DataError(f"{path}: line {number} of {RUNS} is a run that was there before; export again")
            ids.add(record.id)
            sweeps += record.sweep
    if (len(ids) - sweeps, sweeps) != (head.runs, head.sweeps):
        raise DataError(
            f"{path} holds {len(ids) - sweeps} runs and {sweeps} sweeps and says it has {head.runs} and {head.sweeps}; "
            "export again"
        )
    if with_files - ids:
        raise DataError(f"{path} holds files of a run that it does not hold: {min(with_files - ids)}; export again")


def _record(line: bytes) -> Record:
    fields: dict[str, Any] = json.loads(line)
    record = Record(**fields)
    texts = {**record.tags, **record.params}
    values = [value for points in record.metrics.values() for value in points]
    sound = {
        "id": isinstance(record.id, str) and _ID.fullmatch(record.id),
        "parent": record.parent is None or isinstance(record.parent, str),
        "name": isinstance(record.name, str),
        "status": record.status in _STATUSES,
        "start": isinstance(record.start, int),
        "end": record.end is None or isinstance(record.end, int),
        "tags or params": all(isinstance(value, str) for value in texts.values()),
        "metrics": all(map(_is_value, values)),
    }
    for name, holds in sound.items():
        if not holds:
            raise ValueError(f"its {name} cannot be read")
    return record


def _is_value(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    number, step, when = value
    return (number is None or isinstance(number, (int, float))) and isinstance(step, int) and isinstance(when, int)
