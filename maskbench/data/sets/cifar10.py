"""CIFAR-10 from the binary archive of its authors."""

from __future__ import annotations

import numpy as np

from maskbench.data.dataset import PARTS, Dataset, Rows, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.errors import DataError

FOLDER = "cifar-10-batches-bin"
MEMBERS = (*(f"{FOLDER}/data_batch_{number}.bin" for number in range(1, 6)), f"{FOLDER}/test_batch.bin")
SHAPE, RECORD = (3, 32, 32), 1 + 3 * 32 * 32
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10() -> Dataset:
    """Colour photographs of ten classes, 3x32x32 from 0 to 255; 50000 to train and 10000 to test."""
    raw = open_archive("cifar10").read_all(MEMBERS)
    batches = [_records(raw[member], member) for member in MEMBERS]
    images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    sizes = [len(targets) for _, targets in batches]
    parts = np.repeat([PARTS.index("train")] * 5 + [PARTS.index("test")], sizes)
    return describe(
        "cifar10", "image", images, labels, "classification", parts=parts, classes=CLASSES, origin=origin("cifar10")
    )


def _records(raw: bytes, member: str) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], Rows]:
    """Images (N, 3, 32, 32) and labels (N,): each record is a label and 3072 grey values, red, green, blue."""
    found = np.frombuffer(raw, np.uint8)
    if not found.size or found.size % RECORD:
        raise DataError(
            f"archive 'cifar10': member '{member}' has {found.size} bytes, no multiple of {RECORD}: "
            "not the file this reader was written for"
        )
    records = found.reshape(-1, RECORD)
    if records[:, 0].max() >= len(CLASSES):
        raise DataError(
            f"archive 'cifar10': member '{member}' has label {records[:, 0].max()} of {len(CLASSES)} classes: "
            "not the file this reader was written for"
        )
    return records[:, 1:].reshape(-1, *SHAPE), records[:, 0].astype(np.int64)
