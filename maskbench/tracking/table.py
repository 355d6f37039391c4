"""The store as tables: one row per run with typed columns, and the runs that were planned."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import pandas as pd

from maskbench.records import Setting
from maskbench.tracking.bulk import Stored, read_curves, read_runs
from maskbench.tracking.plans import read_plans
from maskbench.tracking.store import Store

TEXT = ("data", "model", "mask", "fill")
"""Settings that stay text whatever they look like."""


def runs_table(store: Store) -> pd.DataFrame:
    """Every run of the study, oldest first: settings, `hash/…`, `items/…`, metrics, status and reason.

    Settings are typed (a number that was logged as text is a number again); what a run lacks is
    NaN. A run that has logged no settings yet, or was killed before it could, has those of its
    sweep's plan; without one it is left out.
    """
    runs = read_runs(store)
    plans = {} if all(run.params for run in runs) else {str(row["key"]): row for row in read_plans(store)}
    known = [run for run in runs if run.params or run.tags.get("key") in plans]
    return pd.DataFrame([_row(run, store.study, plans.get(run.tags.get("key", ""), {})) for run in known])


def _row(run: Stored, study: str, planned: Mapping[str, Setting]) -> dict[str, object]:
    tags = run.tags
    grouped = {name.replace(".", "/", 1): value for name, value in tags.items() if name.startswith(("hash.", "items."))}
    row: dict[str, object] = {"run_id": run.run_id, "study": study, "status": run.status}
    row |= {name: tags.get(name) for name in ("key", "pair_key", "code", "reason", "hardware")}
    row |= {name: _typed(name, value) for name, value in run.params.items()} or dict(planned)
    return row | grouped | run.metrics


def curves_table(store: Store, run_ids: Collection[str]) -> pd.DataFrame:
    """The curves of some runs: one row a point, with run_id, curve, step and value."""
    rows = [(run_id, point.name, point.step, point.value) for run_id, point in read_curves(store, run_ids)]
    return pd.DataFrame(rows, columns=["run_id", "curve", "step", "value"])


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
