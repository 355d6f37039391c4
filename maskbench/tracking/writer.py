"""Writing one run: few calls, buffered curves, a status that tells the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from maskbench.records import Point, RunRecord, Setting
from maskbench.tracking.known import TAG, heartbeat_now

if TYPE_CHECKING:
    from mlflow import MlflowClient

LONGEST_REASON = 1000
LONGEST_TAG = 8000
"""MLflow cuts longer ones: 48,000 test items and more are not kept one by one, and need not be."""


class RunWriter:
    """The open MLflow run of one training; whoever holds it ends it with `finish`, `fail` or `kill`."""

    def __init__(self, client: MlflowClient, run_id: str, flush_seconds: float) -> None:
        self.run_id = run_id
        self._client = client
        self._flush_seconds = flush_seconds
        self._flushed = time.monotonic()
        self._waiting: list[Point] = []

    def watch(self, points: Iterable[Point]) -> None:
        """Take note of a curve's next points; every few seconds they go to the store, with a heartbeat."""
        self._waiting += points
        if time.monotonic() - self._flushed >= self._flush_seconds:
            self._log(self._take(), tags={"heartbeat": heartbeat_now()})

    def start(self, settings: Mapping[str, Setting], config: str) -> None:
        """Log the settings and the resolved config."""
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in settings.items() if value is not None]
        self._client.log_batch(self.run_id, params=params)
        self._client.log_text(self.run_id, config, "config.yaml")

    def finish(self, record: RunRecord) -> None:
        """Log all that was measured and end as FINISHED."""
        summary = [Point(name, value, 0) for name, value in record.metrics.items()]
        tags = {f"hash.{name}": value for name, value in record.hashes.items()} | {"hardware": record.hardware}
        tags |= {f"items.{name}": value for name, value in record.items.items() if len(value) <= LONGEST_TAG}
        self._log([*self._take(), *record.curves, *summary], tags)
        self._client.set_terminated(self.run_id, "FINISHED")

    def fail(self, reason: str, log: str) -> None:
        """Keep the curves so far and the log, and end as FAILED with its reason."""
        self._log(self._take(), {"reason": reason[:LONGEST_REASON]})
        self._client.log_text(self.run_id, log, "error.txt")
        self._client.set_terminated(self.run_id, "FAILED")

    def kill(self) -> None:
        """End as KILLED: stopped from outside."""
        self._log(self._take(), {"reason": "stopped"})
        self._client.set_terminated(self.run_id, "KILLED")

    def _take(self) -> list[Point]:
        taken, self._waiting = self._waiting, []
        self._flushed = time.monotonic()
        return taken

    def _log(self, points: Iterable[Point], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        self._client.log_batch(
            self.run_id,
            metrics=[
                Metric(point.name, point.value, now, point.step) for point in points if math.isfinite(point.value)
            ],
            tags=[RunTag(TAG + name, value) for name, value in tags.items()],
        )
