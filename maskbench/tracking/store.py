"""A study in an MLflow store: claiming runs, and what the planner asks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from maskbench.errors import StoreError
from maskbench.records import Identity
from maskbench.tracking.known import RUN, SWEEP, TAG, Known, heartbeat_now, in_order, read_sqlite, seconds_by_work
from maskbench.tracking.location import Location
from maskbench.tracking.owner import this_process
from maskbench.tracking.writer import RunWriter

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PAGE = 1000
LONGEST_NOTE = 7900
"""MLflow cuts a description at 8000 characters, in the middle of a word."""


@dataclass(frozen=True)
class Taken:
    """A key that need not or cannot be trained now: finished, or being trained by another process."""

    run_id: str
    finished: bool


class Store:
    """One study in one store; nothing is opened before it is needed."""

    def __init__(self, uri: str | None, study: str) -> None:
        self.location = Location.of(uri)
        self.study = study

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client on this store."""
        _quiet()
        from mlflow import MlflowClient

        with self._errors():
            return MlflowClient(self.location.uri, self.location.uri)

    @cached_property
    def experiment_id(self) -> str:
        """The study's MLflow experiment, made if it is not there; one process at a time makes a fresh store."""
        with self._locked():
            found = self.client.get_experiment_by_name(self.study)
            if found is None:
                made = self.client.create_experiment(
                    self.study,
                    artifact_location=self.location.artifacts(self.study),
                    tags={"mlflow.experimentKind": "custom_model_development"},
                )
                return str(made)
            if found.lifecycle_stage != "active":
                raise StoreError(
                    f"study '{self.study}' was deleted in this store; choose another name, "
                    f"or bring it back with: mlflow experiments restore -x {found.experiment_id}"
                )
            return str(found.experiment_id)

    def known(self, key: str | None = None) -> list[Known]:
        """The study's runs, or those of one key, oldest first."""
        if self.location.file is not None:
            return read_sqlite(self.location.file, self.study, key)
        condition = f"tags.`{TAG}key` = '{key}'" if key else ""
        return in_order(_known(run) for run in self.search(condition))

    def seconds_by_work(self) -> dict[str, list[float]]:
        """How long finished runs took, by the hash of their work: those of the whole store where it is a file."""
        if self.location.file is not None:
            return seconds_by_work(self.location.file)
        found: dict[str, list[float]] = {}
        for run in self.known():
            if run.status == "FINISHED" and run.ended is not None and "work" in run.tags:
                found.setdefault(run.tags["work"], []).append((run.ended - run.started) / 1000)
        return found

    def search(self, condition: str) -> Iterator[Run]:
        """The study's MLflow runs that fulfil a filter string, page by page."""
        with self._errors():
            experiment = self.client.get_experiment_by_name(self.study)
            token: str | None = None
            while experiment is not None:
                page = self.client.search_runs(
                    [experiment.experiment_id], condition, max_results=PAGE, page_token=token
                )
                yield from page
                token = page.token
                if not token:
                    return

    def claim(self, identity: Identity, flush_seconds: float, tags: Mapping[str, str]) -> RunWriter | Taken:
        """The right to train a key: a writer of a new run, or who has it.

        One process at a time asks; a run left RUNNING by a killed process is closed as KILLED and
        taken over.
        """
        experiment = self.experiment_id
        with self._locked():
            for run in self.known(identity.key):
                if run.status == "FINISHED" or run.running:
                    return Taken(run.run_id, run.status == "FINISHED")
                if run.stale:
                    self.close(run.run_id, "KILLED", "the process that trained it is gone")
            ours = {"kind": RUN, "key": identity.key, "pair_key": identity.pair_key} | _ownership() | dict(tags)
            run_id = self._create(experiment, identity.name, ours)
        return RunWriter(self.client, run_id, flush_seconds)

    def open_sweep(self, sweep: str, note: str) -> str:
        """The parent run of the sweep with this key: the one it had, or a new one."""
        experiment = self.experiment_id
        with self._locked():
            for run in self.known():
                if run.tags.get("kind") == SWEEP and run.tags.get("sweep") == sweep:
                    self.client.update_run(run.run_id, status="RUNNING")
                    self.tag(run.run_id, _ownership())
                    return run.run_id
            return self._create(
                experiment, f"sweep {self.study}", {"kind": SWEEP, "sweep": sweep, "note": note} | _ownership()
            )

    def close_stale(self, reason: str) -> list[Known]:
        """Mark as KILLED what processes that are gone left RUNNING, and say what that was."""
        stale = [run for run in self.known() if run.stale]
        for run in stale:
            self.close(run.run_id, "KILLED", reason)
        return stale

    def close(self, run_id: str, status: str, reason: str = "") -> None:
        """Give a run its final status, and say why where it did not finish."""
        with self._errors():
            if reason:
                self.tag(run_id, {"reason": reason})
            self.client.set_terminated(run_id, status)

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set our tags on a run."""
        with self._errors():
            for name, value in tags.items():
                self.client.set_tag(run_id, TAG + name, value)

    def describe(self, run_id: str, text: str, metrics: Mapping[str, float], folder: Path) -> None:
        """Give a run a Markdown description and numbers, and keep the files of a folder with it."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        if len(text) > LONGEST_NOTE:
            text = text[:LONGEST_NOTE].rsplit("\n", 1)[0] + "\n\nCut here; the report has all."
        numbers = [Metric(name, value, now, 0) for name, value in metrics.items()]
        with self._errors():
            self.client.log_batch(run_id, metrics=numbers, tags=[RunTag("mlflow.note.content", text)])
            self.client.log_artifacts(run_id, str(folder), "report")

    def _create(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        ours = {TAG + key: value for key, value in tags.items() if not key.startswith("mlflow.")}
        theirs = {key: value for key, value in tags.items() if key.startswith("mlflow.")}
        run = self.client.create_run(experiment, run_name=name, tags=ours | theirs)
        return str(run.info.run_id)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with self._errors(), self.location.lock():
                yield
        except Timeout as error:
            raise StoreError(f"the store's lock {error.lock_file} stays taken; is another process stuck?") from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """MLflow's own exceptions as one line."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            line = str(error).strip().splitlines()[0]
            raise StoreError(f"the store {self.location.uri} cannot be used: {line}") from error


def _ownership() -> dict[str, str]:
    return {"owner": this_process(), "heartbeat": heartbeat_now()}


def _known(run: Run) -> Known:
    tags = {name.removeprefix(TAG): value for name, value in run.data.tags.items() if name.startswith(TAG)}
    return Known(run.info.run_id, run.info.status, run.info.start_time, run.info.end_time, tags)


def _quiet() -> None:
    """MLflow keeps to itself: no telemetry, no advice on standard error."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
