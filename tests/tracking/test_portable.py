"""The portable file: what is refused before anything of it is used."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from maskbench.errors import DataError
from maskbench.tracking.portable import STUDY, Record, opened
from tests.tracking.runs import exported, small_study, store_in

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = tmp_path_factory.mktemp("good")
    store = store_in(folder / "a", empty_database)
    small_study(store)
    return exported(store, folder / "t.maskbench.zip")


def members(file: Path) -> Members:
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(file: Path, content: Members) -> Path:
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(DataError) as raised, opened(file):
        pytest.fail("it was opened")
    message = str(raised.value)
    assert "\n" not in message
    assert str(file) in message
    return message


def test_a_good_file_is_read(good: Path, tmp_path: Path) -> None:
    with opened(good) as portable:
        records = list(portable.records())
        assert (portable.head.study, portable.head.runs, portable.head.sweeps) == ("t", 3, 1)
        assert [record.sweep for record in records] == [True, False, False, False]
        assert [record.key for record in records] == ["", "k0", "k1", "k2"]
        assert portable.unpack(records[0].id, tmp_path)
        assert not portable.unpack("nobody", tmp_path)
    assert (tmp_path / "report" / "report.md").read_text() == "# all\n"


def test_no_file_and_no_zip_file(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path / "t.zip")
    (tmp_path / "t.zip").write_text("run_id,status\n")
    assert "is no zip file" in refusal(tmp_path / "t.zip")
    (tmp_path / "t.zip").write_text("")
    assert "is no zip file" in refusal(tmp_path / "t.zip")


def test_a_file_cut_off_anywhere_is_refused(good: Path, tmp_path: Path) -> None:
    whole = good.read_bytes()
    for share in (0.01, 0.3, 0.6, 0.9, 0.999):
        (tmp_path / "t.zip").write_bytes(whole[: int(share * len(whole))])
        assert "damaged or cut off" in refusal(tmp_path / "t.zip")


def everything(file: Path, folder: Path) -> list[tuple[Record, list[bytes]]]:
    """The runs of a file with their own files, unpacked to a new folder."""
    with opened(file) as portable:
        records = list(portable.records())
        for record in records:
            portable.unpack(record.id, folder / record.id)
    return [(record, [part.read_bytes() for part in sorted((folder / record.id).rglob("*.*"))]) for record in records]


def test_damage_is_refused_or_harmless(good: Path, tmp_path: Path) -> None:
    whole, stream, file = good.read_bytes(), random.Random(0), tmp_path / "t.zip"
    unharmed = everything(good, tmp_path / "good")
    assert [len(parts) for _, parts in unharmed] == [2, 1, 1, 1]
    refused = 0
    for number in range(300):
        damaged = bytearray(whole)
        damaged[stream.randrange(len(damaged))] ^= 1 << stream.randrange(8)
        file.write_bytes(damaged)
        try:
            assert everything(file, tmp_path / str(number)) == unharmed  # a date or a flag that nobody reads
        except DataError:
            refused += 1
    assert refused > 100


def test_a_zip_file_of_something_else(tmp_path: Path) -> None:
    assert "something else" in refusal(zipped(tmp_path / "1.zip", {"report.html": b""}))
    assert "something else" in refusal(zipped(tmp_path / "2.zip", {"study.json": b"[]", "runs.jsonl": b""}))
    assert "something else" in refusal(zipped(tmp_path / "3.zip", {"study.json": b"{", "runs.jsonl": b""}))


def changed(**fields: Any) -> Callable[[Members], None]:
    def change(content: Members) -> None:
        content["study.json"] = json.dumps(json.loads(content["study.json"]) | fields).encode()

    return change


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Members], None]:
    def on(content: Members) -> None:
        content["runs.jsonl"] = b"".join(change(content["runs.jsonl"].splitlines(keepends=True)))

    return on


def field(**fields: Any) -> Callable[[Members], None]:
    return lines(lambda rows: [json.dumps(json.loads(rows[0]) | fields).encode() + b"\n", *rows[1:]])


def added(name: str) -> Callable[[Members], None]:
    return lambda content: content.update({name: b"x"})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed(format=2, maskbench="9.1", more="?"), "written by maskbench 9.1"),
        (changed(more="?"), "study.json is damaged"),
        (changed(runs=4), "holds 3 runs and 1 sweeps and says it has 4 and 1"),
        (changed(study="../t"), "'../t' cannot be the name"),
        (changed(study=3), "'3' cannot be the name"),
        (lines(lambda rows: rows[:-1]), "holds 2 runs"),
        (lines(lambda rows: [*rows[:-1], rows[-1][:-9]]), "line 4 of runs.jsonl is no run"),
        (lines(lambda rows: [b"[]\n", *rows[1:]]), "line 1 of runs.jsonl is no run"),
        (lines(lambda rows: [b'"x"\n', *rows[1:]]), "line 1 of runs.jsonl is no run"),
        (lines(lambda rows: [rows[0], *rows]), "line 2 of runs.jsonl is a run that was there before"),
        (field(id="../../x"), "its id cannot be read"),
        (field(status="DONE"), "its status"),
        (field(start="now"), "its start"),
        (field(end=1.5), "its end"),
        (field(name=None), "its name"),
        (field(parent=7), "its parent"),
        (field(tags={"maskbench.kind": 1}), "its tags"),
        (field(tags=[]), "line 1"),
        (field(params={"a": None}), "its tags or params"),
        (field(metrics={"a": [[1.0, 0]]}), "its metrics"),
        (field(metrics={"a": [["1", 0, 0]]}), "its metrics"),
        (field(metrics={"a": 1}), "line 1"),
        (field(extra=1), "line 1"),
        (added("artifacts/ab/../../../x"), "outside its run's folder"),
        (added("artifacts/../x/y"), "outside"),
        (added("/artifacts/ab/x"), "outside"),
        (added("artifacts/ab"), "outside"),
        (added("artifacts/ab/c\\..\\x"), "outside"),
        (added("artifacts/ab/C:/x"), "outside"),
        (added("elsewhere/ab/x"), "outside"),
        (added("artifacts/abc/x"), "files of a run that it does not hold: abc"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    good: Path, tmp_path: Path, change: Callable[[Members], None], says: str
) -> None:
    content = members(good)
    change(content)
    assert says in refusal(zipped(tmp_path / "t.zip", content))


def test_a_file_zipped_again_by_hand_is_fine(good: Path, tmp_path: Path) -> None:
    with ZipFile(good) as archive:
        archive.extractall(tmp_path / "unpacked")
    again = Path(shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path / "unpacked"))
    with opened(again) as portable, opened(good) as first:
        assert list(portable.records()) == list(first.records())


@pytest.mark.parametrize(
    ("name", "fits"), [("a b.c-1", True), ("..", False), ("a/b", False), ("", False), (".x", True)]
)
def test_names_of_studies(name: str, fits: bool) -> None:
    assert bool(STUDY.fullmatch(name)) == fits
