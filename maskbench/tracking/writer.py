"""Writing one run: few calls, a heartbeat, a status that tells the truth, and nothing lost while the store is away."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import url2pathname

from maskbench.errors import StoreError
from maskbench.records import Point, RunRecord, Setting
from maskbench.tracking.known import heartbeat_now
from maskbench.tracking.location import Location
from maskbench.tracking.outbox import Number, Parcel, keep
from maskbench.tracking.trouble import patiently, said

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

LOG, CONFIG = "log.txt", "config.yaml"
FIRST_SECONDS = 1.0
"""After what time a training is first seen; most of a sweep are over by then."""
LONGEST_REASON = 1000
LONGEST_TAG = 8000
"""MLflow cuts longer ones: 48,000 test items and more are not kept one by one, and need not be."""


class RunWriter:
    """The open MLflow run of one training; whoever holds it ends it with `finish`, `fail` or `kill`.

    A thread shows the curves so far every `flush_seconds`, with a heartbeat. What the store does
    not take then waits; what it does not take at the end is kept on disk: `finish` and `fail`
    return the file, or None where the store has it all.
    """

    def __init__(
        self, client: MlflowClient, location: Location, study: str, run: Run, flush_seconds: float, patience: float
    ) -> None:
        self.run_id = str(run.info.run_id)
        self.folder, self._here = folder_of(run)
        self._client, self._location = client, location
        self._flush_seconds, self._patience = flush_seconds, patience
        self._all = Parcel(self.run_id, study, run.data.tags["maskbench.key"])
        self._sent = 0
        self._params_sent = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._pulse: threading.Thread | None = None

    @property
    def log(self) -> Path:
        """The run's log file, an artifact; it can be followed while the run is trained."""
        return self.folder / LOG

    def start(self, settings: Mapping[str, Setting], config: str) -> None:
        """Take note of the settings, keep the resolved config, and begin to show what there is."""
        self._all.params = {name: str(value) for name, value in settings.items() if value is not None}
        with said(self._location):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / CONFIG).write_text(config, encoding="utf-8")
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()

    def watch(self, points: Iterable[Point]) -> None:
        """Take note of a curve's next points."""
        with self._lock:
            self._all.numbers += _numbers(points)

    def finish(self, record: RunRecord) -> Path | None:
        """Write all that was measured and end as FINISHED."""
        tags = {f"hash.{name}": value for name, value in record.hashes.items()} | {"hardware": record.hardware}
        tags |= {f"items.{name}": value for name, value in record.items.items() if len(value) <= LONGEST_TAG}
        summary = [Point(name, value, 0) for name, value in record.metrics.items()]
        return self._end("FINISHED", [*record.curves, *summary], tags, self._patience)

    def fail(self, reason: str) -> Path | None:
        """Keep the curves so far and end as FAILED with its reason."""
        return self._end("FAILED", [], {"reason": reason[:LONGEST_REASON]}, self._patience)

    def kill(self) -> None:
        """End as KILLED, stopped from outside; where the store is away, it is closed as stale later."""
        self._end("KILLED", [], {"reason": "stopped"}, 0)

    def _beat(self) -> None:
        pause = min(FIRST_SECONDS, self._flush_seconds)
        while not self._ended.wait(pause):
            self._flush()
            pause = self._flush_seconds

    def _flush(self) -> None:
        """Show what is new; a store that is away is asked again next time."""
        with self._lock:
            until = len(self._all.numbers)
            new = Parcel(self.run_id, "", "", numbers=self._all.numbers[self._sent : until])
        new.tags = {"heartbeat": heartbeat_now()}
        new.params = {} if self._params_sent else self._all.params
        try:
            with said(self._location):
                new.send(self._client)
        except StoreError:
            return
        self._sent, self._params_sent = until, True

    def _end(self, status: str, points: Iterable[Point], tags: dict[str, str], patience: float) -> Path | None:
        self._ended.set()
        if self._pulse is not None:
            self._pulse.join()
        whole = self._all
        whole.numbers += _numbers(points)
        whole.status, whole.ended, whole.tags = status, int(time.time() * 1000), tags
        rest = Parcel(**vars(whole) | {"numbers": whole.numbers[self._sent :]})
        try:
            if not self._here:
                whole.files = rest.files = _texts(self.folder)
            patiently(self._sending(rest), patience)
        except StoreError:
            return keep(whole, self._location) if status != "KILLED" else None
        finally:
            if not self._here:
                shutil.rmtree(self.folder, ignore_errors=True)
        return None

    def _sending(self, parcel: Parcel) -> Callable[[], None]:
        def send() -> None:
            with said(self._location):
                parcel.send(self._client)

        return send


def folder_of(run: Run) -> tuple[Path, bool]:
    """Where the run's files are written, and whether that is where the store looks for them."""
    address = urlparse(run.info.artifact_uri)
    if address.scheme in ("", "file"):
        return Path(url2pathname(address.path)), True
    return Path(tempfile.gettempdir()) / "maskbench" / str(run.info.run_id), False


def _texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8", errors="replace") for file in sorted(folder.glob("*"))}


def _numbers(points: Iterable[Point]) -> list[Number]:
    now = int(time.time() * 1000)
    return [(point.name, point.value, point.step, now) for point in points if math.isfinite(point.value)]
