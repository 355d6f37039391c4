"""A user's table in Parquet: types as they were written, folders, and what is refused."""

from __future__ import annotations

import datetime
import hashlib
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as writer

from maskbench.data.own import parquet
from maskbench.errors import ConfigError, DataError

NAN = np.nan
COLUMNS = {
    "count": pa.array([3, None, 5, 6], pa.int32()),
    "size": pa.array([0.5, NAN, 2, None]),
    "kind": pa.array(["p", "q", None, "p"]).dictionary_encode(),
    "flag": pa.array([True, False, None, True]),
    "y": pa.array([1, 0, 1, 0]),
}


def write(file: Path, columns: object = COLUMNS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    writer.write_table(pa.table(columns), file)
    return file


def test_types_are_those_of_the_file(tmp_path):
    file = write(tmp_path / "x.parquet")
    found = parquet.table(str(file), target="y")
    assert (found.description.name, found.columns) == ("x", ("count", "size", "kind", "flag"))
    assert found.description.features.levels == (0, 0, 2, 2)
    np.testing.assert_array_equal(
        found.inputs, np.array([[3, 0.5, 0, 1], [NAN, NAN, 1, 0], [5, 2, NAN, NAN], [6, NAN, 0, 1]], np.float32)
    )
    assert (found.targets.tolist(), found.classes) == ([1, 0, 1, 0], ("0", "1"))
    assert found.origin == f"user: x.parquet sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_text_stays_text(tmp_path):
    """Whoever wrote the file could have written numbers."""
    columns = {"a": ["1", "2", "1", "2"], "b": [1.5, 2.5, 3.5, 4.5], "y": ["u", "v", "u", "v"]}
    assert parquet.table(str(write(tmp_path / "x.parquet", columns)), target="y").description.features.levels == (2, 0)
    with pytest.raises(DataError, match=r"column 'a' of x\.parquet holds text such as '1', and data\.numeric says"):
        parquet.table(str(tmp_path / "x.parquet"), target="y", numeric=["a"])


@pytest.mark.parametrize("role", ["drop", "numeric", "categorical"])
def test_a_column_of_text_without_values_stays(tmp_path, role):
    columns = {"a": [1.5, 2.5], "b": pa.nulls(2, pa.string()), "c": [1.5, 2.5], "y": ["u", "v"]}
    settings = {role: ["c" if role == "drop" else "b"]}
    found = parquet.table(str(write(tmp_path / "x.parquet", columns)), target="y", **settings)
    assert np.isnan(found.inputs[:, 1]).all()
    assert found.description.features.levels == ()


def test_declared_categories_may_all_differ(tmp_path):
    names = [f"n{row}" for row in range(8)]
    columns = {"a": pa.array(names).dictionary_encode(), "b": names, "y": [0, 1] * 4}
    file = str(write(tmp_path / "x.parquet", columns))
    with pytest.raises(DataError, match=r"column 'b' of x\.parquet .* 8 distinct values in 8 rows"):
        parquet.table(file, target="y")
    assert parquet.table(file, target="y", drop=["b"]).description.features.levels == (8,)


def test_dates_and_lists_are_refused_unless_dropped(tmp_path):
    day = datetime.date(2024, 1, 31)
    columns = {"a": [1.5, 2.5], "when": [day, day], "parts": [[1], [2]], "y": ["u", "v"]}
    file = str(write(tmp_path / "x.parquet", columns))
    with pytest.raises(
        DataError, match=r"column 'when' of x\.parquet holds values of type date32.* data\.drop=\[when\]"
    ):
        parquet.table(file, target="y")
    with pytest.raises(DataError, match=r"column 'parts' of x\.parquet holds values of type list"):
        parquet.table(file, target="y", drop=["when"])
    assert parquet.table(file, target="y", drop=["when", "parts"]).columns == ("a",)
    assert parquet.table(file, target="y", drop=["parts"], categorical=["when"]).columns == ("a", "when")


TARGETS = {
    "nullable integers": (pa.array([1, 2, None, 1]), {"drop_missing_target": True}, "classification", [0, 1, 0]),
    "fractions": (pa.array([0.5, 1, 2, 3]), {}, "regression", [0.5, 1, 2, 3]),
    "booleans": (pa.array([True, False, True, True]), {}, "classification", [1, 0, 1, 1]),
    "categories": (pa.array(["q", "p", "q", "p"]).dictionary_encode(), {}, "classification", [1, 0, 1, 0]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets(tmp_path, case):
    array, settings, task, targets = TARGETS[case]
    file = write(tmp_path / "x.parquet", {"a": [1.5, 2.5, 3.5, 4.5], "y": array})
    found = parquet.table(str(file), target="y", **settings)
    assert (found.description.task, found.targets.tolist()) == (task, targets)


def test_whole_floats_are_asked_about(tmp_path):
    file = write(tmp_path / "x.parquet", {"a": [1.5, 2.5], "y": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"target 'y' of x\.parquet .* 2 distinct whole numbers.*data\.task=class"):
        parquet.table(str(file), target="y")
    with pytest.raises(DataError, match=r"target 'y' of x\.parquet is missing in 1 of 2 rows, first row 2"):
        parquet.table(str(write(tmp_path / "z" / "x.parquet", {"a": [1, 2], "y": [1, None]})), target="y")


class TestFolder:
    """Many files are one table."""

    def test_rows_are_in_the_order_of_the_names(self, tmp_path):
        for name, values in {"b": [3, 4], "a": [1, 2], "deep/c": [5, 6]}.items():
            write(tmp_path / "t" / f"{name}.parquet", {"a": values, "y": ["u", "v"]})
        (tmp_path / "t" / "_SUCCESS").touch()
        (tmp_path / "t" / ".hidden.parquet").write_bytes(b"no table")
        found = parquet.table(str(tmp_path / "t"), target="y")
        assert found.inputs[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
        assert found.description.name == "t"
        before = found.origin
        assert re.fullmatch(r"user: t sha256:[0-9a-f]{64}", before)
        write(tmp_path / "t" / "b.parquet", {"a": [3, 5], "y": ["u", "v"]})
        assert parquet.table(str(tmp_path / "t"), target="y").origin != before

    def test_types_that_mix_are_mixed(self, tmp_path):
        write(
            tmp_path / "t" / "a.parquet",
            {"a": pa.array([1, 2], pa.int8()), "b": pa.array(["p", "q"]).dictionary_encode(), "y": ["u", "v"]},
        )
        write(tmp_path / "t" / "b.parquet", {"y": ["u", "v"], "b": ["q", "r"], "a": [1.5, 2.5]})
        found = parquet.table(str(tmp_path / "t"), target="y", categorical=["b"])
        assert found.inputs.tolist() == [[1, 0], [2, 1], [1.5, 1], [2.5, 2]]

    def test_other_types_are_refused(self, tmp_path):
        write(tmp_path / "t" / "a.parquet", {"a": [1, 2], "y": ["u", "v"]})
        write(tmp_path / "t" / "b.parquet", {"a": ["p", "q"], "y": ["u", "v"]})
        with pytest.raises(DataError, match="the tables of t do not fit each other: Field a has incompatible types"):
            parquet.table(str(tmp_path / "t"), target="y")

    def test_names_that_tell_something_are_refused(self, tmp_path):
        write(tmp_path / "t" / "year=2024" / "a.parquet")
        with pytest.raises(DataError, match="t keeps a column in the name of folder 'year=2024'; write it as one file"):
            parquet.table(str(tmp_path / "t"), target="y")
        for name in ("train-0", "test-0"):
            write(tmp_path / "h" / f"{name}.parquet")
        with pytest.raises(DataError, match=r"files of a train and of a test part; data=huggingface data\.path="):
            parquet.table(str(tmp_path / "h"), target="y")

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(DataError, match=r"holds no file \*\.parquet"):
            parquet.table(str(tmp_path), target="y")


def test_a_test_file(tmp_path):
    train = str(write(tmp_path / "x.parquet"))
    test = str(write(tmp_path / "t.parquet", {"y": [1], "kind": ["r"], "count": [9], "size": [1], "flag": [False]}))
    found = parquet.table(train, test, target="y")
    assert found.parts is not None
    assert found.parts.tolist() == [0, 0, 0, 0, 2]
    assert found.inputs[-1].tolist() == [9, 1, 2, 0]
    strange = str(write(tmp_path / "s.parquet", COLUMNS | {"y": [1, 7, 7, 0]}))
    with pytest.raises(DataError, match=r"labels that no train row has: '7' \(2 rows\)"):
        parquet.table(train, strange, target="y")
    short = str(write(tmp_path / "u.parquet", {"y": [1]}))
    with pytest.raises(DataError, match=r"the test part of x\.parquet has no column 'count'"):
        parquet.table(train, short, target="y")


def test_other_types_in_the_test_file(tmp_path):
    train, test = write(tmp_path / "x.parquet"), write(tmp_path / "t.parquet", COLUMNS | {"size": ["p"] * 4})
    with pytest.raises(DataError, match=r"the tables of x\.parquet do not fit each other: Field size has incompatible"):
        parquet.table(str(train), str(test), target="y")


def test_no_rows(tmp_path):
    file = write(tmp_path / "x.parquet", {"a": pa.array([], pa.float64()), "y": pa.array([], pa.string())})
    with pytest.raises(DataError, match=r"x\.parquet has no rows"):
        parquet.table(str(file), target="y")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,y\n1,2\n3,4\n"])
def test_files_that_are_no_parquet(tmp_path, content):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.parquet cannot be read as Parquet: .*; mend it") as caught:
        parquet.table(str(tmp_path / "x.parquet"), target="y")
    assert "\n" not in str(caught.value)


def test_a_damaged_file(tmp_path):
    file = write(tmp_path / "x.parquet", {"a": list(range(100)), "y": list(range(100))})
    content = file.read_bytes()
    file.write_bytes(content[:10] + b"\xff" * 40 + content[50:])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        parquet.table(str(file), target="y")


def test_a_table_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_CELLS", 19)
    with pytest.raises(DataError, match=r"x\.parquet has 4 rows of 5 columns, more than 19 values"):
        parquet.table(str(write(tmp_path / "x.parquet")), target="y")


def test_paths(tmp_path):
    write(tmp_path / "sales.parquet")
    with pytest.raises(ConfigError, match=r"data\.path is not given; name your file or folder"):
        parquet.table(target="y")
    with pytest.raises(DataError, match=r"sale\.parquet does not exist\. Did you mean 'sales\.parquet'\?"):
        parquet.table(str(tmp_path / "sale.parquet"), target="y")
    with pytest.raises(DataError, match=r"data\.target: sales\.parquet has no column 'Y'\. Did you mean 'y'\?"):
        parquet.table(str(tmp_path / "sales.parquet"), target="Y")
