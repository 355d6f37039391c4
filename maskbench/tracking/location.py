"""Where a store is, and the lock that lets processes of one machine take turns in it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from maskbench.errors import StoreError

SQLITE = "sqlite:///"
DEFAULT_FILE = "mlflow.db"
LOCK_SECONDS = 120


@dataclass(frozen=True)
class Location:
    """A tracking URI and, for SQLite, its file."""

    uri: str
    file: Path | None

    @classmethod
    def of(cls, uri: str | None) -> Location:
        """`uri`, or MLFLOW_TRACKING_URI, or mlflow.db in the working directory; SQLite paths become absolute."""
        uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or SQLITE + DEFAULT_FILE
        if uri.startswith(SQLITE):
            file = Path(uri.removeprefix(SQLITE)).absolute()
            return cls(f"{SQLITE}{file}", file)
        if "://" not in uri:
            raise StoreError(
                f"tracking.uri '{uri}' is no store; use sqlite:///path/mlflow.db or an MLflow server's http address"
            )
        return cls(uri, None)

    def artifacts(self, study: str) -> str | None:
        """The artifact folder of a study beside a SQLite file; a server decides for itself."""
        return None if self.file is None else (self.file.parent / "mlartifacts" / study).as_uri()

    def outboxes(self) -> tuple[Path, ...]:
        """Where records wait while the store is away: beside its file, with this user, or with temporary files."""
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        elsewhere = (state, Path(tempfile.gettempdir()))
        folders = tuple(folder / "maskbench" / "outbox" / self._name for folder in elsewhere)
        return folders if self.file is None else (self.file.with_name(f"{self.file.name}.outbox"), *folders)

    @property
    def _name(self) -> str:
        return hashlib.sha256(self.uri.encode()).hexdigest()[:16]

    def lock(self) -> FileLock:
        """Held while a store is created or a run is claimed; beside a SQLite file, else in the temporary folder."""
        if self.file is not None:
            if not self.file.parent.is_dir():
                raise StoreError(
                    f"the store's folder {self.file.parent} is not there; create it or change tracking.uri"
                )
            return FileLock(f"{self.file}.lock", timeout=LOCK_SECONDS)
        return FileLock(Path(tempfile.gettempdir()) / f"maskbench-{self._name}.lock", timeout=LOCK_SECONDS)
