"""Writing a study to one portable file: run by run, straight from a SQLite file or through MLflow."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlparse
from urllib.request import url2pathname
from zipfile import ZIP_DEFLATED, ZipFile

from maskbench import __version__
from maskbench.errors import StoreError
from maskbench.tracking.known import RUN, SWEEP, TAG, connect
from maskbench.tracking.portable import ARTIFACTS, ENDED, ENDING, HEAD, RUNS, STUDY, Head, Record, Value
from maskbench.tracking.store import Store
from maskbench.tracking.trouble import said

if TYPE_CHECKING:
    from mlflow.entities import Run

ORIGIN, ARRIVED, PARENT = f"{TAG}origin", f"{TAG}imported", "mlflow.parentRunId"
"""Tags of an imported run: its id where it was trained, and when the record ends that was imported last."""

_HERE_ONLY = (f"{TAG}owner", f"{TAG}heartbeat", ORIGIN, ARRIVED, PARENT, "mlflow.runName", "mlflow.user")
"""Tags that are of this store or this machine, or that a record has in a field of its own."""
_TEXTS = (".yaml", ".json", ".md", ".html", ".csv", ".tex", ".svg", ".txt")

_RUNS = """
SELECT runs.run_uuid FROM runs JOIN experiments USING (experiment_id)
JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'maskbench.kind'
WHERE experiments.name = ? AND runs.lifecycle_stage = 'active'
ORDER BY tags.value = 'run', runs.start_time, runs.run_uuid
"""
_RUN = "SELECT name, status, start_time, end_time, artifact_uri FROM runs WHERE run_uuid = ?"
_TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
_METRICS = """
SELECT key, CASE WHEN is_nan THEN NULL ELSE value END, step, timestamp FROM metrics
WHERE run_uuid = ? ORDER BY key, step, timestamp, value
"""

Found = tuple[Record, str]
"""A run as this store has it, and the address of its files."""
Places = dict[str, tuple[str, str]]
"""A run's id in the file and the address of its files, by its id in this store."""
Tidy = Callable[[str], str]


class Exported(NamedTuple):
    """What an export holds."""

    path: Path
    head: Head
    files: int
    still_open: int
    """Runs and sweeps that have not ended."""
    without_files: int


def usual_file(study: str) -> Path:
    """Where a study goes unless the user says otherwise; raises StoreError where its name makes no file."""
    if not STUDY.fullmatch(study):
        raise StoreError(f"'{study}' cannot be the name of a file; give one with --out")
    return Path(study + ENDING)


def told(exported: Exported) -> Iterator[str]:
    """What was exported, and what of it is not whole."""
    head, size = exported.head, exported.path.stat().st_size / 2**20
    yield f"study '{head.study}': {head.runs} run(s) and {head.sweeps} sweep(s) with {exported.files} file(s)"
    if exported.still_open:
        yield f"{exported.still_open} of them have not ended and are exported as they stand"
    if exported.without_files:
        yield f"{exported.without_files} of them have no files that could be found"
    yield f"export: {exported.path} ({size:.1f} MiB)"


def export(store: Store, path: Path, force: bool = False) -> Exported:
    """Write the study to `path`, which is whole or not there; raises StoreError where it cannot be done."""
    if path.exists() and not force:
        raise StoreError(f"{path} is there already; --force replaces it, --out names another file")
    if not store.known():
        raise StoreError(f"study '{store.study}' has no runs in {store.location.uri}; nothing is exported")
    half = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with ZipFile(half, "w", ZIP_DEFLATED, strict_timestamps=False) as archive:
            exported = _write(store, archive, path)
        half.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}; choose another place with --out"
        ) from error
    finally:
        half.unlink(missing_ok=True)
    return exported


def _write(store: Store, archive: ZipFile, path: Path) -> Exported:
    tidy = _tidying(store)
    places: Places = {}
    sweeps = still_open = files = without = 0
    with archive.open(RUNS, "w", force_zip64=True) as lines:
        for found, address in _found(store):
            record = _portable(found, places, tidy)
            places[found.id] = record.id, address
            sweeps += record.sweep
            still_open += record.status not in ENDED
            lines.write(record.line().encode())
    for run, (name, address) in places.items():
        with _folder(store, run, address) as folder:
            written = _write_files(archive, folder, f"{ARTIFACTS}/{name}", tidy)
        files += written
        without += not written
    made = datetime.now(UTC).isoformat(timespec="seconds")
    head = Head(store.study, len(places) - sweeps, sweeps, made, __version__)
    archive.writestr(HEAD, json.dumps(asdict(head), indent=1))
    return Exported(path, head, files, still_open, without)


def _found(store: Store) -> Iterator[Found]:
    """The study's runs that were not deleted, sweeps first."""
    file = store.location.file
    return _from_api(store) if file is None else _from_file(file, store.study)


def _from_file(file: Path, study: str) -> Iterator[Found]:
    with connect(file) as connection:
        for (run,) in connection.execute(_RUNS, (study,)).fetchall():
            # the status is read first: a run that has ended is whole
            name, status, start, end, address = connection.execute(_RUN, (run,)).fetchone()
            tags, params = (dict(connection.execute(query, (run,)).fetchall()) for query in (_TAGS, _PARAMS))
            metrics: dict[str, list[Value]] = {}
            for metric, *value in connection.execute(_METRICS, (run,)).fetchall():
                metrics.setdefault(metric, []).append((value[0], value[1], value[2]))
            yield Record(run, tags.get(PARENT), name, status, start, end, tags, params, metrics), address


def _from_api(store: Store) -> Iterator[Found]:
    for kind in (SWEEP, RUN):
        for run in store.search(f"tags.`{TAG}kind` = '{kind}'"):
            info, tags = run.info, dict(run.data.tags)
            with said(store.location):
                metrics = {name: _history(store, run, name) for name in sorted(run.data.metrics)}
            times = info.start_time, info.end_time
            record = Record(
                info.run_id, tags.get(PARENT), info.run_name, info.status, *times, tags, run.data.params, metrics
            )
            yield record, info.artifact_uri


def _history(store: Store, run: Run, name: str) -> list[Value]:
    points = store.client.get_metric_history(run.info.run_id, name)
    points.sort(key=lambda point: (point.step, point.timestamp, point.value))
    return [(None if math.isnan(point.value) else point.value, point.step, point.timestamp) for point in points]


def _portable(found: Record, places: Places, tidy: Tidy) -> Record:
    """The record under the id it was trained under, without what is of this store or this machine."""
    tags = {
        name: tidy(value)
        for name, value in found.tags.items()
        if name not in _HERE_ONLY and not name.startswith("mlflow.source.")
    }
    parent = places.get(found.parent or "")
    return replace(
        found,
        id=found.tags.get(ORIGIN, found.id),
        parent=parent[0] if parent else None,  # none where it was deleted
        name=tidy(found.name),
        tags=tags,
        params={name: tidy(value) for name, value in found.params.items()},
    )


def _tidying(store: Store) -> Tidy:
    """Rewrites paths of this machine: the store's folder becomes `.`, the user's folder `~`."""
    homes = [(Path.home(), "~")]
    if store.location.file is not None:
        homes.insert(0, (store.location.file.parent, "."))
    spelled: dict[str, str] = {}
    for folder, short in homes:
        for path in (folder, folder.resolve()):
            for text in (str(path), quote(str(path))):
                if path != Path(path.anchor):
                    spelled.setdefault(text, short)
    if not spelled:
        return str
    longest_first = "|".join(re.escape(text) for text in sorted(spelled, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.~-])(?:{longest_first})(?![\w-]|\.\w)")
    return lambda text: pattern.sub(lambda match: spelled[match[0]], text)


@contextmanager
def _folder(store: Store, run: str, address: str) -> Iterator[Path]:
    """The folder of a run's files: where the store says, beside a store that was moved, or fetched from a server."""
    where = urlparse(address)
    if where.scheme in ("", "file"):
        folder = Path(url2pathname(where.path))
        beside = store.location.artifacts(store.study)
        if not folder.is_dir() and beside is not None:
            folder = Path(url2pathname(urlparse(beside).path)) / run / "artifacts"
        yield folder
        return
    with tempfile.TemporaryDirectory() as fetched:
        with said(store.location):
            if store.client.list_artifacts(run):
                store.client.download_artifacts(run, "", fetched)
        yield Path(fetched)


def _write_files(archive: ZipFile, folder: Path, under: str, tidy: Tidy) -> int:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    for file in files:
        name = f"{under}/{file.relative_to(folder).as_posix()}"
        if file.suffix in _TEXTS:
            text = file.read_bytes().decode(errors="surrogateescape")
            archive.writestr(name, tidy(text).encode(errors="surrogateescape"))
        else:
            archive.write(file, name)
    return len(files)
