"""Sets of series: those of the archive as published, and what may differ between the series of a set."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from maskbench.config.build import make
from maskbench.data.own.ts import Series, parse
from maskbench.data.sets.series import assembled, sktime
from maskbench.errors import ConfigError, DataError
from tests.data.archived import needs
from tests.helpers import CONF

# (train, test), shape of one, shortest, classes, rows of the smallest train class, test rows that occur in train
SETS = {
    "japanese_vowels": ((270, 370), (29, 12), 7, 9, 30, 0),
    "osuleaf": ((200, 242), (427, 1), 427, 6, 15, 0),
    "acsf1": ((100, 100), (1460, 1), 1460, 10, 10, 0),
    "arrowhead": ((36, 175), (251, 1), 251, 3, 12, 0),
    "gunpoint": ((50, 150), (150, 1), 150, 2, 24, 0),
    "italy_power": ((67, 1029), (24, 1), 24, 2, 33, 0),
    "basic_motions": ((40, 40), (100, 6), 100, 4, 10, 0),
    "plaid": ((537, 537), (1344, 1), 100, 11, 13, 5),
}
TEST_CLASSES = {
    "japanese_vowels": [31, 35, 88, 44, 29, 24, 40, 50, 29],
    "osuleaf": [32, 55, 42, 44, 46, 23],
    "basic_motions": [10] * 4,
}


def shipped(name: str):
    return make(yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text()), name)


@needs("sktime")
@pytest.mark.parametrize("name", SETS)
def test_a_published_set(name):
    sizes, shape, shortest, classes, fewest, twins = SETS[name]
    dataset = shipped(name)
    train = dataset.parts == 0
    assert dataset.description.name == name
    assert (int(train.sum()), int((dataset.parts == 2).sum())) == sizes
    assert (dataset.description.features.kind, dataset.description.features.shape) == ("sequence", shape)
    there = ~np.isnan(dataset.inputs)
    assert there.sum(1).min() == shortest
    assert (there == (np.arange(shape[0]) < there.sum(1)[..., None]).transpose(0, 2, 1)).all()  # gaps at the end only
    assert dataset.description.outputs == len(dataset.classes) == classes
    assert np.bincount(dataset.targets[train]).min() == fewest
    assert np.isin(dataset.twins[~train], dataset.twins[train]).sum() == twins
    assert dataset.origin.startswith("sktime-1.2.0-py3-none-any.whl sha256:dbffc6731d")
    if name in TEST_CLASSES:
        assert np.bincount(dataset.targets[~train]).tolist() == TEST_CLASSES[name]


@needs("sktime")
def test_first_values_and_the_order_of_classes():
    vowels, motions = shipped("japanese_vowels"), shipped("basic_motions")
    np.testing.assert_allclose(vowels.inputs[0, :3, 0], (1.860936, 1.891651, 1.939205))
    np.testing.assert_allclose(vowels.inputs[0, 0, :2], (1.860936, -0.207383))
    assert motions.classes == ("Standing", "Running", "Walking", "Badminton")
    assert motions.targets[[0, -1]].tolist() == [0, 3]


@needs("sktime")
def test_tecator_is_a_regression_of_columns():
    dataset = shipped("tecator")
    assert (dataset.description.features.kind, dataset.description.features.shape) == ("columns", (100,))
    assert (dataset.description.task, dataset.description.outputs) == ("regression", 1)
    assert np.bincount(dataset.parts).tolist() == [172, 0, 43]
    np.testing.assert_allclose(dataset.targets[:3], (22.5, 40.1, 8.4))
    assert len(np.unique(dataset.twins)) == 193
    assert np.isin(dataset.twins[172:], dataset.twins[:172]).sum() == 8


@needs("sktime")
def test_another_shape_is_another_file():
    with pytest.raises(
        DataError, match=r"set 'GunPoint' has shape \(200, 150, 1\).* \(200, 151, 1\): not the file this"
    ):
        sktime("GunPoint", (200, 151, 1))
    with pytest.raises(DataError, match=r"archive 'sktime' has no member '.*/Gun_TRAIN.ts'"):
        sktime("Gun", (200, 150, 1))


def file(*lines: str, where: str = "f", tags: str = "@classLabel true a b") -> Series:
    return parse("\n".join([tags, "@data", *lines]).encode(), where)


def test_a_set_of_one_file_has_no_published_split():
    dataset = assembled("x", file("1,2:a", "3,4:b"), None, "here")
    assert dataset.parts is None
    assert (dataset.inputs.shape, dataset.targets.tolist(), dataset.origin) == ((2, 2, 1), [0, 1], "here")


def test_shorter_series_are_refused_or_end_in_gaps():
    train, test = file("1,2:a", "3,4:b"), file("5,6,7:a", where="t")
    with pytest.raises(DataError, match=r"t: series 1 has 3 values, the first of all 2; data.padding=end"):
        assembled("x", train, test, "")
    dataset = assembled("x", train, test, "", padding="end")
    np.testing.assert_array_equal(dataset.inputs[..., 0], [[1, 2, np.nan], [3, 4, np.nan], [5, 6, 7]])


def test_layout_columns_reads_step_by_step():
    dataset = assembled("x", file("1,2:3,4:a", "5,6:7,8:b"), None, "", layout="columns")
    np.testing.assert_array_equal(dataset.inputs, [[1, 3, 2, 4], [5, 7, 6, 8]])


@pytest.mark.parametrize("setting", ["padding", "layout"])
def test_settings_that_are_none(setting):
    with pytest.raises(ConfigError, match=f"data.{setting} is one of .*, not 'front'"):
        assembled("x", file("1:a"), None, "", **{setting: "front"})


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        (["1:2:a", "1:2:b"], ["1:a"], "t: series 1 has 1 channels, the first of all 2"),
        (["1:a", "1:b"], ["1:c"], "t: series 1 has the label 'c', and @classLabel names a b"),
        (["1:a", "1:?"], ["1:b"], "f: series 2 has no label"),
        (["1:a", "1:"], ["1:b"], "f: series 2 has no label"),
        (["1:a", "2:a"], ["1:a", "3:b", "4:b"], r"labels that no train row has: 'b' \(2 rows\)"),
        (["1:a", "1:b"], [], "t holds no series"),
    ],
)
def test_what_is_refused(train, test, says):
    with pytest.raises(DataError, match=says):
        assembled("x", file(*train), file(*test, where="t"), "")


def test_labels_without_names_are_sorted_as_numbers_or_as_text():
    numbers = Series("f", file("1:a", "2:a", "3:b").values, ["10", "9", "-1"])
    assert assembled("x", numbers, None, "").classes == ("-1", "9", "10")
    assert assembled("x", Series("f", numbers.values, ["b", "10", "a"]), None, "").classes == ("10", "a", "b")
    assert assembled("x", Series("f", numbers.values, ["1.0", "2.0", "1.0"]), None, "").classes == ("1", "2")
    fractions = assembled("x", Series("f", numbers.values, ["0.5", "1.5", "0.25"]), None, "")
    assert (fractions.description.task, fractions.targets.tolist()) == ("regression", [0.5, 1.5, 0.25])


def test_a_regression_needs_numbers():
    tags = "@targetLabel true"
    assert assembled("x", file("1:1", "2:2", tags=tags), None, "").description.task == "regression"
    with pytest.raises(DataError, match=r"f: @targetLabel true, and .*'high'"):
        assembled("x", file("1:1", "2:high", tags=tags), None, "")
