"""The formats `.ts` and `.tsv`, line by line."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.data.own.ts import parse, parse_tsv
from maskbench.errors import DataError

SMALL = """\
% a comment
@problemName Small
@TIMESTAMPS false
@univariate false
@dimensions 2
@classLabel true up down
# another
@DATA

1,2,3:4,5,6:up
7,?,9:10,11,-1.5e1: down
"""


def test_channels_steps_labels_and_gaps():
    found = parse(SMALL.encode(), "small")
    assert (found.labels, found.classes, found.regression) == (["up", "down"], ("up", "down"), False)
    np.testing.assert_array_equal(found.values[0], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(found.values[1], [[7, 10], [np.nan, 11], [9, -15]])
    assert found.values[0].dtype == np.float32


@pytest.mark.parametrize(
    "written", [SMALL.replace("\n", "\r\n").encode(), SMALL.encode("utf-8-sig")], ids=["crlf", "bom"]
)
def test_line_ends_and_byte_order_mark(written):
    assert parse(written, "small").labels == ["up", "down"]
    assert parse(written, "small").classes == ("up", "down")


def test_tags_may_be_absent_and_lengths_are_measured():
    found = parse(b"@classLabel true 0 1\n@data\n1,2:0\n3,4,5:1\n", "short")
    assert [values.shape for values in found.values] == [(2, 1), (3, 1)]


def test_a_target_to_regress():
    found = parse(b"@targetLabel true\n@data\n1,2:0.5\n", "numbers")
    assert (found.regression, found.labels, found.classes) == (True, ["0.5"], ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@timeStamps true\n@classLabel true a\n@data\n", "@timeStamps true is not read"),
        ("@classLabel false\n@data\n1:a", "neither @classLabel true nor @targetLabel true"),
        ("@classLabel\n@data\n1:a", "neither @classLabel true nor @targetLabel true"),
        ("@classLabel true a\n1,2:a", "line 2 comes before @data"),
        ("@classLabel true a\n", "no line @data"),
        ("", "no line @data"),
        ("@classLabel true a\n@data\n1,2:3,4:a\n\n1,2:a", r"line 5 \(series 2\) has 1 channels instead of 2"),
        ("@classLabel true a\n@dimensions 3\n@data\n1:2:a", r"line 4 \(series 1\) has 2 channels instead of 3"),
        ("@classLabel true a\n@data\n1,2:3:a", r"line 3 \(series 1\) has channels of 1 and 2 values"),
        ("@classLabel true a\n@data\n1,x:a", r"line 3 \(series 1\): .*'x'; .* a missing one is a \?"),
        ("@classLabel true a\n@data\n1,,2:a", r"line 3 \(series 1\): "),
        ("@classLabel true a\n@data\na", r"line 3 \(series 1\) has 0 channels instead of 1"),
    ],
)
def test_what_is_refused(text, says):
    with pytest.raises(DataError, match=f"^here.ts: {says}") as caught:
        parse(text.encode(), "here.ts")
    assert "\n" not in str(caught.value)


def test_other_encodings_are_refused_with_their_line():
    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        parse(b"@classLabel true a\n% \xe9\n@data\n1:a", "here.ts")


def test_tsv_has_its_label_first_and_padding_at_the_end():
    found = parse_tsv(b"1\t0.5\t0.25\tNaN\tNaN\n-1\t1\tNaN\t2\t3\n", "old")
    assert found.labels == ["1", "-1"]
    np.testing.assert_array_equal(found.values[0], [[0.5], [0.25]])
    np.testing.assert_array_equal(found.values[1], [[1], [np.nan], [2], [3]])
    with pytest.raises(DataError, match=r"old: line 1 \(series 1\): .*'x'"):
        parse_tsv(b"1\t0.5\tx\n", "old")
