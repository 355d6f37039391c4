"""Writing a study to a file: all of it, nothing of the machine, whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from maskbench import __version__
from maskbench.errors import StoreError
from maskbench.tracking import export as exporting
from maskbench.tracking.export import export, told, usual_file
from maskbench.tracking.location import Location
from maskbench.tracking.portable import opened
from maskbench.tracking.store import Store
from tests.tracking.runs import START, content, exported, lines, log, small_study, store_in, tag


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> Store:
    return store_in(tmp_path / "a", empty_database)


def unpacked(file: Path) -> dict[str, str]:
    with ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_file_holds_all_that_mlflow_has(store: Store, tmp_path: Path) -> None:
    ids = small_study(store)
    done = export(store, tmp_path / "t.zip")
    head = json.loads(unpacked(tmp_path / "t.zip")["study.json"])
    assert head.pop("made").endswith("+00:00")
    assert head == {"study": "t", "runs": 3, "sweeps": 1, "maskbench": __version__, "format": 1}
    assert list(told(done))[:-1] == ["study 't': 3 run(s) and 1 sweep(s) with 5 file(s)"]
    truth = content(store)
    for record in lines(tmp_path / "t.zip"):
        run = truth.pop(record.id)
        assert (record.name, record.status, record.start, record.end) == run["info"]
        assert record.params == run["params"]
        told_of = {name: value for name, value in run["tags"].items() if not name.startswith("mlflow.")}
        assert record.tags == told_of
        assert record.parent == run["tags"].get("mlflow.parentRunId")
        values = {
            name: [("nan" if value is None else repr(value), step, when) for value, step, when in history]
            for name, history in record.metrics.items()
        }
        assert values == run["metrics"]
        files = {
            name.removeprefix(f"artifacts/{record.id}/"): text
            for name, text in unpacked(tmp_path / "t.zip").items()
            if record.id in name
        }
        assert files == run["files"]
    assert not truth
    assert len(ids) == 4


def test_both_ways_of_reading_write_the_same(store: Store, tmp_path: Path) -> None:
    small_study(store)
    slow = Store(store.location.uri, store.study)
    slow.location = Location(store.location.uri, None)
    fast, by_api = lines(exported(store, tmp_path / "1.zip")), lines(exported(slow, tmp_path / "2.zip"))
    assert fast[0] == by_api[0]  # the sweep comes first
    assert sorted(fast, key=lambda run: run.id) == sorted(by_api, key=lambda run: run.id)


def test_files_on_a_server_are_fetched(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    small_study(store)
    log(store, "k3", files={})
    local = unpacked(exported(store, tmp_path / "1.zip"))
    found = list(exporting._from_file(tmp_path / "a" / "mlflow.db", "t"))
    monkeypatch.setattr(exporting, "_found", lambda store: iter([(run, "mlflow-artifacts:/x") for run, _ in found]))
    fetched = unpacked(exported(store, tmp_path / "2.zip"))
    assert capfd.readouterr().err == ""  # MLflow shows no progress of its own
    assert {name: text for name, text in fetched.items() if name != "study.json"} == {
        name: text for name, text in local.items() if name != "study.json"
    }


def test_deleted_runs_and_other_studies_are_left_out(store: Store, tmp_path: Path) -> None:
    sweep, first, failed, alone = small_study(store)
    store.client.delete_run(sweep)
    store.client.delete_run(failed)
    log(Store(store.location.uri, "another"), "k9")
    records = lines(exported(store, tmp_path / "t.zip"))
    assert [record.id for record in records] == [first, alone]
    assert [record.parent for record in records] == [None, None]
    assert not [name for name in unpacked(tmp_path / "t.zip") if sweep in name or failed in name]


def test_a_run_that_has_not_ended_is_exported_and_said(store: Store, tmp_path: Path) -> None:
    log(store, "k0", "RUNNING")
    done = export(store, tmp_path / "t.zip")
    assert [record.status for record in lines(tmp_path / "t.zip")] == ["RUNNING"]
    assert "1 of them have not ended and are exported as they stand" in list(told(done))


def test_nothing_names_a_place_of_this_machine(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "ann", tmp_path / "ann" / "a"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    store = store_in(here, empty_database)
    text = f"uri: {store.location.uri}\nelse: {here}, {here}. {here}/x {here}2 {home}/data.csv {here.as_uri()}\n"
    run = log(store, "k0", files={"config.yaml": text, "log.txt": text, "report/picture.png": "ä"})
    tag(store, run, owner=f"vm/{here}/7", heartbeat="17", note=f"maskbench sweep tracking.uri={store.location.uri}")
    for name, value in {"mlflow.source.name": str(here / "x.py"), "mlflow.user": "ann"}.items():
        store.client.set_tag(run, name, value)
    store.client.log_param(run, "data.path", f"{here}/x.csv")
    [record] = lines(exported(store, tmp_path / "t.zip"))
    assert set(record.tags) == {f"maskbench.{name}" for name in ("kind", "key", "pair_key", "code", "note")}
    assert record.tags["maskbench.note"] == "maskbench sweep tracking.uri=sqlite:///./mlflow.db"
    assert record.params["data.path"] == "./x.csv"
    tidy = "uri: sqlite:///./mlflow.db\nelse: ., .. ./x ~/a2 ~/data.csv file://.\n"
    texts = unpacked(tmp_path / "t.zip")
    assert texts[f"artifacts/{run}/config.yaml"] == texts[f"artifacts/{run}/log.txt"] == tidy
    assert texts[f"artifacts/{run}/report/picture.png"] == "ä"
    assert "ann" not in "".join(texts.values())


def test_only_whole_paths_of_this_machine_are_shortened(store: Store, tmp_path: Path) -> None:
    here = tmp_path / "a"
    text = f"/other{here}/x {here}-b ~{here} {here}.bak (byte \udcff)"
    run = log(store, "k0", files={"log.txt": ""})
    folder = Path(store.client.download_artifacts(run, ""))
    folder.joinpath("log.txt").write_bytes(text.encode(errors="surrogateescape"))
    with ZipFile(exported(store, tmp_path / "t.zip")) as archive:
        assert archive.read(f"artifacts/{run}/log.txt").decode(errors="surrogateescape") == text


def test_a_store_that_was_moved_still_has_its_files(store: Store, tmp_path: Path) -> None:
    small_study(store)
    before = unpacked(exported(store, tmp_path / "1.zip"))
    shutil.move(tmp_path / "a", tmp_path / "b")
    moved = Store(f"sqlite:///{tmp_path / 'b' / 'mlflow.db'}", "t")
    after = unpacked(exported(moved, tmp_path / "2.zip"))
    assert after.keys() == before.keys()
    shutil.rmtree(tmp_path / "b" / "mlartifacts")
    assert "4 of them have no files that could be found" in list(told(export(moved, tmp_path / "3.zip")))


def test_a_file_that_is_there_stays_unless_forced(store: Store, tmp_path: Path) -> None:
    small_study(store)
    (tmp_path / "t.zip").write_text("mine")
    with pytest.raises(StoreError, match="--force"):
        export(store, tmp_path / "t.zip")
    assert (tmp_path / "t.zip").read_text() == "mine"
    export(store, tmp_path / "t.zip", force=True)
    with opened(tmp_path / "t.zip") as portable:
        assert portable.head.runs == 3


def test_an_export_that_fails_leaves_what_was_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_study(store)
    (tmp_path / "out").mkdir()
    file = exported(store, tmp_path / "out" / "t.zip")
    before = file.read_bytes()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_write_files", full)
    with pytest.raises(StoreError, match="No space left"):
        export(store, file, force=True)
    assert file.read_bytes() == before
    assert list((tmp_path / "out").iterdir()) == [file]


def test_no_store_no_study_and_no_folder_are_one_line(store: Store, tmp_path: Path) -> None:
    nowhere = Store(f"sqlite:///{tmp_path / 'none.db'}", "t")
    for empty in (nowhere, store):
        with pytest.raises(StoreError, match="study 't' has no runs"):
            export(empty, tmp_path / "t.zip")
    assert not (tmp_path / "none.db").exists()
    small_study(store)
    with pytest.raises(StoreError, match="cannot be written"):
        export(store, tmp_path / "no" / "t.zip")
    assert not list(tmp_path.glob("*.zip"))


def test_the_usual_file() -> None:
    assert usual_file("a b") == Path("a b.maskbench.zip")
    with pytest.raises(StoreError, match="--out"):
        usual_file("a/b")


def test_sweeps_come_first_then_what_started_first(store: Store, tmp_path: Path) -> None:
    sweep = log(store, after=20)  # by another clock than its runs
    late, early = log(store, "k0", parent=sweep, after=9), log(store, "k1", parent=sweep, after=5)
    records = lines(exported(store, tmp_path / "t.zip"))
    assert [record.id for record in records] == [sweep, early, late]
    assert [record.start for record in records] == [START + 20, START + 5, START + 9]
    assert [record.parent for record in records] == [None, sweep, sweep]
