"""Records of runs, ready to be sent: kept on disk while the store is away, delivered when it is back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from maskbench.errors import StoreError
from maskbench.tracking.known import TAG
from maskbench.tracking.location import Location

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_METRICS, MOST_PARAMS = 1000, 100
"""MLflow takes no more of them in one call."""

Number = tuple[str, float, int, int]
"""Name, value, step, and milliseconds since 1970."""


@dataclass
class Parcel:
    """What is to be written of one run; an empty status leaves the run open.

    Sending it twice leaves the same run: MLflow keeps equal points, params and tags once.
    """

    run_id: str
    study: str
    key: str
    status: str = ""
    ended: int = 0
    params: dict[str, str] = field(default_factory=dict)
    numbers: list[Number] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    """Ours, without the prefix."""
    files: dict[str, str] = field(default_factory=dict)
    """Texts by file name, where the store's artifacts are not on this machine."""

    def send(self, client: MlflowClient) -> None:
        """Write it all, in as few calls as MLflow allows."""
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(name, value) for name, value in self.params.items()]
        metrics = [Metric(name, value, when, step) for name, value, step, when in self.numbers]
        tags = [RunTag(TAG + name, value) for name, value in self.tags.items()]
        while params or metrics or tags:
            client.log_batch(self.run_id, metrics[:MOST_METRICS], params[:MOST_PARAMS], tags[:MOST_PARAMS])
            metrics, params, tags = metrics[MOST_METRICS:], params[MOST_PARAMS:], tags[MOST_PARAMS:]
        for name, text in self.files.items():
            client.log_text(self.run_id, text, name)
        if self.status:
            client.set_terminated(self.run_id, self.status, self.ended)


def keep(parcel: Parcel, location: Location) -> Path:
    """Put a parcel on disk until the store is back; raises StoreError where no disk takes it."""
    text = json.dumps(asdict(parcel))
    refused: list[str] = []
    for folder in location.outboxes():
        file = folder / f"{parcel.run_id}.json"
        half = file.with_suffix(".part")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with half.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            half.replace(file)
        except OSError as error:
            refused.append(f"{folder} ({error.strerror})")
            half.unlink(missing_ok=True) if folder.is_dir() else None
        else:
            return file
    raise StoreError(
        f"the record of run {parcel.run_id} is lost: it can be written neither to the store nor to disk: "
        + ", ".join(refused)
    )


def waiting(location: Location, study: str) -> Iterator[tuple[Path, Parcel]]:
    """The parcels that wait for this study of the store, with their files."""
    for folder in location.outboxes():
        for file in sorted(folder.glob("*.json")):
            parcel = _read(file)
            if parcel is not None and parcel.study == study:
                yield file, parcel


def _read(file: Path) -> Parcel | None:
    """A parcel; None where another process has delivered it in the meantime."""
    try:
        return Parcel(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StoreError(f"{file} waits to be delivered and is damaged ({error}); mend it or move it away") from error
