"""Khan's tumours hold what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.data.sets.khan import khan
from maskbench.errors import DataError
from tests.data.archived import assert_told, facts, needs, plant, shipped


@needs("islp")
def test_what_is_known():
    dataset = shipped("khan")
    assert facts(dataset) == {"shape": (83, 2308), "classes": [11, 29, 18, 25], "parts": [63, 0, 20]}
    assert_told("khan", facts(dataset))
    assert np.bincount(dataset.targets[dataset.parts == 0]).tolist() == [8, 23, 12, 20]
    assert np.bincount(dataset.targets[dataset.parts == 2]).tolist() == [3, 6, 6, 5]
    assert (dataset.description.name, dataset.classes) == ("khan", ("1", "2", "3", "4"))
    assert (dataset.columns[0], dataset.columns[-1]) == ("V1", "V2308")
    assert dataset.inputs.dtype == np.float32
    assert dataset.origin.startswith("islp-0.6.0-py3-none-any.whl sha256:ca772cecca17")


def test_a_file_that_is_not_the_one(tmp_path, monkeypatch):
    table, answers = b'"V1","V2"\n1,2\n', b'"x"\n1\n'
    files = {f"ISLP/data/Khan_x{part}.csv": table for part in ("train", "test")}
    files |= {f"ISLP/data/Khan_y{part}.csv": answers for part in ("train", "test")}
    plant(tmp_path, monkeypatch, {"islp": files})
    with pytest.raises(DataError, match=r"'Khan_xtrain\.csv' has shape \(1, 2\) instead of \(63, 2308\): not the file"):
        khan()
