"""What a column of text is taken for."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.errors import DataError, MaskbenchError
from tests.data.written import NAN, column, read, rows


def test_a_value_far_down_is_seen(tmp_path):
    """A guess from the first block of a file would be wrong."""
    lines = [f"{row % 7}.25,{'ab'[row % 2]}" for row in range(200_000)]
    found = read(tmp_path, "\n".join(["a,y", *lines, "nan,a", " 3 ,b"]))
    assert np.isnan(found.inputs[-2, 0])
    assert found.inputs[-1, 0] == 3
    with pytest.raises(DataError, match=r"1 of 200001 values, first 'x' in row 200001"):
        read(tmp_path, "\n".join(["a,y", *lines[1:], "1,a", "x,b"]))


def test_blanks_change_no_task(tmp_path):
    assert read(tmp_path, "a,y\n1.5, 1\n2.5,2\n3.5,1\n").description.task == "classification"
    with pytest.raises(DataError, match=r"2 distinct whole numbers.* data\.task="):
        read(tmp_path, "a,y\n1.5, 1.0\n2.5,2.0\n3.5,1.0\n")


def test_text_that_python_would_take_for_numbers(tmp_path):
    assert read(tmp_path, "a,y\n1_0,u\n2_0,v\n1_0,u\n2_0,v\n").description.features.levels == (2,)


def test_gaps_among_blanks_in_categories(tmp_path):
    found = read(tmp_path, "a,y\n p,u\n ? ,v\nq,u\np,v\n")
    np.testing.assert_array_equal(column(found, "a"), [0, NAN, 1, 0])


def test_groups_may_be_called_anything(tmp_path):
    text = "g,a,y\n" + rows("1#,0.5,u", 10) + rows("1#,0.5,v", 9) + "12b,0.5,u\n"
    assert len(np.unique(read(tmp_path, text, group="g").bonds)) == 11


def test_integers_of_any_size_are_numbers(tmp_path):
    found = read(tmp_path, f"a,b,y\n{2**60 + 1},{10**30},u\n0,0,v\n5,-3,u\n")
    assert found.inputs[0].tolist() == [np.float32(2**60), np.float32(1e30)]


def test_a_tenth_of_texts_is_a_slip_and_more_are_categories(tmp_path):
    grades = "a,y\n" + rows("1,u", 9) + rows("2,v", 9) + "{}"
    with pytest.raises(DataError, match="2 of 20 values, first '3\\+' in row 19"):
        read(tmp_path, grades.format("3+,u\n3+,v\n"))
    assert read(tmp_path, grades.format("3+,u\n3+,v\n3+,u\n")).description.features.levels == (3,)


def test_a_column_without_values_stays(tmp_path):
    found = read(tmp_path, "a,b,y\n1.5,,u\n2.5,NA,v\n3.5,,u\n")
    assert found.description.features.levels == ()
    assert np.isnan(column(found, "b")).all()
    assert read(tmp_path, "a,b,y\n1.5,,u\n2.5,NA,v\n", categorical=["b"]).columns == ("a", "b")


BAD = "a,y\n" + rows("0.#,u", 10) + rows("1.#,v", 10)


REFUSED = {
    "text among numbers": (
        BAD.replace("0.3,", "abc,").replace("0.4,", " ? ,") + "x y,v\n",
        {},
        r"column 'a' of x\.csv holds text where numbers are expected: 2 of 20 values, first 'abc' in row 4; "
        r"data\.na_values=\[abc\] makes it a gap, data\.categorical=\[a\]",
    ),
    "text where the user says numbers": (
        "a,y\n" + rows("p,u", 5) + rows("3.#,v", 5),
        {"numeric": ["a"]},
        r"holds text where numbers are expected: 5 of 10 values, first 'p' in row 1",
    ),
    "decimal commas": (
        "a;y\n1,5;u\n2;v\n3,5;u\n",
        {"sep": ";"},
        r"column 'a' .* comma such as '1,5'; .* data\.decimal=comma",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path, case):
    text, settings, message = REFUSED[case]
    with pytest.raises(MaskbenchError, match=message) as caught:
        read(tmp_path, text, **settings)
    assert "\n" not in str(caught.value)
    assert "\t" not in str(caught.value)
