"""A study in an MLflow store: claiming runs, and what the planner asks."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskbench.errors import StoreError
from maskbench.records import Identity
from maskbench.tracking.fresh import make_whole
from maskbench.tracking.known import RUN, SWEEP, TAG, Known, heartbeat_now, in_order, read_sqlite, seconds_by_work
from maskbench.tracking.location import Location
from maskbench.tracking.outbox import Parcel, waiting
from maskbench.tracking.owner import this_process
from maskbench.tracking.trouble import patiently, said
from maskbench.tracking.writer import LOG, RunWriter, folder_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PAGE = 1000
LONGEST_NOTE = 7900
"""MLflow cuts a description at 8000 characters, in the middle of a word."""
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Taken:
    """A key that need not or cannot be trained now: finished, or being trained by another process."""

    run_id: str
    finished: bool


class Store:
    """One study in one store; nothing is opened before it is needed.

    What has to be written is tried again for `patience` seconds while the store is away (StoreAway);
    any other trouble is raised at once as a StoreError.
    """

    def __init__(self, uri: str | None, study: str, patience: float = PATIENCE_SECONDS) -> None:
        self.location = Location.of(uri)
        self.study = study
        self.patience = patience

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
            if self.location.file is not None:
                _quiet()
                make_whole(self.location.file)
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
            ended = run.ended if run.status == "FINISHED" else None
            if ended is not None and ended >= run.started and "work" in run.tags:
                found.setdefault(run.tags["work"], []).append((ended - run.started) / 1000)
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
        taken over. Each attempt is a run of its own.
        """
        return patiently(lambda: self._claim(identity, flush_seconds, tags), self.patience)

    def _claim(self, identity: Identity, flush_seconds: float, tags: Mapping[str, str]) -> RunWriter | Taken:
        experiment = self.experiment_id
        with self._locked():
            before = self.known(identity.key)
            for run in before:
                if run.status == "FINISHED" or run.running:
                    return Taken(run.run_id, run.status == "FINISHED")
                if run.stale:
                    self._close(run.run_id, "KILLED", "the process that trained it is gone")
            ours = {"kind": RUN, "key": identity.key, "pair_key": identity.pair_key, "attempt": str(len(before) + 1)}
            made = self._create(experiment, identity.name, ours | _ownership() | dict(tags))
        return RunWriter(self.client, self.location, self.study, made, flush_seconds, self.patience)

    def open_sweep(self, sweep: str, note: str) -> str:
        """The parent run of the sweep with this key: the one it had, or a new one."""
        return patiently(lambda: self._open_sweep(sweep, note), self.patience)

    def _open_sweep(self, sweep: str, note: str) -> str:
        experiment = self.experiment_id
        with self._locked():
            for known in self.known():
                if known.tags.get("kind") == SWEEP and known.tags.get("sweep") == sweep:
                    self.client.update_run(known.run_id, status="RUNNING")
                    self._tag(known.run_id, _ownership())
                    return known.run_id
            ours = {"kind": SWEEP, "sweep": sweep, "note": note}
            return str(self._create(experiment, f"sweep {self.study}", ours | _ownership()).info.run_id)

    def deliver(self) -> int:
        """Write the records that waited on disk while the store was away, and say how many.

        A record whose key another run finished in the meantime is closed as KILLED; one whose key
        another process is training goes on waiting.
        """
        delivered = 0
        for file, parcel in waiting(self.location, self.study):
            if patiently(partial(self._deliver, parcel), self.patience):
                file.unlink(missing_ok=True)
                delivered += 1
        return delivered

    def _deliver(self, parcel: Parcel) -> bool:
        with self._locked():
            others = [run for run in self.known(parcel.key) if run.run_id != parcel.run_id]
            finished = parcel.status == "FINISHED"
            if finished and any(run.status == "FINISHED" for run in others):
                self._close(parcel.run_id, "KILLED", "another run of this key finished before")
            elif finished and any(run.running for run in others):
                return False  # it would be finished twice
            else:
                parcel.send(self.client)
        return True

    def log_of_lost(self, run_id: str, reason: str) -> Path | None:
        """The log of a run whose process is gone, completed by the reason; None where it is on another machine."""
        with self._errors():
            folder, here = folder_of(self.client.get_run(run_id))
            log = folder / LOG
            if log.is_file():
                with log.open("a", encoding="utf-8") as end:
                    end.write(f"{reason}\n")
            if here:
                return log if log.is_file() else None
            if folder.is_dir():
                self.client.log_artifacts(run_id, str(folder))
                shutil.rmtree(folder, ignore_errors=True)
        return None

    def close_stale(self, reason: str) -> list[Known]:
        """Mark as KILLED what processes that are gone left RUNNING, and say what that was."""
        stale = [run for run in self.known() if run.stale]
        for run in stale:
            self.close(run.run_id, "KILLED", reason)
        return stale

    def close(self, run_id: str, status: str, reason: str = "") -> None:
        """Give a run its final status, and say why where it did not finish."""
        patiently(lambda: self._close(run_id, status, reason), self.patience)

    def _close(self, run_id: str, status: str, reason: str) -> None:
        with self._errors():
            if reason:
                self._tag(run_id, {"reason": reason})
            self.client.set_terminated(run_id, status)

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self.client.set_tag(run_id, TAG + name, value)

    def keep_text(self, run_id: str, text: str, file: str) -> None:
        """Keep a text with a run, as an artifact."""

        def keep() -> None:
            with self._errors():
                self.client.log_text(run_id, text, file)

        patiently(keep, self.patience)

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

    def _create(self, experiment: str, name: str, tags: Mapping[str, str]) -> Run:
        ours = {TAG + key: value for key, value in tags.items() if not key.startswith("mlflow.")}
        theirs = {key: value for key, value in tags.items() if key.startswith("mlflow.")}
        return self.client.create_run(experiment, run_name=name, tags=ours | theirs)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._errors(), self.location.lock():
            yield

    def _errors(self) -> AbstractContextManager[None]:
        """MLflow's own exceptions as one line."""
        return said(self.location)


def _ownership() -> dict[str, str]:
    return {"owner": this_process(), "heartbeat": heartbeat_now()}


def _known(run: Run) -> Known:
    tags = {name.removeprefix(TAG): value for name, value in run.data.tags.items() if name.startswith(TAG)}
    return Known(run.info.run_id, run.info.status, run.info.start_time, run.info.end_time, tags)


def _quiet() -> None:
    """MLflow keeps to itself: no telemetry, no advice, no progress bars, no addresses of runs."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs the traceback of what it raises
