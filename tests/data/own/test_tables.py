"""What the columns of a table are for, and which cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from maskbench.errors import DataError, MaskbenchError
from tests.data.written import NAN, NUMBERS, column, read, rows

TARGETS = {
    "text": ("c a b c a b", {}, "classification", ("a", "b", "c"), [2, 0, 1, 2, 0, 1]),
    "booleans": ("true false true false", {}, "classification", ("false", "true"), [1, 0, 1, 0]),
    "integers in their order": ("10 9 2 10 9 2", {}, "classification", ("2", "9", "10"), [2, 1, 0, 2, 1, 0]),
    "codes": ("010 009 010 009", {}, "classification", ("009", "010"), [1, 0, 1, 0]),
    "fractions": ("1.5 2 3 4", {}, "regression", (), [1.5, 2, 3, 4]),
    "integers, said": ("10 9 2 7", {"task": "regression"}, "regression", (), [10, 9, 2, 7]),
    "floats, said": ("1.0 2.0 1.0 2.0", {"task": "classification"}, "classification", ("1", "2"), [0, 1, 0, 1]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_what_kind_of_task_a_target_is(tmp_path, case):
    values, settings, task, classes, targets = TARGETS[case]
    text = "\n".join(["a,y", *(f"{row * 0.5},{value}" for row, value in enumerate(values.split()))])
    found = read(tmp_path, text, **settings)
    assert (found.description.task, found.classes, found.targets.tolist()) == (task, classes, targets)
    assert found.targets.dtype == (np.int64 if task == "classification" else np.float32)


def test_what_columns_are_for(tmp_path):
    text = "who,size,code,junk,y\n" + "".join(
        f"p{row // 4},{row % 3},{row % 5},{row}x,{'ab'[row % 2]}\n" for row in range(20)
    )
    found = read(tmp_path, text, group="who", drop=["junk"], categorical=["code"])
    assert found.columns == ("size", "code")
    assert found.description.features.levels == (0, 5)
    assert found.bonds is not None
    assert found.bonds.tolist() == [row // 4 for row in range(20)]


def test_a_column_can_be_kept_as_numbers_or_as_categories(tmp_path):
    text = "id,zip,tag,y\n" + "".join(f"{row},{row % 4:02d},t{row},{'ab'[row % 2]}\n" for row in range(20))
    found = read(tmp_path, text, numeric=["id", "zip"], categorical=["tag"])
    assert found.description.features.levels == (0, 0, 20)
    assert column(found, "id") == list(range(20))
    assert column(found, "zip")[:4] == [0, 1, 2, 3]
    assert column(found, "tag")[:3] == [0, 1, 12]  # t0, t1, t10, ...


@pytest.mark.parametrize("step", ["1", "0.01", "60"])
def test_numbers_far_from_zero_are_taken_where_32_bits_tell_them_apart(tmp_path, step):
    """Readings of a barometer, and seconds since 1970 over days."""
    start = 1.7e9 if step == "60" else 1013
    lines = [f"{start + row * float(step):.2f},{'ab'[row % 2]}" for row in (np.arange(5000) * 7 % 997).tolist()]
    assert len(np.unique(read(tmp_path, "\n".join(["t,y", *lines])).inputs)) > 300


def test_numbers_that_rise_number_no_rows(tmp_path):
    text = "a,y\n" + "".join(f"{row + (row > 5)},{'uv'[row % 2]}\n" for row in range(12))
    assert column(read(tmp_path, text), "a")[-1] == 12


def test_as_many_levels_as_are_allowed(tmp_path):
    text = "a,y\n" + rows("n#,u", 4) + rows("n#,v", 4)
    assert read(tmp_path, text, max_levels=4).description.features.levels == (4,)


def test_a_few_rows_may_count_upwards(tmp_path):
    assert column(read(tmp_path, "a,y\n1,u\n2,v\n3,u\n"), "a") == [1, 2, 3]


def test_rows_without_a_target_are_left_out_when_said(tmp_path):
    text = "g,a,b,y\np,1.5,x,u\nq,2.5,z,\np,3.5,x,v\nq,4.5,z,u\n"
    found = read(tmp_path, text, drop_missing_target=True, group="g")
    assert column(found, "a") == [1.5, 3.5, 4.5]
    assert found.targets.tolist() == [0, 1, 0]
    assert found.bonds is not None
    assert found.bonds.tolist() == [0, 0, 1]


class TestTestFile:
    """A second file with the rows of the published test part."""

    def pair(self, folder: Path, test: str, **settings: object):
        (folder / "t.csv").write_text(test)
        return read(folder, "a,b,y\n1.5,p,u\n2.5,q,v\n3.5,p,u\n4.5,q,v\n", test_path=str(folder / "t.csv"), **settings)

    def test_its_rows_come_last_and_its_columns_are_found_by_name(self, tmp_path):
        found = self.pair(tmp_path, "y,more,a,b\nv,0,9,q\nu,0,8,\n")
        assert found.parts is not None
        assert found.parts.tolist() == [0, 0, 0, 0, 2, 2]
        assert column(found, "a") == [1.5, 2.5, 3.5, 4.5, 9, 8]
        np.testing.assert_array_equal(column(found, "b"), [0, 1, 0, 1, 1, NAN])
        assert found.targets.tolist() == [0, 1, 0, 1, 1, 0]
        assert re.fullmatch(r"user: x\.csv sha256:[0-9a-f]{64}; user: t\.csv sha256:[0-9a-f]{64}", found.origin)

    def test_a_category_of_its_own_is_no_error(self, tmp_path):
        assert self.pair(tmp_path, "a,b,y\n1,z,u\n2,q,v\n3,q,v\n").description.features.levels == (0, 3)

    def test_a_label_of_its_own_is(self, tmp_path):
        with pytest.raises(DataError, match=r"labels that no train row has: 'w' \(2 rows\)"):
            self.pair(tmp_path, "a,b,y\n1,p,w\n2,p,w\n3,p,u\n")

    def test_a_column_it_lacks_is_named_with_the_nearest(self, tmp_path):
        with pytest.raises(DataError, match=r"data\.test_path: t\.csv has no column 'a'\. Did you mean 'A'\?"):
            self.pair(tmp_path, "A,b,y\n1,p,u\n")

    def test_a_column_it_has_twice(self, tmp_path):
        with pytest.raises(DataError, match=r"data\.test_path: t\.csv has several columns called 'a'; rename"):
            self.pair(tmp_path, "a,b,a,y\n1,p,2,u\n")

    def test_its_rows_are_counted_from_one(self, tmp_path):
        with pytest.raises(DataError, match="first row 2 of the test part"):
            self.pair(tmp_path, "a,b,y\n1,p,u\n2,p,\n")
        with pytest.raises(DataError, match="first row 1 of the test part, row 3 of the test part;"):
            self.pair(tmp_path, "a,b,y\n1,p,\n2,p,u\n2,p,\n")
        with pytest.raises(DataError, match="first row 1 of the train part"):
            self.pair(tmp_path, "a,b,yy,y\n1,p,u,u\n2,p,,\n", na_values=["u"])

    def test_row_numbers_may_begin_again(self, tmp_path):
        lines = "".join(f"{row},{row * 0.5},{'uv'[row % 2]}\n" for row in range(12))
        (tmp_path / "t.csv").write_text("id,b,y\n" + lines)
        with pytest.raises(DataError, match=r"column 'id' of x\.csv numbers the rows"):
            read(tmp_path, "id,b,y\n" + lines, test_path=str(tmp_path / "t.csv"))

    def test_it_is_dropped_from_with_its_part(self, tmp_path):
        found = self.pair(tmp_path, "a,b,y\n1,p,\n2,p,v\n", drop_missing_target=True)
        assert found.parts is not None
        assert found.parts.tolist() == [0, 0, 0, 0, 2]


REFUSED = {
    "no target given": (NUMBERS, {"target": None}, r"data\.target is not given; .* x\.csv has 'a', 'b', 'y'"),
    "no such target": (
        NUMBERS,
        {"target": "Y"},
        r"data\.target: x\.csv has no column 'Y'\. Did you mean 'y'\? There are: 'a', 'b', 'y'$",
    ),
    "many columns": (",".join(f"c{n}" for n in range(30)) + "\n", {}, r"'c19' and 10 more$"),
    "no such dropped": (NUMBERS, {"drop": ["c"]}, r"data\.drop: x\.csv has no column 'c'"),
    "no such group": (NUMBERS, {"group": "c"}, r"data\.group: x\.csv has no column 'c'"),
    "no such category": (NUMBERS, {"categorical": ["c"]}, r"data\.categorical: x\.csv has no column 'c'"),
    "no such quantity": (NUMBERS, {"numeric": ["c"]}, r"data\.numeric: x\.csv has no column 'c'"),
    "target dropped": (NUMBERS, {"drop": ["y"]}, r"column 'y' is named by data\.target and by data\.drop; take"),
    "target as group": (NUMBERS, {"group": "y"}, r"column 'y' is named by data\.target and by data\.group"),
    "both": (
        NUMBERS,
        {"categorical": ["a"], "numeric": ["a"]},
        r"column 'a' is named by data\.numeric and by data\.cat",
    ),
    "nothing left": (NUMBERS, {"drop": ["a", "b"]}, r"x\.csv has no column left to predict 'y' from"),
    "infinite": ("a,b,y\n1,2,u\n2,inf,v\n3,-inf,u\n", {}, r"2 infinite values, the first in column 'b'"),
    "beyond 32 bits": ("a,b,y\n1,2,u\n2,1e300,v\n3,5,u\n", {}, r"1 infinite values, the first in column 'b'"),
    "too close for 32 bits": (
        "t,y\n" + rows("1700000000.#,u", 9) + rows("1700000000.#,v", 9),
        {},
        r"column 't' of x\.csv holds numbers around 1700000000 so close .* 32 bits keep 1 of 9; .* data\.drop=\[t\]",
    ),
    "no target in some rows": (
        "a,y\n1,u\n2,\n3,v\n4,NA\n5,?\n6,null\n7,v\n",
        {},
        r"target 'y' of x\.csv is missing in 4 of 7 rows, first row 2, row 4, row 5; .* data\.drop_missing_target=true",
    ),
    "no target at all": ("a,y\n1,\n2,\n", {"drop_missing_target": True}, r"target 'y' .* is missing in all rows"),
    "single class": ("a,y\n1,u\n2,u\n3,u\n", {}, r"data 'x' has one class only \('u', 3 rows\)"),
    "text as quantity": (NUMBERS, {"task": "regression"}, r"target 'y' .* text such as 'u', and data\.task=regression"),
    "fractions as classes": (
        "a,y\n1,1.5\n2,2.5\n",
        {"task": "classification"},
        r"target 'y' of x\.csv holds numbers with fractions such as 1\.5, and data\.task=classification",
    ),
    "no such task": (NUMBERS, {"task": "ranking"}, r"data\.task is one of classification, regression"),
    "few whole floats": (
        "a,y\n1,1.0\n2,2.0\n3,1.0\n",
        {},
        r"target 'y' .* 2 distinct whole numbers.* data\.task=class",
    ),
    "many integers": (
        "a,y\n" + rows("0.#,#", 101),
        {},
        r"target 'y' .* 101 distinct whole numbers, .* data\.task=class",
    ),
    "free text as target": (
        "a,y\n" + rows("1,t#"),
        {},
        r"target 'y' .* text with 20 distinct values in 20 rows, such as",
    ),
    "identifier": (
        "a,y\n" + rows("n#,u", 6) + rows("m,v", 4),
        {},
        r"column 'a' .* 7 distinct values in 10 rows, .* data\.drop=\[a\]",
    ),
    "too many levels": (
        "a,y\n" + rows("n#,u", 7) + rows("n#,v", 14),
        {"max_levels": 13, "categorical": ["a"]},
        r"column 'a' .* 14 distinct values, .* 'n0'; .*data\.drop=\[a\], or raise data\.max_levels=13",
    ),
    "nearly all dates": (
        "d,y\n" + "".join(f"2024-01-{row % 10 + 1:02d},{'uv'[row % 2]}\n" for row in range(30)) + "none,u\n" * 2,
        {},
        r"column 'd' of x\.csv holds dates or times such as '2024-01-01'",
    ),
    "row numbers": (
        "id,a,y\n" + "".join(f"{row + 1},0.5,{'uv'[row % 2]}\n" for row in range(10)),
        {},
        r"column 'id' of x\.csv numbers the rows .* data\.drop=\[id\], or .* data\.numeric=\[id\]",
    ),
    "dates": (
        "d,y\n" + "".join(f"2024-01-{row % 3 + 1:02d} 10:00,{'uv'[row % 2]}\n" for row in range(20)),
        {},
        r"column 'd' of x\.csv holds dates or times such as '2024-01-01 10:00'; .* data\.drop=\[d\]",
    ),
    "group with gaps": (
        "g,a,y\np,1,u\n,2,v\nq,3,u\n",
        {"group": "g"},
        r"group column 'g' .* missing in 1 rows, first row 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path, case):
    text, settings, message = REFUSED[case]
    with pytest.raises(MaskbenchError, match=message) as caught:
        read(tmp_path, text, **settings)
    assert "\n" not in str(caught.value)
    assert "\t" not in str(caught.value)


@pytest.mark.parametrize(
    "shape", ["2024-1-3", "31.12.2024", "12/31/2024", "23:59", "2024/01/31T23:59:59Z", "10:11:12.5"]
)
def test_dates_and_times_in_many_forms(tmp_path, shape):
    text = "d,y\n" + rows(f"{shape},u", 3) + rows(f"{shape},v", 3)
    with pytest.raises(DataError, match="dates or times"):
        read(tmp_path, text)
    assert read(tmp_path, text, categorical=["d"]).description.features.levels == (1,)


@pytest.mark.parametrize("value", ["2024-1-3-x7", "v1.2.2024", "a 10:00", "1:2", "12-34"])
def test_what_only_looks_like_a_date(tmp_path, value):
    text = "d,y\n" + rows(f"{value},u", 3) + rows(f"{value},v", 3)
    assert read(tmp_path, text).description.features.levels == (1,)
