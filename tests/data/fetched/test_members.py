"""Members as bytes out of zip, tar and Debian packages, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from maskbench.data.fetched import archives, cache, members
from maskbench.data.fetched.archives import Source
from maskbench.data.fetched.members import Archive, open_archive
from maskbench.errors import DataError

FILES = {"top.txt": b"top", "folder/numbers.csv": b"1,2\n3,4\n", "folder/empty": b"", "folder/big.bin": b"\0" * 5000}
KINDS = ("zip", "tgz", "deb-xz", "deb-gz")


def zipped(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.mkdir("folder")
        for name, content in files.items():
            target.writestr(name, content)


def tarred(files: dict[str, bytes], pack: str, prefix: str = "") -> bytes:
    """A tar with a folder, a symbolic and a hard link beside the files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{pack}") as target:
        for name, kind in (("folder", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(prefix + name)
            info.type, info.linkname = kind, "/etc/passwd" if name == "link" else f"{prefix}top.txt"
            target.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def debian(parts: dict[str, bytes]) -> bytes:
    """An `ar` file as dpkg-deb writes it; parts of odd length are padded."""
    packed = b"!<arch>\n"
    for name, content in parts.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


def archive(folder: Path, kind: str, files: dict[str, bytes] = FILES) -> Archive:
    path = folder / "archive"
    if kind == "zip":
        zipped(path, files)
    elif kind == "tgz":
        path.write_bytes(tarred(files, "gz"))
    else:
        pack = kind.removeprefix("deb-")
        data = tarred(files, pack, "./")
        control = b"odd" + b"!" * 2 * 50
        parts = {"debian-binary": b"2.0\n", "control.tar.xz/": control, f"data.tar.{pack}": data}
        path.write_bytes(debian(parts))
    return Archive("tiny", path)


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_members(tmp_path, kind):
    opened = archive(tmp_path, kind)
    assert opened.names() == list(FILES)
    assert {name: opened.read(name) for name in FILES} == FILES
    assert opened.read_all(reversed(FILES)) == FILES
    assert opened.read_all([]) == {}
    assert os.listdir(tmp_path) == ["archive"]  # noqa: PTH208


def test_the_names_of_a_debian_package_may_begin_with_a_dot(tmp_path):
    opened = archive(tmp_path, "deb-xz")
    assert opened.read("./top.txt") == opened.read("top.txt") == b"top"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member", ["missing", "folder", "folder/", "link", "hard", "../archive", "/etc/passwd"])
def test_what_is_no_file_inside(tmp_path, kind, member):
    with pytest.raises(DataError, match=f"archive 'tiny' has no member '{member}': .*not the file this reader was"):
        archive(tmp_path, kind).read_all(["top.txt", member])


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_would_unpack_to_too_much(tmp_path, kind, monkeypatch):
    opened = archive(tmp_path, kind)
    monkeypatch.setattr(members, "MEMBER_LIMIT", 5000)
    assert len(opened.read("folder/big.bin")) == 5000
    monkeypatch.setattr(members, "MEMBER_LIMIT", 4999)
    with pytest.raises(DataError, match=r"'folder/big.bin' would unpack to 5,000 bytes; refused"):
        opened.read("folder/big.bin")


def test_the_limit_is_a_gigabyte():
    assert members.MEMBER_LIMIT == 1024**3


def test_a_zip_that_lies_about_the_size(tmp_path):
    """The size in the central directory is what is believed, and no byte more is unpacked."""
    opened = archive(tmp_path, "zip", {"big": b"\0" * 5000})
    packed = opened.path.read_bytes()
    at = packed.index(b"PK\1\2", packed.index(b"PK\1\2") + 1) + 24
    assert packed[at : at + 4] == struct.pack("<I", 5000)
    opened.path.write_bytes(packed[:at] + struct.pack("<I", 10) + packed[at + 4 :])
    with pytest.raises(DataError, match="CRC"):
        opened.read("big")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [0, 6, 100, 0.5])
def test_a_damaged_archive(tmp_path, kind, keep):
    opened = archive(tmp_path, kind)
    content = opened.path.read_bytes()
    opened.path.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    for action in (opened.names, lambda: opened.read("folder/big.bin")):
        with pytest.raises(DataError, match=r"archive 'tiny': .* cannot be read \(.*\); remove it") as caught:
            action()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "deb-xz"])  # gzip notices some at its end only, which the sha256 is for
def test_an_archive_with_spoilt_bytes(tmp_path, kind):
    numbers = {"numbers": b" ".join(b"%d" % number**3 for number in range(40_000))}
    opened = archive(tmp_path, kind, numbers)
    content = opened.path.read_bytes()
    for start in range(200, len(content) - 2000, len(content) // 7):
        opened.path.write_bytes(content[:start] + b"\xff" * 60 + content[start + 60 :])
        with pytest.raises(DataError, match="cannot be read"):
            opened.read("numbers")


def test_an_encrypted_zip(tmp_path):
    opened = archive(tmp_path, "zip", {"secret": b"x"})
    content = bytearray(opened.path.read_bytes())
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.rindex(magic) + flags] |= 1
    opened.path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        opened.read("secret")


def test_a_debian_package_without_data(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(debian({"debian-binary": b"2.0\n"}))
    with pytest.raises(DataError, match=r"no data\.tar inside"):
        Archive("tiny", path).names()


def test_open_archive_checks_and_never_fetches(tmp_path, monkeypatch):
    made = archive(tmp_path, "zip")
    content = made.path.read_bytes()
    source = Source("tiny", "tiny.whl", len(content), hashlib.sha256(content).hexdigest(), "pip", "tiny==1", "MIT")
    monkeypatch.setattr(archives, "SOURCES", (source, dataclasses.replace(source, key="other")))
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    monkeypatch.setattr("subprocess.run", None)
    with pytest.raises(DataError, match="maskbench data fetch tiny"):
        open_archive("tiny")
    (tmp_path / "archives").mkdir()
    made.path.replace(tmp_path / "archives" / "tiny.whl")
    assert open_archive("tiny").read("top.txt") == b"top"
    (tmp_path / "archives" / "tiny.whl").write_bytes(content[:-1] + b"!")
    with pytest.raises(DataError, match="should have sha256"):
        open_archive("tiny")
    with pytest.raises(DataError, match="no archive 'tinny'"):
        open_archive("tinny")
