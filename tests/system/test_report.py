"""From a real sweep to a report, in files and in the store; also of a sweep that is not whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maskbench.tracking.store import Store

GRID = (
    "study=r",
    "data=wine,diabetes",
    "model=linear",
    "train.epochs=2",
    "mask=bernoulli,feature",
    "mask.rate=0.1,0.5",
)


def maskbench(folder: Path, *args: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "maskbench", *args], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    maskbench(folder, "sweep", *GRID, "seed=range(6)")
    return folder


def test_a_study_becomes_files(swept: Path) -> None:
    output = maskbench(swept, "report", "--study", "r", "--out", "first")
    html = (swept / "first" / "report.html").read_text()
    assert "wine" in output
    assert "diabetes" in output
    assert "maskbench sweep" in html
    assert {path.suffix for path in (swept / "first").iterdir()} >= {".html", ".md", ".csv", ".tex"}
    maskbench(swept, "report", "--study", "r", "--out", "second")
    first, second = (
        {path.relative_to(swept / name): path for path in (swept / name).rglob("*.*")} for name in ("first", "second")
    )
    assert first.keys() == second.keys()
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def test_the_answer_is_with_the_parent_run(swept: Path) -> None:
    maskbench(swept, "report", "--study", "r")
    store = Store(f"sqlite:///{swept / 'mlflow.db'}", "r")
    parent = next(run for run in store.known() if run.tags["kind"] == "sweep")
    run = store.client.get_run(parent.run_id)
    assert "unsettled" in run.data.tags["mlflow.note.content"]
    assert any("wine" in name for name in run.data.metrics)
    files = {Path(file.path).name for file in store.client.list_artifacts(parent.run_id, "report")}
    assert {"report.html", "report.md"} <= files


def test_a_sweep_that_is_not_whole_says_what_is_missing(tmp_path: Path) -> None:
    maskbench(tmp_path, "sweep", *GRID, "seed=range(2)", "hydra.launcher.time_limit=0.001", code=1)
    assert "of 20 runs planned are finished" in maskbench(tmp_path, "report", "--study", "r")
    maskbench(tmp_path, "sweep", *GRID, "data=wine", "seed=range(2)")
    maskbench(tmp_path, "report", "--study", "r")
    text = (tmp_path / "reports" / "r" / "report.md").read_text()
    assert "missing" in text or "failed" in text


def test_an_unknown_metric_or_study_is_one_line(swept: Path) -> None:
    assert "Did you mean" in maskbench(swept, "report", "--study", "r", "--metric", "acuracy", code=2)
    assert "has no runs" in maskbench(swept, "report", "--study", "other", code=2)
