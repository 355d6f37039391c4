"""Fashion-MNIST holds the published images, in uint8 and in a second."""

from __future__ import annotations

import gzip
import hashlib
import struct
import subprocess
import sys

import numpy as np
import pytest

from maskbench.data.sets import fashion
from maskbench.errors import DataError
from tests.data.archived import facts, needs, plant, shipped


@needs("fashion")
def test_what_is_known():
    dataset = shipped("fashion_mnist")
    found = facts(dataset)
    assert found == {"shape": (70000, 1, 28, 28), "classes": [7000] * 10, "parts": [60000, 0, 10000]}
    assert (dataset.description.name, dataset.description.features.kind) == ("fashion_mnist", "image")
    assert dataset.inputs.dtype == np.uint8
    train = dataset.inputs[dataset.parts == 0] / np.float32(255)
    assert train.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)
    assert train.std(dtype=np.float64) == pytest.approx(0.3530, abs=5e-5)
    assert dataset.targets[:5].tolist() == [9, 0, 0, 3, 0]
    assert np.bincount(dataset.targets[dataset.parts == 2]).tolist() == [1000] * 10
    assert dataset.classes[dataset.targets[0]] == "ankle boot"
    assert dataset.origin.startswith("dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb sha256:39e172fe32dd")


LOAD = """
import sys, time
begun = time.perf_counter()
from maskbench.data.sets.fashion import fashion_mnist
fashion_mnist()
print(time.perf_counter() - begun, sorted({"torch", "pandas", "sklearn", "scipy"} & set(sys.modules)))
"""


@needs("fashion")
def test_a_fresh_process_reads_it_in_seconds_with_numpy_alone():
    """It takes less than one; the limit leaves room for a machine that does something else."""
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    seconds, _, modules = done.stdout.strip().partition(" ")
    assert float(seconds) < 5
    assert modules == "[]"


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def tiny() -> tuple[dict[str, np.ndarray], dict[str, bytes]]:
    arrays = {}
    for part, rows in (("train", 3), ("t10k", 2)):
        arrays[f"{part}-images-idx3-ubyte"] = np.arange(rows * 6, dtype=np.uint8).reshape(rows, 2, 3) + rows
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(rows, dtype=np.uint8)
    return arrays, {f"{fashion.FOLDER}/{name}.gz": gzip.compress(idx(array)) for name, array in arrays.items()}


def test_the_format(tmp_path, monkeypatch):
    arrays, files = tiny()
    plant(tmp_path, monkeypatch, {"fashion": files})
    with pytest.raises(
        DataError, match=r"'train-images-idx3-ubyte' has sha256 .* instead of c59f.*: not the file this"
    ):
        fashion.fashion_mnist()
    content = {name: hashlib.sha256(idx(arrays[name])).hexdigest() for name in fashion.CONTENT}
    monkeypatch.setattr(fashion, "CONTENT", content)
    dataset = fashion.fashion_mnist()
    images = np.concatenate([arrays["train-images-idx3-ubyte"], arrays["t10k-images-idx3-ubyte"]])
    np.testing.assert_array_equal(dataset.inputs[:, 0], images)
    assert dataset.targets.tolist() == [0, 1, 2, 0, 1]
    assert dataset.parts.tolist() == [0, 0, 0, 2, 2]


def test_a_member_that_is_not_packed(tmp_path, monkeypatch):
    files = dict.fromkeys(tiny()[1], b"no gzip")
    plant(tmp_path, monkeypatch, {"fashion": files})
    with pytest.raises(DataError, match=r"'train-images-idx3-ubyte\.gz' cannot be unpacked \(.*header.*\); fetch it"):
        fashion.fashion_mnist()
