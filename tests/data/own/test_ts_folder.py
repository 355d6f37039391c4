"""A user's folder of series: which files are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskbench.data.fetched.members import open_archive
from maskbench.data.own.ts_folder import ts_folder
from maskbench.errors import ConfigError, DataError
from tests.data.archived import needs

HEAD = "@classLabel true a b\n@data\n"
TRAIN, TEST = HEAD + "1,2:a\n3,4:b\n", HEAD + "5,6:b\n"


def pair(folder: Path, name: str = "Mine", suffix: str = ".ts", train: str = TRAIN, test: str = TEST) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}_TRAIN{suffix}").write_text(train)
    (folder / f"{name}_TEST{suffix}").write_text(test)
    return folder


def test_a_pair_has_a_published_split(tmp_path):
    dataset = ts_folder(str(pair(tmp_path / "Mine")))
    assert (dataset.parts.tolist(), dataset.targets.tolist(), dataset.classes) == ([0, 0, 2], [0, 1, 1], ("a", "b"))
    assert dataset.description.name == "Mine"
    assert dataset.origin.startswith("user: Mine sha256:")


def test_the_origin_follows_both_files(tmp_path):
    folder = pair(tmp_path / "Mine")
    before = ts_folder(str(folder)).origin
    pair(folder, test=TEST.replace("5", "6"))
    assert ts_folder(str(folder)).origin != before


def test_the_folder_of_a_folder_will_do(tmp_path):
    pair(tmp_path / "Mine")
    assert ts_folder(str(tmp_path)).description.name == "Mine"


def test_one_of_several(tmp_path):
    pair(tmp_path / "One")
    pair(tmp_path / "Two", "Two")
    with pytest.raises(DataError, match=r"holds 2 sets \(Mine, Two\); choose one by data\.member"):
        ts_folder(str(tmp_path))
    assert ts_folder(str(tmp_path), member="Two").description.name == "Two"
    with pytest.raises(DataError, match=r"holds no set 'Twi'\. Did you mean 'Two'\? It holds Mine, Two"):
        ts_folder(str(tmp_path), member="Twi")


def test_old_files_of_tabs_where_there_are_no_new_ones(tmp_path):
    folder = pair(tmp_path / "Mine", suffix=".tsv", train="1\t0\t1\n2\t3\t4\n", test="2\t5\t6\n")
    dataset = ts_folder(str(folder))
    assert (dataset.classes, dataset.targets.tolist()) == (("1", "2"), [0, 1, 1])
    np.testing.assert_array_equal(dataset.inputs[..., 0], [[0, 1], [3, 4], [5, 6]])
    pair(folder)
    assert ts_folder(str(folder)).classes == ("a", "b")


def test_one_file_alone_is_split_by_us(tmp_path):
    file = tmp_path / "mine.ts"
    file.write_text(TRAIN)
    dataset = ts_folder(str(file))
    assert dataset.parts is None
    assert dataset.origin.startswith("user: mine.ts sha256:")


def test_settings_reach_the_series(tmp_path):
    folder = pair(tmp_path / "Mine", test=HEAD + "5:b\n")
    with pytest.raises(DataError, match=r"Mine_TEST\.ts: series 1 has 1 values, the first of all 2"):
        ts_folder(str(folder))
    assert ts_folder(str(folder), padding="end", layout="columns").inputs.shape == (3, 2)


def test_what_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path is not given; name your folder of Name_TRAIN\.ts"):
        ts_folder(None)
    with pytest.raises(DataError, match=f"{tmp_path} holds no Name_TRAIN.ts"):
        ts_folder(str(tmp_path))
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(DataError, match=r"x\.csv is no \.ts or \.tsv file"):
        ts_folder(str(tmp_path / "x.csv"))
    (pair(tmp_path / "Mine") / "Mine_TEST.ts").unlink()
    with pytest.raises(DataError, match=r"Mine_TRAIN\.ts has no Mine_TEST\.ts beside it"):
        ts_folder(str(tmp_path / "Mine"))


@needs("sktime")
def test_a_pair_as_it_is_published(tmp_path):
    archive = open_archive("sktime")
    for part in ("TRAIN", "TEST"):
        content = archive.read(f"sktime/datasets/data/UnitTest/UnitTest_{part}.ts")
        (tmp_path / f"UnitTest_{part}.ts").write_bytes(content)
    dataset = ts_folder(str(tmp_path))
    assert dataset.inputs.shape == (42, 24, 1)
    assert np.bincount(dataset.parts).tolist() == [20, 0, 22]
    assert dataset.inputs[0, :3, 0].tolist() == [573, 375, 301]
    assert dataset.classes == ("1", "2")
