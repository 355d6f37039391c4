"""Fashion-MNIST (Xiao et al. 2017) as Debian packs it: photos of clothes in the format of MNIST."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.errors import DataError

KEY = "fashion"
FOLDER = "usr/share/datasets/fashion-mnist"
CONTENT = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""sha256 of the unpacked files: whoever packed them, these are the published images."""
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
GZIP = 16 + zlib.MAX_WBITS


def fashion_mnist() -> Dataset:
    """70,000 grey images of 28x28 in ten classes: 60,000 to learn from, 10,000 to test on, as published."""
    packed = open_archive(KEY).read_all(f"{FOLDER}/{name}.gz" for name in CONTENT)
    train_images, test_images, train_labels, test_labels = (
        _unpacked(packed[f"{FOLDER}/{name}.gz"], name) for name in CONTENT
    )
    return describe(
        "fashion_mnist",
        "image",
        np.concatenate([train_images, test_images])[:, None],
        np.concatenate([train_labels, test_labels]).astype(np.int64),
        "classification",
        parts=np.repeat([PARTS.index("train"), PARTS.index("test")], [len(train_labels), len(test_labels)]),
        classes=CLASSES,
        origin=origin(KEY),
    )


def _unpacked(packed: bytes, name: str) -> NDArray[np.uint8]:
    """An IDX file: the number of axes in the fourth byte, the size of each in four bytes, then the bytes."""
    try:
        raw = zlib.decompress(packed, GZIP)
    except zlib.error as error:
        raise DataError(f"archive '{KEY}': member '{name}.gz' cannot be unpacked ({error}); fetch it again") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != CONTENT[name]:
        raise DataError(
            f"archive '{KEY}': member '{name}' has sha256 {found} instead of {CONTENT[name]}: not the file this "
            "reader was written for"
        )
    start = 4 + 4 * raw[3]
    return np.frombuffer(raw, np.uint8, offset=start).reshape(np.frombuffer(raw[4:start], ">u4"))
