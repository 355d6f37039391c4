"""Columns of any type as numbers or as names of categories."""

from __future__ import annotations

import datetime
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from maskbench.data.own import columns
from maskbench.data.own.columns import categories, column_of, declared
from maskbench.errors import DataError

NAN = np.nan
NUMBERS = [
    (pa.array([3, None, -1], pa.int8()), True),
    (pa.array([3, None, -1], pa.int64()), True),
    (pa.array([3, None, -1], pa.float32()), False),
    (pa.array(np.array([3, NAN, -1]), pa.float64()), False),
    (pa.array([3, None, -1], pa.decimal128(5, 2)), False),
    (pa.array(np.array([3, NAN, -1], np.float16), pa.float16()), False),
]


@pytest.mark.parametrize(("array", "whole"), NUMBERS, ids=[str(array.type) for array, _ in NUMBERS])
def test_numbers_of_every_type(array, whole):
    found = column_of("a", pa.chunked_array([array]), "x")
    np.testing.assert_array_equal(found.values, [3, NAN, -1])
    assert found.values.dtype == np.float64
    assert (found.levels, found.whole) == (None, whole)


TEXTS = ["b", None, "a", "b", " a "]
KINDS = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_text_of_every_type(kind):
    found = column_of("a", pa.chunked_array([pa.array(TEXTS, kind)]), "x")
    assert found.levels == ("a", "b")
    np.testing.assert_array_equal(found.values, [1, NAN, 0, 1, 0])
    assert not found.declared


def test_dictionaries_are_declared_categories_and_unused_ones_are_left_out():
    array = pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int32()), pa.array(["q", "p", "unused"]))
    found = column_of("a", pa.chunked_array([array]), "x")
    assert (found.levels, found.declared) == (("p", "q"), True)
    np.testing.assert_array_equal(found.values, [0, NAN, 1])


def test_dictionaries_of_numbers_are_in_order():
    array = pa.array([10, 9, None, 10]).dictionary_encode()
    found = column_of("a", pa.chunked_array([array]), "x")
    assert (found.levels, found.declared) == (("9", "10"), True)
    np.testing.assert_array_equal(found.values, [1, 0, NAN, 1])


def test_booleans_are_categories():
    found = column_of("a", pa.chunked_array([pa.array([True, None, False])]), "x")
    assert found.levels == ("false", "true")
    np.testing.assert_array_equal(found.values, [1, NAN, 0])


def test_a_column_in_pieces_and_from_its_middle():
    """Arrow cuts a column into chunks, and a slice begins inside its memory."""
    whole = pa.chunked_array([pa.array([9, 1, None]), pa.array([], pa.int64()), pa.array([None, 2, 3])]).slice(1, 4)
    np.testing.assert_array_equal(column_of("a", whole, "x").values, [1, NAN, NAN, 2])
    texts = pa.chunked_array([pa.array(["z", "b", None]), pa.array(["a", "b"])]).slice(1)
    found = column_of("a", texts, "x")
    assert found.levels == ("a", "b")
    np.testing.assert_array_equal(found.values, [1, NAN, 0, 1])
    one = pa.chunked_array([pa.array([0.5, None, 2.5, None]).slice(1)])
    np.testing.assert_array_equal(column_of("a", one, "x").values, [NAN, 2.5, NAN])


def test_memory_that_begins_elsewhere():
    """Arrow may hand out a part of a larger piece of memory."""
    np.testing.assert_array_equal(columns._plain(pa.array([0.5, None, 2.5, None]).slice(1)), [NAN, 2.5, NAN])


def test_integers_beyond_what_floats_count():
    found = column_of("a", pa.chunked_array([pa.array([2**60 + 1, None], pa.int64())]), "x")
    np.testing.assert_array_equal(found.values, [2.0**60, NAN])


def test_nothing_but_gaps():
    assert np.isnan(column_of("a", pa.chunked_array([pa.nulls(3)]), "x").values).all()
    assert column_of("a", pa.chunked_array([pa.nulls(3, pa.string())]), "x").levels == ()


@pytest.mark.parametrize(
    "array",
    [
        pa.array([datetime.date(2024, 1, 31)]),
        pa.array([datetime.datetime(2024, 1, 31, 10)]),
        pa.array([datetime.time(10)]),
        pa.array([datetime.timedelta(1)]),
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([b"x"]),
    ],
    ids=lambda array: str(array.type),
)
def test_what_is_neither_number_nor_category_is_refused(array):
    with pytest.raises(DataError, match=r"column 'a' of x holds values of type .*; leave it out by data\.drop=\[a\]"):
        column_of("a", pa.chunked_array([array]), "x")


def test_dates_can_be_categories():
    array = pa.chunked_array([pa.array([datetime.date(2024, 1, 31), None, datetime.date(2023, 1, 31)])])
    assert column_of("a", array, "x", category=True).levels == ("2023-01-31", "2024-01-31")
    with pytest.raises(DataError, match="type list<"):
        column_of("a", pa.chunked_array([pa.array([[1]])]), "x", category=True)


def test_numbers_as_categories_are_called_by_what_they_are():
    found = declared(column_of("a", pa.chunked_array([pa.array([2.5, 10, None, 9, 10])]), "x"))
    assert (found.levels, found.declared) == (("2.5", "9", "10"), True)
    np.testing.assert_array_equal(found.values, [0, 2, NAN, 1, 2])


def test_categories_written_as_numbers_are_in_their_order():
    assert categories("a", ["10", "9", "-1.5"], np.arange(3.0)).levels == ("-1.5", "9", "10")
    assert categories("a", ["10", "9", "x"], np.arange(3.0)).levels == ("10", "9", "x")


def test_pandas_is_not_imported(tmp_path):
    (tmp_path / "x.csv").write_text("a,b,y\n1, p,u\n2,,v\n 3,q,u\n")
    code = (
        "import sys\n"
        "from maskbench.data.own import arrow, csv, huggingface, openml, parquet\n"
        "assert not {'pyarrow', 'sklearn', 'datasets', 'pandas'} & set(sys.modules)\n"
        "found = csv.table('x.csv', target='y')\n"
        "from pyarrow import csv as reader, parquet as writer\n"
        "writer.write_table(reader.read_csv('x.csv'), 'x.parquet')\n"
        "parquet.table('x.parquet', target='y', numeric=['a'])\n"
        "print(found.inputs.shape, 'pandas' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(3, 2) False False", done.stderr
