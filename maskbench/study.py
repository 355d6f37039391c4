"""Studies from store to report: tables out of the store, comparison, files, and the answer back into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from maskbench.errors import ConfigError, DataError, StoreError, nearest
from maskbench.tracking.known import SWEEP
from maskbench.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from maskbench.comparison import Comparison


@dataclass(frozen=True)
class Question:
    """What is asked of the runs: everything None or empty asks about all of them, in their primary metric."""

    metric: str | None = None
    smallest_effect: float | None = None
    data: Sequence[str] = ()
    models: Sequence[str] = ()


@dataclass(frozen=True)
class Source:
    """Runs to compare, and what else is known of where they came from."""

    title: str
    runs: pd.DataFrame
    planned: pd.DataFrame | None = None
    command: str | None = None
    running: bool = False
    stores: Sequence[Store] = ()
    parents: Sequence[str] = ()
    """The latest sweep's parent run of each store that has one."""


class Reported(NamedTuple):
    """Where a report is, its verdicts in Markdown, and what would settle the unsettled ones."""

    html: Path
    summary: str
    power: list[str]


def read_studies(uri: str | None, studies: Sequence[str]) -> Source:
    """The runs and plans of one or several studies of a store; raises StoreError for a study without runs."""
    import pandas as pd

    from maskbench.tracking.table import planned_table, runs_table

    stores = [Store(uri, study) for study in studies]
    for store in stores:
        store.deliver()
    known = [store.known() for store in stores]
    for store, runs in zip(stores, known, strict=True):
        if not runs:
            where = store.location.uri
            raise StoreError(
                f"study '{store.study}' has no runs in {where}; start with: maskbench sweep study={store.study}"
            )
    plans = [plan for plan in (planned_table(store) for store in stores) if plan is not None]
    sweeps = [[run for run in runs if run.tags.get("kind") == SWEEP] for runs in known]
    commands = [runs[-1].tags.get("note", "") for runs in sweeps if runs]
    return Source(
        title=" + ".join(studies),
        runs=pd.concat([runs_table(store) for store in stores], ignore_index=True),
        planned=pd.concat(plans, ignore_index=True) if len(plans) == len(stores) else None,
        command="\n".join(commands) or None,
        running=any(run.running for runs in known for run in runs),
        stores=stores,
        parents=[runs[-1].run_id for runs in sweeps if runs],
    )


def read_table(file: Path) -> Source:
    """Runs from a CSV or Parquet file, one row a run; raises DataError where it cannot be read."""
    import pandas as pd

    if not file.is_file():
        raise DataError(f"there is no file {file.absolute()}; --table takes a CSV or Parquet file with one row a run")
    try:
        table = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (ValueError, OSError) as error:  # parser errors are ValueErrors
        raise DataError(f"{file} cannot be read as a table: {str(error).splitlines()[0]}") from error
    return Source(file.stem, table)


def report(source: Source, question: Question, out: Path) -> Reported:
    """Compare the runs as they stand and write the report to `out`.

    The report of one whole study is logged to its latest sweep's parent run as well.
    """
    from maskbench.comparison import compare
    from maskbench.report import power_lines, summary_markdown, write_report

    runs, planned = _asked(source.runs, question), source.planned
    if planned is not None:
        planned = _asked(planned, question)
    comparison = compare(runs, question.metric, question.smallest_effect, planned)
    curves = _curves(source, comparison)
    files = write_report(
        comparison, out, study=source.title, command=source.command, running=source.running, curves=curves
    )
    if question == Question() and len(source.stores) == len(source.parents) == 1:
        _log(source, comparison, out)
    return Reported(files.html, summary_markdown(comparison), power_lines(comparison, source.command))


def _log(source: Source, comparison: Comparison, folder: Path) -> None:
    """The answer where a user who only opens MLflow sees it."""
    from maskbench.report import answer_metrics, summary_markdown

    source.stores[0].describe(source.parents[0], summary_markdown(comparison), answer_metrics(comparison), folder)


def _asked(table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The rows of the data sets and models asked for; raises ConfigError for a name that is not there."""
    for column, names in (("data", question.data), ("model", question.models)):
        there = sorted(set(table[column].dropna().astype(str))) if column in table else []
        for name in names:
            if name not in there:
                raise ConfigError(f"no run has {column} '{name}'.{nearest(name, there)} There are: {', '.join(there)}")
        if names:
            table = table[table[column].astype(str).isin(names)]
    return table


def _curves(source: Source, comparison: Comparison) -> pd.DataFrame | None:
    """The curves the report draws: those of the chosen masks at every rate, and of their partners."""
    if not source.stores:
        return None
    import pandas as pd

    from maskbench.tracking.table import curves_table

    pairs = comparison.pairs[comparison.pairs["state"] == "used"]
    chosen = pairs.merge(comparison.answers[["block", "mask"]], on=["block", "mask"])
    wanted = dict.fromkeys([*chosen["run_id"], *chosen["partner_run_id"]])
    tables = []
    for store in source.stores:
        own = set(source.runs.loc[source.runs["study"] == store.study, "run_id"])
        tables.append(curves_table(store, [run_id for run_id in wanted if run_id in own]))
    return pd.concat(tables, ignore_index=True)
