"""CIFAR-10 from an archive like that of its authors, but with twenty records a file."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from maskbench.data.fetched import archives, cache
from maskbench.data.sets.cifar10 import CLASSES, MEMBERS, cifar10
from maskbench.errors import DataError


def records(count: int, first: int) -> np.ndarray:
    """Record n has label n modulo 10, and pixels that count on from n."""
    labels = (first + np.arange(count)) % 10
    pixels = (labels[:, None] + np.arange(3072)) % 256
    return np.concatenate([labels[:, None], pixels], axis=1).astype(np.uint8)


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Put an archive with these members into the cache, and into the catalogue under its hash."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    (tmp_path / "archives").mkdir()

    def put(members: dict[str, bytes]) -> Path:
        path = tmp_path / "archives" / "cifar-10-binary.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        (real,) = archives.sources(["cifar10"])
        fake = dataclasses.replace(real, size=path.stat().st_size, sha256=found)
        monkeypatch.setattr(archives, "SOURCES", (fake,))
        return path

    return put


def whole() -> dict[str, bytes]:
    return {member: records(20, number).tobytes() for number, member in enumerate(MEMBERS)}


def test_records_become_images(archive):
    archive(whole())
    dataset = cifar10()
    assert (dataset.inputs.shape, dataset.inputs.dtype) == ((120, 3, 32, 32), np.uint8)
    assert np.bincount(dataset.parts).tolist() == [100, 0, 20]
    assert dataset.parts[-20:].tolist() == [2] * 20
    assert dataset.targets[[0, 1, 20, 100]].tolist() == [0, 1, 1, 5]
    assert dataset.inputs[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert dataset.inputs[0, 0, 1, 0] == 32
    assert dataset.inputs[1, 1, 0, 0] == (1 + 1024) % 256
    assert (dataset.description.features.kind, dataset.classes) == ("image", CLASSES)
    assert dataset.origin.startswith("cifar-10-binary.tar.gz sha256:")


def test_the_number_of_records_follows_the_file(archive):
    archive(whole() | {MEMBERS[4]: records(7, 0).tobytes()})
    assert np.bincount(cifar10().parts).tolist() == [87, 0, 20]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has 0 bytes, no multiple of 3073: not the file this reader was written for"),
        (records(2, 0).tobytes()[:-1], "has 6145 bytes, no multiple of 3073"),
        (bytes([10]) * 3073, "has label 10 of 10 classes: not the file"),
    ],
)
def test_another_file_is_refused(archive, content, says):
    archive(whole() | {MEMBERS[5]: content})
    with pytest.raises(DataError, match=f"archive 'cifar10': member '{MEMBERS[5]}' {says}"):
        cifar10()


def test_a_missing_archive_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz \(170\.1 MB\) is not in .*data fetch cifar10"):
        cifar10()
