"""Reading a study in bulk: straight from a SQLite file, page by page from anything else; both give the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from maskbench.records import Point
from maskbench.tracking.known import RUN, TAG, connect
from maskbench.tracking.store import Store

CURVES = ("curve/", "loss/")
"""Metrics that are curves: a table of runs leaves them out."""

_STUDY = """
SELECT runs.run_uuid FROM runs JOIN experiments USING (experiment_id)
JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'maskbench.kind' AND tags.value = 'run'
WHERE experiments.name = ? AND runs.lifecycle_stage = 'active'
"""
_HEADS = f"SELECT run_uuid, status, start_time FROM runs WHERE run_uuid IN ({_STUDY})"
_TAGS = f"SELECT run_uuid, key, value FROM tags WHERE key LIKE 'maskbench.%' AND run_uuid IN ({_STUDY})"
_PARAMS = f"SELECT run_uuid, key, value FROM params WHERE run_uuid IN ({_STUDY})"
_METRICS = f"""
SELECT run_uuid, key, value FROM latest_metrics
WHERE NOT is_nan AND key NOT LIKE 'curve/%' AND key NOT LIKE 'loss/%' AND run_uuid IN ({_STUDY})
"""
_POINTS = "SELECT key, value, step FROM metrics WHERE run_uuid = ? AND (key LIKE 'curve/%' OR key LIKE 'loss/%')"


@dataclass(frozen=True)
class Stored:
    """One run as the store has it; tags are ours, without their prefix."""

    run_id: str
    status: str
    started: int
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def read_runs(store: Store) -> list[Stored]:
    """Every run of the study, oldest first, without its curves."""
    file = store.location.file
    runs = _from_file(file, store.study) if file is not None else list(_from_api(store))
    return sorted(runs, key=lambda run: (run.started, run.run_id))


def _from_file(file: Path, study: str) -> list[Stored]:
    with connect(file) as connection:
        runs = {head[0]: Stored(*head) for head in connection.execute(_HEADS, (study,))}
        for run_id, key, value in connection.execute(_TAGS, (study,)):
            runs[run_id].tags[key.removeprefix(TAG)] = value
        for run_id, key, value in connection.execute(_PARAMS, (study,)):
            runs[run_id].params[key] = value
        for run_id, key, value in connection.execute(_METRICS, (study,)):
            runs[run_id].metrics[key] = value
    return list(runs.values())


def _from_api(store: Store) -> Iterator[Stored]:
    for run in store.search(f"tags.`{TAG}kind` = '{RUN}'"):
        tags = {name.removeprefix(TAG): value for name, value in run.data.tags.items() if name.startswith(TAG)}
        metrics = {
            name: value
            for name, value in run.data.metrics.items()
            if not name.startswith(CURVES) and value == value  # a metric that is no number is none
        }
        yield Stored(run.info.run_id, run.info.status, run.info.start_time, tags, dict(run.data.params), metrics)


def read_curves(store: Store, run_ids: Collection[str]) -> Iterator[tuple[str, Point]]:
    """All points of the curves of some runs, with the run's id."""
    file = store.location.file
    if file is not None:
        with connect(file) as connection:
            for run_id in run_ids:
                for name, value, step in connection.execute(_POINTS, (run_id,)):
                    yield run_id, Point(name, value, step)
        return
    for run_id in run_ids:
        for name in store.client.get_run(run_id).data.metrics:
            if name.startswith(CURVES):
                for point in store.client.get_metric_history(run_id, name):
                    yield run_id, Point(name, point.value, point.step)
