"""Two machines make one study: real sweeps exported, imported, compared with one sweep of all; and the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd
import pytest

from maskbench import study as studies
from maskbench.tracking.known import read_sqlite

GRID = (
    "study=t", "data=wine", "model=linear", "train.epochs=2", "evaluate.rates=[0.5]", "mask=bernoulli", "mask.rate=0.3",
)  # fmt: skip
RUNS = 2 * 4


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "maskbench", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output(process: subprocess.Popen[str], code: int = 0) -> str:
    text, _ = process.communicate(timeout=200)
    assert process.returncode == code, text
    return text


def maskbench(folder: Path, *args: str, code: int = 0) -> str:
    return output(start(folder, *args), code)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `a` and `b` with half of the seeds each, `all` with all of them, and `c` that imported both halves."""
    folder = tmp_path_factory.mktemp("machines")
    seeds = {"a": "seed=0,1", "b": "seed=2,3", "all": "seed=0,1,2,3"}
    for name in (*seeds, "c"):
        (folder / name).mkdir()
    sweeps = [start(folder / name, "sweep", *GRID, seed) for name, seed in seeds.items()]
    for process in sweeps:
        output(process)
    for name in ("a", "b"):
        assert "study 't': 4 run(s) and 1 sweep(s)" in maskbench(folder / name, "export", "--study", "t")
    both = [str(folder / name / "t.maskbench.zip") for name in ("a", "b")]
    assert maskbench(folder / "c", "import", *both) == "study 't': imported 4 run(s) and 1 sweep(s)\n" * 2
    return folder


def report(folder: Path) -> dict[str, pd.DataFrame]:
    """The report's tables without what differs from store to store: ids, order, costs."""
    source = studies.read_studies(f"sqlite:///{folder / 'mlflow.db'}", ["t"])
    studies.report(source, studies.Question(), folder / "report")
    tables = {}
    for name in ("runs", "pairs", "answers", "effects", "coverage"):
        table = pd.read_csv(folder / "report" / f"{name}.csv")
        differing = [column for column in table if "run_id" in column or "cost" in column or "time" in column]
        table = table.drop(columns=differing)
        names_first = sorted(table, key=lambda column: (table[column].dtype.kind in "if", column))
        tables[name] = table[names_first].sort_values(names_first, ignore_index=True)
    return tables


def test_the_report_is_that_of_one_sweep(machines: Path) -> None:
    merged, whole = report(machines / "c"), report(machines / "all")
    assert len(merged["runs"]) == RUNS
    for name, table in whole.items():
        pd.testing.assert_frame_equal(merged[name], table, rtol=0 if name == "runs" else 1e-12, atol=0)


def test_the_sweep_of_all_has_nothing_to_do(machines: Path) -> None:
    assert "nothing to do" in maskbench(machines / "c", "sweep", *GRID, "seed=0,1,2,3")


def test_nothing_names_the_folder_it_came_from(machines: Path) -> None:
    with ZipFile(machines / "a" / "t.maskbench.zip") as archive:
        for name in archive.namelist():
            if not name.endswith(".txt"):  # logs are kept as they are
                assert str(machines).encode() not in archive.read(name), name


def clones(file: Path, into: Path, number: int) -> None:
    """A file with the first run of another under many ids and keys."""
    with ZipFile(file) as archive, ZipFile(into, "w") as target:
        record: dict[str, Any] = json.loads(archive.read("runs.jsonl").splitlines()[-1])
        text = ""
        for _ in range(number):
            tags = record["tags"] | {"maskbench.key": uuid.uuid4().hex[:16]}
            text += json.dumps(record | {"id": uuid.uuid4().hex, "parent": None, "tags": tags}) + "\n"
        target.writestr("runs.jsonl", text)
        head = json.loads(archive.read("study.json")) | {"runs": number, "sweeps": 0}
        target.writestr("study.json", json.dumps(head))


def test_an_import_that_was_killed_is_completed(machines: Path, tmp_path: Path) -> None:
    clones(machines / "a" / "t.maskbench.zip", tmp_path / "many.zip", 100)
    process = start(tmp_path, "import", "many.zip")
    until = time.monotonic() + 60
    while time.monotonic() < until and len(read_sqlite(tmp_path / "mlflow.db", "t")) < 5:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert 5 <= len(read_sqlite(tmp_path / "mlflow.db", "t")) < 100
    maskbench(tmp_path, "import", "many.zip")
    runs = read_sqlite(tmp_path / "mlflow.db", "t")
    assert len({run.key for run in runs}) == len(runs) == 100
    assert {run.status for run in runs} == {"FINISHED"}
    assert maskbench(tmp_path, "import", "many.zip").endswith("0 run(s) and 0 sweep(s), 100 already there\n")


def test_bad_input_is_one_line_and_nothing_is_imported(machines: Path, tmp_path: Path) -> None:
    good = machines / "a" / "t.maskbench.zip"
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:-100])
    bad = (
        (["import", str(good), "none.zip"], "there is no file"),
        (["import", str(good), "cut.zip"], "damaged or cut off"),
        (["import", str(good), "--study", "../x"], "cannot be the name of a study"),
        (["import", str(good), "--uri", "sqlite:///no/mlflow.db"], "create it"),
        (["export"], "study 'default' has no runs"),
        (["export", "--study", "../x"], "cannot be the name of a file"),
        (["export", "--uri", "nowhere"], "is no store"),
        (["export", "--study", "a", "--study", "b", "--out", "x.zip"], "one by one"),
        (["export", "--study", "t", "--uri", f"sqlite:///{good.parent}/mlflow.db", "--out", "cut.zip"], "--force"),
    )
    for args, says in bad:
        said = maskbench(tmp_path, *args, code=2)
        assert said.startswith("maskbench: error: "), said
        assert said.count("\n") == 1, said
        assert says in said
    assert [file.name for file in tmp_path.iterdir()] == ["cut.zip"]
