"""A new SQLite store appears complete or not at all: MLflow cannot mend one whose making was cut short."""

from __future__ import annotations

from pathlib import Path

from maskbench.tracking.location import SQLITE


def make_whole(file: Path) -> None:
    """Make the file with all of MLflow's tables unless it is there; to be called while the store's lock is held."""
    if file.is_file() and file.stat().st_size:
        return
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    half = file.with_name(f"{file.name}.new")
    for left in (half, half.with_name(f"{half.name}-journal")):
        left.unlink(missing_ok=True)
    made = SqlAlchemyStore(f"{SQLITE}{half}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)  # type: ignore[no-untyped-call]
    made.engine.dispose()
    half.replace(file)
