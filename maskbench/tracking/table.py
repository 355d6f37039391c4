"""The store as tables: one row per run with typed columns, and the runs that were planned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

from maskbench.records import Setting
from maskbench.tracking.known import RUN, TAG
from maskbench.tracking.plans import read_plans
from maskbench.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

TEXT = ("data", "model", "mask", "fill")
"""Settings that stay text whatever they look like."""


def runs_table(store: Store) -> pd.DataFrame:
    """Every run of the study, oldest first: settings, `hash/…`, metrics, status and reason.

    Settings are typed (a number that was logged as text is a number again); what a run lacks is NaN.
    """
    runs = sorted(store.search(f"tags.`{TAG}kind` = '{RUN}'"), key=lambda run: (run.info.start_time, run.info.run_id))
    return pd.DataFrame([_row(run, store.study) for run in runs])


def _row(run: Run, study: str) -> dict[str, object]:
    tags = {name.removeprefix(TAG): value for name, value in run.data.tags.items() if name.startswith(TAG)}
    hashes = {f"hash/{name.removeprefix('hash.')}": value for name, value in tags.items() if name.startswith("hash.")}
    plain = {name: tags.get(name) for name in ("key", "pair_key", "code", "reason", "hardware")}
    metrics = {name: value for name, value in run.data.metrics.items() if not name.startswith(("curve/", "loss/"))}
    settings = {name: _typed(name, value) for name, value in run.data.params.items()}
    return {"run_id": run.info.run_id, "study": study, "status": run.info.status} | plain | settings | hashes | metrics


def _typed(name: str, text: str) -> Setting:
    if name in TEXT:
        return text
    try:
        value = json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text
    return value if isinstance(value, (int, float, bool)) else text


def planned_table(store: Store) -> pd.DataFrame | None:
    """All runs that any sweep of the study planned, one row per key; None where there was no sweep."""
    rows = read_plans(store)
    return pd.DataFrame(rows) if rows else None
