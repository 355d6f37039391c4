"""Windows of a watch: cut within recordings, split by subject."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.data.sets.watch import watch
from maskbench.errors import ConfigError
from tests.data.archived import needs

pytestmark = needs("seglearn")


def test_windows_of_four_seconds():
    dataset = watch()
    assert dataset.inputs.shape == (1149, 200, 6)
    assert dataset.inputs.dtype == np.float32
    np.testing.assert_allclose(dataset.inputs[0, 0], (-1.083608, -0.018609, -0.02726, 0.41141, -1.603097, -2.488642))
    np.testing.assert_allclose(dataset.inputs[-1, -1, :2], (1.711329, 0.55336))
    assert np.bincount(dataset.parts).tolist() == [656, 129, 364]
    assert np.bincount(dataset.targets).tolist() == [121, 190, 192, 177, 179, 143, 147]
    assert dataset.classes == ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
    assert (dataset.description.name, dataset.origin[:24]) == ("watch", "seglearn-1.2.5-py3-none-")


def test_windows_of_a_recording_are_bonded_and_follow_each_other():
    short, long = watch(100), watch(200)
    assert len(np.unique(long.bonds)) == 140
    for found in (short, long):
        for array in (found.parts, found.targets):
            assert all(len(np.unique(array[found.bonds == bond])) == 1 for bond in range(140))
    whole = long.inputs[long.bonds == 3].reshape(-1, 6)
    np.testing.assert_array_equal(whole, short.inputs[short.bonds == 3].reshape(-1, 6)[: len(whole)])


@pytest.mark.parametrize("window", [0, 948])
def test_a_window_that_does_not_fit(window):
    with pytest.raises(ConfigError, match=f"data.window={window} is out of range: it must be 1 to 947"):
        watch(window)
