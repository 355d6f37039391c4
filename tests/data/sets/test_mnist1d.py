"""MNIST-1D equals what the package mnist1d 0.0.2.post1 makes, whose numbers are written down here."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from maskbench.data.sets.mnist1d import mnist1d


def test_the_published_sample():
    dataset = mnist1d()
    train = dataset.inputs[dataset.parts == 0].astype(np.float64)
    assert dataset.inputs.shape == (5000, 40, 1)
    assert np.bincount(dataset.parts).tolist() == [4000, 0, 1000]
    np.testing.assert_allclose(
        dataset.inputs[0, :4, 0], (-0.33200567, -0.47191037, -0.77869708, -1.00974083), atol=1e-6
    )
    np.testing.assert_allclose(dataset.inputs[-1, -4:, 0], (0.44723289, 0.65987565, 0.87773435, 1.19315184), atol=1e-6)
    np.testing.assert_allclose((train.mean(), train.std()), (-0.000324, 0.997648), atol=1e-6)
    assert dataset.targets[:10].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1]
    assert np.bincount(dataset.targets[:4000]).tolist() == [398, 396, 411, 394, 394, 402, 401, 404, 402, 398]
    assert dataset.targets[-5:].tolist() == [2, 5, 9, 6, 4]
    assert (dataset.description.name, dataset.description.features.kind) == ("mnist1d", "sequence")
    assert dataset.classes == tuple("0123456789")


def test_shuffled_points_are_the_same_points_elsewhere():
    plain, shuffled = mnist1d(), mnist1d(shuffled=True)
    first = (1.03587403, 0.4101985, -0.88235257, -1.09348571, 0.86739258, 0.93541006)
    np.testing.assert_allclose(shuffled.inputs[0, :6, 0], first, atol=1e-6)
    order = [int(np.flatnonzero(plain.inputs[0, :, 0] == value)[0]) for value in shuffled.inputs[0, :, 0]]
    assert sorted(order) == list(range(40))
    np.testing.assert_array_equal(plain.inputs[:, order], shuffled.inputs)
    np.testing.assert_array_equal(plain.targets, shuffled.targets)


def test_no_global_generator_and_no_scipy():
    code = (
        "import sys, numpy as np\n"
        "before = np.random.get_state()[1].copy()\n"
        "from maskbench.data.sets.mnist1d import mnist1d; mnist1d()\n"
        "assert (before == np.random.get_state()[1]).all()\n"
        "print(sorted({'scipy', 'torch', 'pandas'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
