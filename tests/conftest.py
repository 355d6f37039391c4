"""What every test shares: a quiet MLflow, one thread, and stores that are copied instead of created."""

from __future__ import annotations

import os

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "OMP_NUM_THREADS": "1",
}
os.environ.pop("MLFLOW_TRACKING_URI", None)

import shutil
from pathlib import Path

import pytest

from maskbench.tracking.store import Store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised, empty database: making one takes seconds, copying it none."""
    file = tmp_path_factory.mktemp("template") / "mlflow.db"
    store = Store(f"sqlite:///{file}", "template")
    assert store.client.search_experiments() is not None
    return file


@pytest.fixture
def uri(empty_database: Path, tmp_path: Path) -> str:
    """The address of a fresh store in the test's own folder."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
