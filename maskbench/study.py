"""A study from store to report: tables out of the store, comparison, files, and the answer back into the store."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from maskbench.errors import StoreError
from maskbench.tracking.store import Store


class Reported(NamedTuple):
    """Where a report is, and its verdicts in Markdown."""

    html: Path
    summary: str


def report_study(uri: str | None, study: str, out: Path, metric: str | None = None) -> Reported:
    """Compare a study's runs as they stand, write the report to `out` and log it to the sweep's parent run."""
    from maskbench.comparison import compare
    from maskbench.report import answer_metrics, summary_markdown, write_report
    from maskbench.tracking.table import planned_table, runs_table

    store = Store(uri, study)
    known = store.known()
    if not known:
        raise StoreError(
            f"study '{study}' has no runs in {store.location.uri}; start with: maskbench sweep study={study}"
        )
    comparison = compare(runs_table(store), metric=metric, planned=planned_table(store))
    sweeps = [run for run in known if run.tags.get("kind") == "sweep"]
    command = sweeps[-1].tags.get("note") if sweeps else None
    running = any(run.running for run in known)
    files = write_report(comparison, out, study=study, command=command, running=running)
    summary = summary_markdown(comparison)
    if sweeps:
        store.describe(sweeps[-1].run_id, summary, answer_metrics(comparison), out)
    return Reported(files.html, summary)
