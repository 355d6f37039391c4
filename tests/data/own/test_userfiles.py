"""Finding a user's files, and knowing them by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from maskbench.data.own.userfiles import located, origin
from maskbench.errors import ConfigError, DataError


def test_a_path_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "mine.npz").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert located("mine.npz") == located("~/mine.npz") == tmp_path / "mine.npz"


def test_what_is_not_given_or_not_there(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"x")
    for nothing in (None, ""):
        with pytest.raises(ConfigError, match=r"data\.path is not given; name your file\.npz: data\.path=PATH"):
            located(nothing, what="file.npz")
    with pytest.raises(DataError, match=rf"{tmp_path}/mime\.npz does not exist\. Did you mean 'mine\.npz'\?"):
        located(str(tmp_path / "mime.npz"))
    with pytest.raises(DataError, match=r"gone/mine\.npz does not exist, nor does its folder; mend data\.test_path"):
        located(str(tmp_path / "gone" / "mine.npz"), "data.test_path")


def test_a_file_is_known_by_its_bytes(tmp_path):
    file = tmp_path / "mine.npz"
    file.write_bytes(b"x")
    assert origin(file) == f"user: mine.npz sha256:{hashlib.sha256(b'x').hexdigest()}"


def test_a_folder_is_known_by_names_and_bytes(tmp_path):
    def of(content: dict[str, bytes]) -> str:
        files: list[Path] = []
        for name, written in content.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(written)
            files.append(file)
        return origin(tmp_path, files)

    first = of({"a/1": b"x", "b/1": b"y"})
    assert first.startswith(f"user: {tmp_path.name} sha256:")
    assert first == of({"a/1": b"x", "b/1": b"y"})
    assert len({first, of({"a/1": b"x", "b/2": b"y"}), of({"a/1": b"x", "b/1": b"z"}), of({"a/1": b"x"})}) == 4
