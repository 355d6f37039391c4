"""Runs as a sweep leaves them, logged through MLflow alone, and all that a study holds, read back the same way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from mlflow.entities import Metric, Param, RunTag

from maskbench.tracking.export import export
from maskbench.tracking.portable import Record
from maskbench.tracking.store import Store

START = 1_700_000_000_000
OF_THIS_STORE = ("owner", "heartbeat", "origin", "imported")


def store_in(folder: Path, empty_database: Path, study: str = "t") -> Store:
    """A study in a fresh store in a folder of its own."""
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return Store(f"sqlite:///{folder / 'mlflow.db'}", study)


def log(
    store: Store,
    key: str = "",
    status: str = "FINISHED",
    parent: str | None = None,
    tags: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    after: int = 0,
) -> str:
    """Log one run of this key, or the parent run of a sweep where it has none, and return its id."""
    ours = {"kind": "run", "key": key, "pair_key": "k0", "code": "c"} if key else {"kind": "sweep", "sweep": "s"}
    all_tags = {f"maskbench.{name}": value for name, value in (ours | dict(tags or {})).items()}
    if parent:
        all_tags["mlflow.parentRunId"] = parent
    run = store.client.create_run(
        store.experiment_id, start_time=START + after, tags=all_tags, run_name=f"wine {key}"
    ).info.run_id
    points = [Metric("loss/val", 1 / step, START + after + step, step) for step in (1, 2, 3)]
    numbers = [Metric("test/accuracy", 0.1 + 0.2, START + after + 4, 0), Metric("none", float("nan"), START, 0)]
    params = [Param("seed", "0"), Param("train.lr", "0.001")]
    if key:
        store.client.log_batch(run, [*points, *numbers], params)
    for name, text in ({"config.yaml": "seed: 0\n"} if files is None else files).items():
        folder, _, file = name.rpartition("/")
        store.client.log_text(run, text, f"{folder}/{file}" if folder else file)
    if status != "RUNNING":
        store.client.set_terminated(run, status, START + after + 1000)
    return str(run)


def small_study(store: Store) -> list[str]:
    """A sweep with a finished and a failed run, and a finished run on its own: the ids in this order."""
    sweep = log(store, files={"plan.json": '[{"key": "k0"}]', "report/report.md": "# all\n"})
    first = log(store, "k0", parent=sweep, after=1)
    failed = log(store, "k1", "FAILED", sweep, {"reason": "diverged: no"}, {"log.txt": "no\n"}, after=2)
    return [sweep, first, failed, log(store, "k2", after=3)]


def tag(store: Store, run: str, **tags: str) -> None:
    """Set our tags on a run."""
    store.client.log_batch(run, tags=[RunTag(f"maskbench.{name}", value) for name, value in tags.items()])


def content(store: Store) -> dict[str, dict[str, Any]]:
    """All that a study holds, by the ids its runs were trained under, without what is of one store only."""
    runs = list(store.search(""))
    origin = {run.info.run_id: run.data.tags.get("maskbench.origin", run.info.run_id) for run in runs}
    found = {}
    for run in runs:
        info, left_out = run.info, {f"maskbench.{name}" for name in OF_THIS_STORE}
        tags = {name: value for name, value in run.data.tags.items() if name not in left_out}
        if "mlflow.parentRunId" in tags:
            tags["mlflow.parentRunId"] = origin[tags["mlflow.parentRunId"]]
        histories = {
            name: [(repr(point.value), point.step, point.timestamp) for point in history]
            for name in run.data.metrics
            for history in [store.client.get_metric_history(info.run_id, name)]
        }
        found[origin[info.run_id]] = {
            "info": (info.run_name, info.status, info.start_time, info.end_time),
            "tags": tags,
            "params": dict(run.data.params),
            "metrics": histories,
            "files": files(store, info.run_id),
        }
    return found


def files(store: Store, run: str, path: str | None = None) -> dict[str, str]:
    """The texts of a run's artifacts by their path."""
    found = {}
    for file in store.client.list_artifacts(run, path):
        if file.is_dir:
            found |= files(store, run, file.path)
        else:
            found[file.path] = Path(store.client.download_artifacts(run, file.path)).read_text()
    return found


def exported(store: Store, file: Path) -> Path:
    """The study in a file, over any that is there."""
    return export(store, file, force=True).path


def lines(file: Path) -> list[Record]:
    """The records of a file as they are written."""
    with ZipFile(file) as archive:
        return [Record(**json.loads(line)) for line in archive.read("runs.jsonl").splitlines()]
