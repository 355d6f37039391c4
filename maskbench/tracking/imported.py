"""Bringing exported runs into a store: each once, no key finished twice, and whole after an interruption.

A run that is on its way in is RUNNING and belongs to the importing process, so that sweeps leave
its key alone. What an import that was killed left behind is filled again by the next one.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from maskbench.errors import ConfigError
from maskbench.tracking.export import ARRIVED, ORIGIN, PARENT
from maskbench.tracking.known import TAG, Known, heartbeat_now
from maskbench.tracking.owner import this_process
from maskbench.tracking.portable import ENDED, STUDY, Portable, Record
from maskbench.tracking.store import Store
from maskbench.tracking.trouble import said

State = Literal["run", "sweep", "updated", "there", "finished", "busy"]
"""What became of a record: imported, brought up to date, there before, finished under another id, being trained."""

_TOLD: dict[State, str] = {
    "updated": "brought up to date",
    "there": "already there",
    "finished": "finished there under another id",
    "busy": "in work there (import again when they are done)",
}
WAS_RUNNING = "it was running when it was exported"


def bring(file: Portable, uri: str | None, study: str | None = None) -> tuple[Store, Counter[State]]:
    """Import a file into the study of its name, or of another name, and count what became of its runs."""
    name = study or file.head.study
    if not STUDY.fullmatch(name):
        raise ConfigError(f"'{name}' cannot be the name of a study: 1 to 100 letters, digits, _ . - or spaces")
    store = Store(uri, name)
    parents: dict[str, str] = {}
    states: Counter[State] = Counter()
    for sweeps in (True, False):  # a run is told the new id of its parent
        for record in file.records():
            if record.sweep == sweeps:
                state, run = _bring_one(file, store, _ended(record), parents.get(record.parent or ""))
                states[state] += 1
                if sweeps:
                    parents[record.id] = run
    return store, states


def told(states: Counter[State]) -> str:
    """What an import came to, in one line."""
    parts = [f"imported {states['run']} run(s) and {states['sweep']} sweep(s)"]
    for state, words in _TOLD.items():
        if states[state]:
            parts.append(f"{states[state]} {words}")
    return ", ".join(parts)


def _ended(record: Record) -> Record:
    """The record as it can arrive: what was running has been killed, when it was last heard of."""
    heard = max((when for points in record.metrics.values() for _, _, when in points), default=record.start)
    end = heard if record.end is None else record.end
    if record.status in ENDED:
        return replace(record, end=end)
    return replace(record, status="KILLED", end=end, tags={**record.tags, f"{TAG}reason": WAS_RUNNING})


def _bring_one(file: Portable, store: Store, record: Record, parent: str | None) -> tuple[State, str]:
    experiment = store.experiment_id  # takes the lock itself
    with _locked(store):
        known = store.known(record.key or None)
        same = next((run for run in known if record.id in (run.run_id, run.tags.get("origin"))), None)
        state = _state(record, same, known)
        if state == "finished" and same is not None and same.stale:
            store.close(same.run_id, "KILLED", "another run of this key finished before")
        if state in ("there", "finished", "busy"):
            return state, same.run_id if same is not None else ""
        tags = {**record.tags, ORIGIN: record.id, **({PARENT: parent} if parent else {})}
        run = _take_over(store, same, tags) if same is not None else _create(store, experiment, record, tags)
    _fill(file, store, record, run)
    return state, run


def _state(record: Record, same: Known | None, known: list[Known]) -> State:
    """What is to become of a record, given the study's runs of its key (of a sweep: all runs)."""
    if same is not None and (same.run_id == record.id or int(same.tags.get("imported", -1)) >= (record.end or 0)):
        return "there"
    update = same is not None and "imported" in same.tags
    if record.sweep:
        return "updated" if update else "sweep"
    if record.status == "FINISHED" and any(run.status == "FINISHED" and run is not same for run in known):
        return "finished"
    if any(run.running and run.tags.get("owner") != this_process() for run in known):
        return "busy"
    return "updated" if update else "run"


def _create(store: Store, experiment: str, record: Record, tags: dict[str, str]) -> str:
    run = store.client.create_run(experiment, start_time=record.start, tags=tags | _ownership(), run_name=record.name)
    return str(run.info.run_id)


def _take_over(store: Store, run: Known, tags: dict[str, str]) -> str:
    """Reopen what an earlier import brought in half, or brought in before it had ended."""
    from mlflow.entities import RunTag

    store.client.update_run(run.run_id, status="RUNNING")
    store.client.log_batch(run.run_id, tags=[RunTag(*tag) for tag in (tags | _ownership()).items()])
    if "reason" in run.tags and f"{TAG}reason" not in tags:
        store.client.delete_tag(run.run_id, f"{TAG}reason")
    return run.run_id


def _fill(file: Portable, store: Store, record: Record, run: str) -> None:
    """Write all of a record; a second time changes nothing, as MLflow keeps equal points and params once."""
    from mlflow.entities import Metric, Param

    metrics = [
        Metric(name, math.nan if value is None else value, when, step)
        for name, points in record.metrics.items()
        for value, step, when in points
    ]
    params = [Param(name, value) for name, value in record.params.items()]
    with said(store.location), tempfile.TemporaryDirectory() as folder:
        store.client.log_batch(run, metrics=metrics, params=params)
        if file.unpack(record.id, Path(folder)):
            store.client.log_artifacts(run, folder)
        store.client.set_terminated(run, record.status, record.end)
        store.client.set_tag(run, ARRIVED, str(record.end))


def _ownership() -> dict[str, str]:
    return {f"{TAG}owner": this_process(), f"{TAG}heartbeat": heartbeat_now()}


@contextmanager
def _locked(store: Store) -> Iterator[None]:
    with said(store.location), store.location.lock():
        yield
