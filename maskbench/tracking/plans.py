"""What a sweep planned, kept with its parent run: a run that never started is missing, not forgotten."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from maskbench.records import Setting
from maskbench.tracking.known import SWEEP, TAG
from maskbench.tracking.store import Store

FILE = "plan.json"

Row = Mapping[str, Setting]


def write_plan(store: Store, run_id: str, planned: Iterable[Row]) -> None:
    """Keep the planned runs (`key` and settings) with the sweep's parent run."""
    store.keep_text(run_id, json.dumps(list(planned)), FILE)


def read_plans(store: Store) -> list[Row]:
    """The runs that any sweep of the study planned, one row per key."""
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        for run in store.search(f"tags.`{TAG}kind` = '{SWEEP}'"):
            if any(file.path == FILE for file in store.client.list_artifacts(run.info.run_id)):
                path = store.client.download_artifacts(run.info.run_id, FILE, folder)
                rows |= {str(row["key"]): row for row in json.loads(Path(path).read_text())}
    return list(rows.values())
