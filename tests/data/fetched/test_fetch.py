"""Fetching, with stand-ins for the clients: what they are asked, and what becomes of what they leave."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest

from maskbench.data.fetched import cache
from maskbench.data.fetched.archives import Source
from maskbench.data.fetched.fetch import PARTIAL, STALE_SECONDS, fetch, fetch_all
from maskbench.errors import DataError

CONTENT = b"the content of an archive"
NPM = Source("tiny", "tiny-1.0.tgz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "npm", "tiny@1.0", "MIT")
APT = dataclasses.replace(NPM, client="apt-get", file="tiny_1.0_all.deb", package="tiny=1.0")
PIP = dataclasses.replace(NPM, client="pip", file="tiny-1.0-py3-none-any.whl", package="tiny==1.0")
CLIENT = """\
import os, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "calls").open("a") as calls:
    print("{name}", *sys.argv[1:], file=calls)
{body}
"""
LEAVE = "pathlib.Path({file!r}).write_bytes({content!r})"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The cache's archives; the only clients are those a test puts into `bin`."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    monkeypatch.delenv(cache.OFFLINE, raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "bin"))
    return tmp_path / "archives"


def client(folder: Path, source: Source, body: str) -> None:
    """Put a stand-in: a program for npm and apt-get, a module for pip."""
    at = folder.parent / "bin" / ("pip.py" if source.client == "pip" else source.client)
    code = CLIENT.format(folder=str(folder.parent), name=source.client, body=body)
    at.write_text(f"#!{sys.executable}\n{code}")
    at.chmod(at.stat().st_mode | stat.S_IXUSR)


def calls(folder: Path) -> list[str]:
    file = folder.parent / "calls"
    return file.read_text().splitlines() if file.exists() else []


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("source", [NPM, APT, PIP], ids=lambda source: source.client)
def test_fetched_once_and_then_there(folder, source):
    client(folder, source, LEAVE.format(file=source.file, content=CONTENT))
    said: list[str] = []
    assert fetch(source, said.append) == folder / source.file
    assert (folder / source.file).read_bytes() == CONTENT
    assert left(folder) == [source.file]
    assert said[0] == f"tiny: fetching {source.file}, 0.0 MB, by {source.client}"
    assert said[1].startswith("tiny: done in ")
    assert fetch(source, said.append) == folder / source.file
    assert said[2:] == ["tiny: there, 0.0 MB"]
    assert len(calls(folder)) == 1


def test_what_the_clients_are_asked(folder):
    for source in (NPM, APT):
        client(folder, source, "")
        fetch_all([source], print)
    client(folder, PIP, "print(pathlib.Path(sys.argv[-1]).read_text(), file=(folder / 'calls').open('a'))")
    fetch_all([PIP], print)
    npm, apt, pip, pinned, *_ = calls(folder)
    assert npm == "npm pack --ignore-scripts tiny@1.0"
    assert apt == "apt-get download tiny=1.0"
    asked = pip.split()
    assert asked[:6] == ["pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version"]
    assert "3.11" in asked
    assert pinned == f"tiny==1.0 --hash=sha256:{NPM.sha256}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.exit('first\\nE: Unable to locate package tiny')", "apt-get says: E: Unable to locate package tiny;"),
        ("print('E: no'); print('W: odd', file=sys.stderr); sys.exit(100)", "apt-get says: E: no;"),
        ("print('plain words', file=sys.stderr); sys.exit(1)", "apt-get says: plain words;"),
        ("sys.exit(1)", "apt-get says: nothing;"),
        ("sys.stderr.buffer.write(b'E: \\xff'); sys.exit(1)", "apt-get says: E: \ufffd;"),
        ("pass", "apt-get left no file;"),
        ("pathlib.Path('tiny_1.0_all.deb').write_bytes(b'half'); sys.exit(1)", "apt-get says: nothing;"),
    ],
)
def test_a_client_that_fails(folder, body, says):
    client(folder, APT, body)
    with pytest.raises(DataError) as caught:
        fetch(APT, print)
    said = str(caught.value)
    assert says in said
    assert f"get {APT.file} (package tiny=1.0) elsewhere and put it into {folder}" in said
    assert "\n" not in said
    assert left(folder) == []


def test_npm_does_not_hide_its_error_behind_its_log(folder):
    body = "sys.exit('npm error 404 Not Found\\nnpm error A complete log of this run can be found in: x')"
    client(folder, NPM, body)
    with pytest.raises(DataError, match="npm says: npm error 404 Not Found;"):
        fetch(NPM, print)


@pytest.mark.parametrize("source", [NPM, APT], ids=lambda source: source.client)
def test_a_client_that_is_not_installed(folder, source):
    with pytest.raises(DataError, match=f"{source.client} is not installed; .*{source.file}.*{folder}"):
        fetch(source, print)


def test_clients_work_on_the_disk_of_the_cache(folder):
    """What they leave is renamed into its place, which no other disk allows."""
    client(folder, NPM, "print(pathlib.Path.cwd().parent, file=(folder / 'calls').open('a'))")
    fetch_all([NPM], print)
    assert calls(folder)[1] == str(folder)


def test_a_client_that_cannot_start(folder):
    (folder.parent / "bin" / "npm").write_text("#!/no/such/interpreter\n")
    (folder.parent / "bin" / "npm").chmod(0o755)
    with pytest.raises(DataError, match="npm cannot be started: No such file"):
        fetch(NPM, print)


def test_a_wrong_file_is_kept_aside_and_not_used(folder):
    client(folder, NPM, LEAVE.format(file=NPM.file, content=b"something else"))
    with pytest.raises(DataError, match=f"sha256 {NPM.sha256} but has {hashlib.sha256(b'something else').hexdigest()}"):
        fetch(NPM, print)
    assert left(folder) == [f"{NPM.file}.wrong"]


def test_a_wrong_file_of_the_name_is_replaced(folder):
    folder.mkdir()
    (folder / NPM.file).write_bytes(b"half")
    client(folder, NPM, LEAVE.format(file=NPM.file, content=CONTENT))
    fetch(NPM, print)
    assert (folder / NPM.file).read_bytes() == CONTENT


@pytest.mark.parametrize("flag", [True, False])
def test_offline_starts_no_client(folder, monkeypatch, flag):
    client(folder, NPM, LEAVE.format(file=NPM.file, content=CONTENT))
    if not flag:
        monkeypatch.setenv(cache.OFFLINE, "1")
    with pytest.raises(DataError, match="maskbench data fetch tiny"):
        fetch(NPM, print, offline=flag)
    assert calls(folder) == []
    folder.mkdir()
    (folder / "by hand").write_bytes(CONTENT)
    assert fetch(NPM, print, offline=flag) == folder / "by hand"


def test_one_that_fails_does_not_stop_the_others(folder):
    client(folder, APT, LEAVE.format(file=APT.file, content=CONTENT))
    (failed,) = fetch_all([NPM, dataclasses.replace(APT, key="second")], print)
    assert "npm is not installed" in str(failed)
    assert left(folder) == [APT.file]


def test_a_folder_that_cannot_be_made(folder):
    folder.write_text("a file")
    with pytest.raises(DataError, match=f"cannot write to {folder}: .*{cache.FOLDER}"):
        fetch(NPM, print)


def test_leftovers_of_a_killed_fetch_go_when_they_are_old(folder):
    old, young = folder / f"{PARTIAL}old", folder / f"{PARTIAL}young"
    for path in (old, young):
        path.mkdir(parents=True)
        (path / NPM.file).write_bytes(b"half")
    long_ago = young.stat().st_mtime - STALE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    client(folder, NPM, LEAVE.format(file=NPM.file, content=CONTENT))
    fetch(NPM, print)
    assert left(folder) == [young.name, NPM.file]
