"""A user's table in a text file: the many ways to write it, and what is no table."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskbench.config.build import dataset_of
from maskbench.data.own import csv
from maskbench.errors import ConfigError, DataError, MaskbenchError
from tests.data.written import NAN, NUMBERS, column, mixed, read, same
from tests.helpers import composer


def test_a_mixed_table_is_read_column_by_column(tmp_path):
    found = read(tmp_path, mixed())
    assert found.description.name == "x"
    assert found.columns == ("age", "city", "flag", "zip")
    assert found.description.features.levels == (0, 3, 2, 4)
    assert (found.description.task, found.description.outputs, found.classes) == ("classification", 2, ("a", "b"))
    assert found.inputs.dtype == np.float32
    np.testing.assert_array_equal(column(found, "age")[:6], [NAN, NAN, 41, 3, 4.5, NAN])
    assert column(found, "city")[:4] == [2, 1, 0, 2]  # bonn, oslo, rome
    assert column(found, "flag")[:3] == [1, 0, 1]  # False, True
    assert column(found, "zip")[:6] == [0, 1, 2, 3, 0, 1]
    assert found.targets.tolist() == [0, 1] * 10
    assert found.targets.dtype == np.int64
    assert found.parts is None
    assert found.bonds is None
    assert found.origin == f"user: x.csv sha256:{hashlib.sha256(mixed().encode()).hexdigest()}"


def spaced(text: str) -> str:
    return re.sub(r",(?=[^ \n])", ", ", text)


GAPS = ("", "NA", "NULL", "NaN", "nan", "null", "n/a", "N/A", "?")


WAYS = {
    "BOM": ("\ufeff" + NUMBERS, {}),
    "CRLF": (NUMBERS.replace("\n", "\r\n"), {}),
    "no newline at the end": (NUMBERS.rstrip(), {}),
    "empty lines": (NUMBERS.replace("\n", "\n\n"), {}),
    "blanks": (spaced(NUMBERS), {}),
    "quotes": (re.sub(r"([^,\n]+)", r'"\1"', NUMBERS), {}),
    "semicolons": (NUMBERS.replace(",", ";"), {"sep": ";"}),
    "tabs": (NUMBERS.replace(",", "\t"), {"sep": "tab"}),
    "tabs, as they are": (NUMBERS.replace(",", "\t"), {"sep": "\t"}),
    "semicolons by name": (NUMBERS.replace(",", ";"), {"sep": "semicolon"}),
    "decimal commas": (NUMBERS.replace(",", ";").replace(".", ","), {"sep": ";", "decimal": ","}),
    "UTF-16": (NUMBERS.encode("utf-16"), {"encoding": "utf-16"}),
    "gaps of one's own": (NUMBERS.replace("NA", "-999"), {"na_values": [-999]}),
    "a gap of one's own among blanks": (NUMBERS.replace("NA", " - "), {"na_values": ["-"]}),
    "signs": (NUMBERS.replace("7", "+7"), {}),
    "decimal commas among blanks": (NUMBERS.replace(",", " ; ").replace(".", ","), {"sep": ";", "decimal": "comma"}),
    **{f"gap {gap}": (NUMBERS.replace("NA", gap), {}) for gap in GAPS},
}


@pytest.mark.parametrize("way", WAYS)
def test_one_table_written_in_many_ways(tmp_path, way):
    text, settings = WAYS[way]
    same(read(tmp_path, text, **settings), read(tmp_path, NUMBERS))


def test_the_table_itself(tmp_path):
    found = read(tmp_path, NUMBERS)
    np.testing.assert_array_equal(found.inputs, np.array([[1.5, 2], [NAN, -300], [2, 7], [9, NAN]], np.float32))
    assert found.targets.tolist() == [0, 1, 0, 1]


def test_a_packed_file(tmp_path):
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress(NUMBERS.encode()))
    same(csv.table(str(file), target="y"), read(tmp_path, NUMBERS))


def test_a_file_without_names(tmp_path):
    found = read(tmp_path, NUMBERS.partition("\n")[2], header=False, target="f2")
    assert found.columns == ("f0", "f1")
    assert found.fingerprint == read(tmp_path, NUMBERS).fingerprint


def test_names_may_be_numbers(tmp_path):
    found = read(tmp_path, NUMBERS.replace("a,b,y", "0,1,2"), target=2, drop=[0])
    assert found.columns == ("1",)
    with pytest.raises(DataError, match="no column left to predict '2' from"):
        read(tmp_path, NUMBERS.replace("a,b,y", "0,1,2"), target=2, drop=[0, 1])


def test_latin_1(tmp_path):
    text = "a,y\n1,Zürich\n2,Köln\n3,Zürich\n4,Köln\n".encode("latin-1")
    assert read(tmp_path, text, encoding="latin-1").classes == ("Köln", "Zürich")
    with pytest.raises(
        DataError, match=r"x\.csv is not written in utf8: column 'y' in row 1; .* data\.encoding=latin-1"
    ):
        read(tmp_path, text)
    with pytest.raises(DataError, match=r"x\.csv is not written in utf8: its first line; .* data\.encoding=latin-1"):
        read(tmp_path, "ä,y\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"x\.csv is not written in ascii: .* data\.encoding"):
        read(tmp_path, text, encoding="ascii")


def test_quoted_fields_hold_separators_quotes_and_lines(tmp_path):
    text = 'a,y\n1,"p, q"\n2,"r ""s"""\n3,"t\nu"\n4,"p, q"\n5,"r ""s"""\n6,"t\nu"\n'
    assert read(tmp_path, text).classes == ("p, q", 'r "s"', "t u")


def test_lines_inside_quotes_in_a_long_file(tmp_path):
    """Files are read a megabyte at a time, and one may end between the quotes."""
    long = "z\n" * 50
    found = read(tmp_path, "a,y\n" + f'1.5,"{long}"\n2.5,"{long}!"\n' * 6_000)
    assert len(found.inputs) == 12_000
    assert found.classes == (" ".join("z" * 50), " ".join("z" * 50 + "!"))


REFUSED = {
    "another separator": ("a;b,c;y\n1;2,3;u\n4;5,6;v\n", {}, r"no column 'y'\. Another separator \(data\.sep\)\? "),
    "no names": ("1,2.5,3\n4,5,6\n", {}, r"no column 'y'.* There are: '1', '2\.5', '3'; .* data\.header=false"),
    "one column": (
        "a;b;y\n1;2;3\n",
        {},
        r"one column only with the separator ',', its first line is 'a;b;y'; try data\.sep=semicolon",
    ),
    "one column with tabs": ("a\tb\n1\t2\n", {}, r"its first line is 'a b'; try data\.sep=tab"),
    "one column with no mark": (
        "a-b\n1-2\n",
        {},
        r"its first line is 'a-b'; name another by data\.sep",
    ),
    "empty": ("", {}, r"x\.csv is empty; give a table"),
    "no rows": ("a,y\n", {}, r"x\.csv has no rows; give a table"),
    "ragged": ("a,y\n1,2\n1,2,3\n", {}, r"x\.csv: row 2 has 3 fields instead of 2: '1,2,3'; .* data\.sep"),
    "short": ("a,b,y\n1,2,3\n1,2\n", {}, r"x\.csv: row 2 has 2 fields instead of 3"),
    "names twice": ("a,b,a,b,y\n1,2,3,4,5\n", {}, r"x\.csv has several columns called 'a', 'b'; rename them"),
    "separator of two": (NUMBERS, {"sep": "::"}, r"data\.sep is one plain character, or one of comma, .* not '::'"),
    "separator beyond ASCII": (NUMBERS, {"sep": "§"}, r"data\.sep is one plain character"),
    "separator of none": (NUMBERS, {"sep": ""}, r"data\.sep is one plain character"),
    "comma twice": (NUMBERS, {"decimal": ","}, r"data\.sep and data\.decimal are both ','"),
    "no such encoding": (NUMBERS, {"encoding": "utf9"}, r"data\.encoding: there is no encoding 'utf9'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path, case):
    text, settings, message = REFUSED[case]
    with pytest.raises(MaskbenchError, match=message) as caught:
        read(tmp_path, text, **settings)
    assert "\n" not in str(caught.value)
    assert "\t" not in str(caught.value)


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "sales.csv").write_text(NUMBERS)
    with pytest.raises(ConfigError, match=r"data\.path is not given"):
        csv.table(target="y")
    with pytest.raises(
        DataError, match=rf"{re.escape(str(tmp_path))}/sale\.csv does not exist\. Did you mean 'sales\.csv'\?"
    ):
        csv.table(str(tmp_path / "sale.csv"), target="y")
    with pytest.raises(DataError, match=r"test\.csv does not exist\.? .*data\.test_path"):
        csv.table(str(tmp_path / "sales.csv"), str(tmp_path / "test.csv"), target="y")
    with pytest.raises(DataError, match=r"is a folder; give data\.path one file"):
        csv.table(str(tmp_path), target="y")


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02", b"PAR1\x00\xff\xfe", bytes(range(256)) * 40], ids=["nul", "par", "all"]
)
def test_bytes_that_are_no_table(tmp_path, content):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


class TestMenu:
    """`data=csv` and its settings, as a user writes them."""

    def compose(self, file: Path, *more: str):
        return dataset_of(composer().compose(["data=csv", f"data.path={file}", *more]))

    def test_two_settings_are_enough(self, tmp_path):
        (tmp_path / "x.csv").write_text(mixed(40))
        found = self.compose(tmp_path / "x.csv", "data.target=y")
        assert found.fingerprint == read(tmp_path, mixed(40)).fingerprint

    def test_all_settings_arrive(self, tmp_path):
        text = mixed(40).replace(", ", " ").replace(",", ";").replace(".", ",").replace("y\n", "y y\n", 1)
        (tmp_path / "x.csv").write_bytes(text.encode("utf-16"))
        settings = {"sep": "semicolon", "decimal": "comma", "encoding": "utf-16", "target": "'y y'", "na_values": "[3]"}
        settings |= {"drop": "[flag,city]", "categorical": "[age]", "numeric": "[zip]", "max_levels": "999"}
        settings |= {"test_path": str(tmp_path / "x.csv"), "drop_missing_target": "true", "task": "classification"}
        found = self.compose(tmp_path / "x.csv", *(f"data.{key}={value}" for key, value in settings.items()))
        assert found.columns == ("age", "zip")
        assert found.description.features.levels == (16, 0)  # 41, 8, 13, ... 38 and 4,5 ... 39,5
        assert len(found.inputs) == 80

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ([], r"data\.path is not given; name your file: data\.path=PATH"),
            (["data.path={file}"], r"data\.target is not given; name the column to predict\. x\.csv has 'age', 'city'"),
            (["data.path={file}", "data.target=y", "data.drop=city"], r"data\.drop=city is a str, .* takes a list"),
            (["data.path={file}", "data.target=x"], r"data 'csv': data\.target: x\.csv has no column 'x'\. There are:"),
        ],
    )
    def test_what_is_missing_is_said(self, tmp_path, settings, message):
        (tmp_path / "x.csv").write_text(mixed(40))
        with pytest.raises(MaskbenchError, match=message):
            composer().compose(["data=csv", *(line.format(file=tmp_path / "x.csv") for line in settings)])


VALUES = st.sampled_from(
    ["1", "2.5", "-3", "", "?", " x", "y ", "abc", "2024-01-02", "p,q", "a\nb", "007", "inf", "1e400"]
)


LINES = st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=12)


class TestAnything:
    """Whatever a file holds, it is a data set or one line that says why not."""

    def attempt(self, folder: Path, content: bytes, **settings: object) -> None:
        said = ""
        try:
            found = read(folder, content, **settings)
            assert found.inputs.shape == (len(found.targets), *found.description.features.shape)
        except MaskbenchError as error:
            said = str(error)
        assert "\n" not in said

    @given(lines=LINES, task=st.sampled_from([None, "classification", "regression"]), drop=st.booleans())
    def test_any_values(self, tmp_path_factory, lines, task, drop):
        text = "a,b,y\n" + "".join(",".join(f'"{value}"' for value in line) + "\n" for line in lines)
        self.attempt(tmp_path_factory.getbasetemp(), text.encode(), task=task, drop_missing_target=drop)

    @given(content=st.binary(max_size=60), encoding=st.sampled_from(["utf8", "latin-1", "utf-16", "ascii"]))
    def test_any_bytes(self, tmp_path_factory, content, encoding):
        self.attempt(tmp_path_factory.getbasetemp(), content, encoding=encoding)
        self.attempt(tmp_path_factory.getbasetemp(), b"a,y\n1,u\n2,v\n" + content, encoding=encoding)

    @given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False, width=16), min_size=3, max_size=20))
    def test_numbers_are_read_as_written(self, tmp_path_factory, numbers):
        text = "a,y\n" + "".join(f"{value!r},{row % 2}\n" for row, value in enumerate(numbers))
        found = read(tmp_path_factory.getbasetemp(), text)
        np.testing.assert_array_equal(found.inputs[:, 0], np.array(numbers, np.float32))
