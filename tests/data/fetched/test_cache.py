"""The cache: where it is, and that only the sha256 decides what is in it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from maskbench.data.fetched import cache
from maskbench.data.fetched.archives import Source
from maskbench.errors import DataError

CONTENT = b"the content of an archive"
TINY = Source("tiny", "tiny-1.0.tgz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "npm", "tiny@1.0", "MIT")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    monkeypatch.delenv(cache.OFFLINE, raising=False)
    (tmp_path / "archives").mkdir()
    return tmp_path / "archives"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"MASKBENCH_DATA": "/data"}, "/data"),
        ("darwin", {"MASKBENCH_DATA": "~/data"}, "/home/me/data"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/maskbench"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/home/me/.cache/maskbench"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "/home/me/Library/Caches/maskbench"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/maskbench/Cache"),
        ("win32", {"LOCALAPPDATA": ""}, "/home/me/AppData/Local/maskbench/Cache"),
    ],
)
def test_where_it_is(monkeypatch, platform, variables, expected):
    for name in ("MASKBENCH_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/me"} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert cache.cache_folder() == Path(expected)
    assert cache.archives_folder() == Path(expected) / "archives"


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_offline(monkeypatch, value, expected):
    monkeypatch.delenv(cache.OFFLINE, raising=False)
    if value is not None:
        monkeypatch.setenv(cache.OFFLINE, value)
    assert cache.offline() == expected


@pytest.mark.parametrize("name", [TINY.file, "dropped by hand.bin"])
def test_an_archive_is_found_by_its_content(folder, name):
    (folder / "aaa").write_bytes(b"?" * len(CONTENT))  # as long, and listed first
    (folder / name).write_bytes(CONTENT)
    assert cache.require(TINY) == folder / name


def test_the_right_file_counts_beside_a_wrong_one_of_its_name(folder):
    (folder / TINY.file).write_bytes(b"?" * len(CONTENT))
    (folder / "other").write_bytes(CONTENT)
    assert cache.require(TINY) == folder / "other"


@pytest.mark.parametrize("content", [b"?" * len(CONTENT), CONTENT[:-1], b""])
def test_a_wrong_file_is_kept_aside(folder, content):
    (folder / TINY.file).write_bytes(content)
    with pytest.raises(DataError, match="should have sha256") as caught:
        cache.require(TINY)
    aside = folder / "tiny-1.0.tgz.wrong"
    said = str(caught.value)
    assert all(part in said for part in (TINY.sha256, hashlib.sha256(content).hexdigest(), str(aside)))
    assert aside.read_bytes() == content
    assert os.listdir(folder) == [aside.name]  # noqa: PTH208


def test_a_file_that_changes_is_hashed_again(folder):
    own = folder / TINY.file
    own.write_bytes(CONTENT)
    assert cache.find(TINY) == own
    own.write_bytes(b"?" * len(CONTENT))
    assert cache.find(TINY) is None


def test_a_file_that_stays_is_hashed_once(folder, monkeypatch):
    (folder / TINY.file).write_bytes(CONTENT)
    assert cache.find(TINY)
    monkeypatch.setattr("hashlib.file_digest", None)
    assert cache.find(TINY)


@pytest.mark.parametrize("forbidden", [False, True])
def test_a_missing_archive_says_how_to_get_it(folder, monkeypatch, forbidden):
    if forbidden:
        monkeypatch.setenv(cache.OFFLINE, "1")
    with pytest.raises(DataError) as caught:
        cache.require(TINY)
    said = str(caught.value)
    assert "\n" not in said
    assert all(part in said for part in ("'tiny'", TINY.file, "0.0 MB", str(folder), "maskbench data fetch tiny"))
    assert (cache.OFFLINE in said) == forbidden


def test_without_a_folder_nothing_is_there(folder):
    folder.rmdir()
    assert cache.find(TINY) is None


def test_put_takes_the_right_file_only(folder):
    good, bad = folder / ".part", folder / ".bad"
    good.write_bytes(CONTENT)
    bad.write_bytes(CONTENT + b"?")
    with pytest.raises(DataError, match="kept aside"):
        cache.put(TINY, bad)
    assert not (folder / TINY.file).exists()
    assert cache.put(TINY, good) == folder / TINY.file
    assert sorted(path.name for path in folder.iterdir()) == [TINY.file, f"{TINY.file}.wrong"]
