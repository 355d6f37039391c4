"""Members of an archive as bytes, read from the closed file: nothing is extracted to disk, nothing is run."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from maskbench.data.fetched import cache
from maskbench.data.fetched.archives import sources
from maskbench.errors import DataError

MEMBER_LIMIT = 1 << 30
"""Bytes a member may unpack to."""
ZIP_MAGIC, AR_MAGIC, AR_HEADER = b"PK", b"!<arch>\n", 60
UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted zip
    ValueError,
)


@dataclass(frozen=True)
class Archive:
    """A zip (also a wheel), a compressed tar or a Debian package whose members can be read."""

    key: str
    path: Path

    def names(self) -> list[str]:
        """The regular files inside, in the archive's order, without a leading `./`."""
        try:
            if self._is_zip():
                with zipfile.ZipFile(self.path) as opened:
                    return [info.filename for info in opened.infolist() if not info.is_dir()]
            with self._tar() as tar:
                return [_plain(member.name) for member in tar if member.isreg()]
        except UNREADABLE as error:
            raise self._damaged(error) from error

    def read(self, member: str) -> bytes:
        """One member."""
        return self.read_all([member])[member]

    def read_all(self, members: Iterable[str]) -> dict[str, bytes]:
        """Several members in one pass, which a compressed tar needs as long for as for the last of them."""
        wanted = list(members)
        try:
            found = self._from_zip(wanted) if self._is_zip() else self._from_tar(wanted)
        except UNREADABLE as error:
            raise self._damaged(error) from error
        for member in wanted:
            if member not in found:
                raise DataError(
                    f"archive '{self.key}' has no member '{member}': {self.path} is not the file this reader was "
                    "written for"
                )
        return found

    def _from_zip(self, wanted: list[str]) -> dict[str, bytes]:
        found = {}
        with zipfile.ZipFile(self.path) as opened:
            inside = {info.filename: info for info in opened.infolist() if not info.is_dir()}
            for member in wanted:
                if info := inside.get(_plain(member)):
                    self._bound(member, info.file_size)
                    with opened.open(info) as file:
                        found[member] = file.read(info.file_size)  # and no byte more, whatever is packed
        return found

    def _from_tar(self, wanted: list[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        waiting = {_plain(member): member for member in wanted}
        with self._tar() as tar:
            for inside in tar:
                if not waiting:
                    break
                if not inside.isreg() or _plain(inside.name) not in waiting:
                    continue
                member = waiting.pop(_plain(inside.name))
                self._bound(member, inside.size)
                opened = tar.extractfile(inside)
                found[member] = opened.read() if opened else b""
        return found

    def _is_zip(self) -> bool:
        return self._begins(ZIP_MAGIC)

    def _tar(self) -> tarfile.TarFile:
        if self._begins(AR_MAGIC):
            return tarfile.open(fileobj=io.BytesIO(_debian_data(self.path)))
        return tarfile.open(self.path)

    def _begins(self, magic: bytes) -> bool:
        with self.path.open("rb") as file:
            return file.read(len(magic)) == magic

    def _bound(self, member: str, size: int) -> None:
        if size > MEMBER_LIMIT:
            raise DataError(f"archive '{self.key}': member '{member}' would unpack to {size:,} bytes; refused")

    def _damaged(self, error: Exception) -> DataError:
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        return DataError(f"archive '{self.key}': {self.path} cannot be read ({said}); remove it and fetch it again")


def open_archive(key: str) -> Archive:
    """An archive of the catalogue from the cache, its sha256 checked; it is never fetched here."""
    (source,) = sources([key])
    return Archive(key, cache.require(source))


def origin(*keys: str) -> str:
    """What a data set from these archives gives as its origin: each file and its sha256."""
    return ", ".join(f"{source.file} sha256:{source.sha256}" for source in sources(keys))


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _debian_data(path: Path) -> bytes:
    """The tar with the files of a Debian package: an `ar` file, whose members have headers of 60 bytes."""
    with path.open("rb") as file:
        file.seek(len(AR_MAGIC))
        while len(header := file.read(AR_HEADER)) == AR_HEADER:
            name, size = header[:16].decode("ascii").strip(), int(header[48:58])
            if name.startswith("data.tar"):
                return file.read(size)
            file.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError("no data.tar inside")
