"""From runs in a store, or in a file, to a report."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison.simulated import simulated_runs
from maskbench.errors import ConfigError, DataError, StoreError
from maskbench.records import Identity, Point, RunRecord
from maskbench.study import Question, read_studies, read_table, report
from maskbench.tracking.plans import write_plan
from maskbench.tracking.store import Store
from maskbench.tracking.writer import RunWriter

EFFECTS = {("bernoulli", 0.1): 0.0, ("bernoulli", 0.5): 0.03}


def simulated(data: tuple[str, ...] = ("digits", "wine"), seeds: int = 7) -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS, seeds=seeds, data=data)


def track(store: Store, runs: pd.DataFrame) -> str:
    """Put simulated runs into a store as a sweep would, and return its parent run."""
    keys = [f"{row['run_id']}" for row in runs.to_dict("records")]
    parent = store.open_sweep("s", "maskbench sweep data=digits,wine 'seed=range(7)'")
    planned = []
    for key, row in zip(keys, runs.to_dict("records"), strict=True):
        settings = {name: row[name] for name in ("data", "model", "mask", "rate", "seed") if row[name] == row[name]}
        planned.append({"key": key, **settings})
        pair_key = f"{row['data']}-none-nan-{row['seed']}"
        writer = store.claim(Identity(key, pair_key, {"rate": None, **settings}), 5.0, {"code": "c"})
        assert isinstance(writer, RunWriter)
        writer.start(settings, "")
        metrics = {name: value for name, value in row.items() if "/" in name and name != "cost/seconds"}
        curves = [Point("curve/noise/accuracy", metrics["test/accuracy"] - step / 200, step) for step in (0, 50)]
        curves += [Point("loss/val", 1 / epoch, epoch) for epoch in (1, 2)]
        hashes = {"split": str(row["seed"])}
        writer.finish(RunRecord({**metrics, "cost/seconds": 1.0}, tuple(curves), hashes, "here"))
    write_plan(store, parent, planned)
    store.close(parent, "FINISHED")
    return parent


@pytest.fixture(scope="module")
def tracked(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    file = tmp_path_factory.mktemp("tracked") / "mlflow.db"
    file.write_bytes(empty_database.read_bytes())
    store = Store(f"sqlite:///{file}", "sim")
    return store, track(store, simulated())


def uri(tracked: tuple[Store, str]) -> str:
    return tracked[0].location.uri


def test_a_study_is_reported_and_the_answer_goes_to_its_parent_run(tracked: tuple[Store, str], tmp_path: Path) -> None:
    store, parent = tracked
    done = report(read_studies(uri(tracked), ["sim"]), Question(), tmp_path)
    page = done.html.read_text()
    assert "digits" in done.summary
    assert "42 of 42 runs planned are finished" in page
    assert "maskbench sweep data=digits,wine" in page
    run = store.client.get_run(parent)
    assert run.data.tags["mlflow.note.content"] == done.summary
    assert any(name.startswith("answer/digits") for name in run.data.metrics)
    names = {Path(file.path).name for file in store.client.list_artifacts(parent, "report")}
    assert {"report.html", "report.md", "answers.csv"} <= names


def test_a_filtered_report_is_written_but_not_kept_as_the_answer(tracked: tuple[Store, str], tmp_path: Path) -> None:
    store, parent = tracked
    store.client.set_tag(parent, "mlflow.note.content", "as it was")
    done = report(read_studies(uri(tracked), ["sim"]), Question(data=("wine",)), tmp_path)
    assert "digits" not in done.summary
    assert "21 of 21 runs planned are finished" in done.html.read_text()
    assert store.client.get_run(parent).data.tags["mlflow.note.content"] == "as it was"


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (Question(data=("wines",)), "no run has data 'wines'. Did you mean 'wine'?"),
        (Question(models=("cnn",)), "no run has model 'cnn'"),
        (Question(metric="acuracy"), "Did you mean 'accuracy'?"),
        (Question(metric="r2"), "test/r2"),
        (Question(smallest_effect=-1.0), "positive"),
    ],
)
def test_what_is_not_there_is_said(tracked: tuple[Store, str], tmp_path: Path, question: Question, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        report(read_studies(uri(tracked), ["sim"]), question, tmp_path)
    assert says in str(error.value)


def test_the_smallest_effect_decides_what_is_equal(tracked: tuple[Store, str], tmp_path: Path) -> None:
    source = read_studies(uri(tracked), ["sim"])
    report(source, Question(metric="accuracy", smallest_effect=0.2), tmp_path)
    assert set(pd.read_csv(tmp_path / "answers.csv")["verdict"]) == {"equal"}


def test_several_studies_are_one_report(tracked: tuple[Store, str], tmp_path: Path) -> None:
    other = Store(uri(tracked), "more")
    track(other, simulated(("iris",)))
    source = read_studies(uri(tracked), ["sim", "more"])
    assert source.title == "sim + more"
    done = report(source, Question(), tmp_path)
    assert all(name in done.summary for name in ("digits", "wine", "iris"))
    assert "63 of 63 runs planned are finished" in done.html.read_text()


def test_curves_of_the_chosen_mask_reach_the_report(tracked: tuple[Store, str], tmp_path: Path) -> None:
    page = report(read_studies(uri(tracked), ["sim"]), Question(), tmp_path).html.read_text()
    assert "Corrupted test inputs" in page


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_ones_own_is_reported_without_a_store(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mine.{suffix}"
    runs = simulated(("own",))
    if suffix == "csv":
        runs.to_csv(file, index=False)
    else:
        runs.to_parquet(file)
    done = report(read_table(file), Question(), tmp_path / "out")
    assert "own" in done.summary
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "out"]


def test_the_exported_runs_make_the_same_answers(tracked: tuple[Store, str], tmp_path: Path) -> None:
    report(read_studies(uri(tracked), ["sim"]), Question(), tmp_path / "first")
    report(read_table(tmp_path / "first" / "runs.csv"), Question(), tmp_path / "second")
    first, second = (pd.read_csv(tmp_path / name / "answers.csv") for name in ("first", "second"))
    pd.testing.assert_frame_equal(first, second)


def test_tables_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "odd.csv").write_bytes(b"a,b\n1,2\n3,4,5\n")
    with pytest.raises(DataError, match=r"odd\.csv cannot be read"):
        read_table(tmp_path / "odd.csv")
    (tmp_path / "odd.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"odd\.parquet cannot be read"):
        read_table(tmp_path / "odd.parquet")


def test_a_running_sweep_is_reported_and_says_so(empty_database: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    store = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", "sim")
    track(store, simulated(("digits",)))
    settings = {"data": "digits", "model": "mlp", "mask": "bernoulli", "rate": 0.5, "seed": 7}
    still = store.claim(Identity("still", "digits-none-nan-7", settings), 5.0, {})
    assert isinstance(still, RunWriter)
    still.start(settings, "")
    time.sleep(1.5)
    source = read_studies(store.location.uri, ["sim"])
    assert source.running
    page = report(source, Question(), tmp_path / "out").html.read_text()
    assert "running" in page
    still.kill()
    assert not read_studies(store.location.uri, ["sim"]).running


def test_a_study_without_runs_is_said(tracked: tuple[Store, str]) -> None:
    with pytest.raises(StoreError, match="study 'none' has no runs"):
        read_studies(uri(tracked), ["sim", "none"])


def test_a_sweep_whose_runs_never_began_is_said(empty_database: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    store = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", "sim")
    settings = {"data": "digits", "model": "mlp", "mask": "none", "seed": 0}
    write_plan(store, store.open_sweep("s", "maskbench sweep"), [{"key": "k", **settings}])
    with pytest.raises(DataError, match="is empty: there is nothing to compare"):
        report(read_studies(store.location.uri, ["sim"]), Question(), tmp_path / "out")


def test_unsettled_answers_come_with_what_would_settle_them(tracked: tuple[Store, str], tmp_path: Path) -> None:
    lines = report(read_studies(uri(tracked), ["sim"]), Question(), tmp_path).power
    unsettled = (pd.read_csv(tmp_path / "answers.csv")["verdict"] == "unsettled").sum()
    assert bool(lines) == bool(unsettled)
