"""What a study came to: `report`, `ui`, `clean`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskbench.cli.app import Uri, app, guarded


@app.command()
def report(
    study: Annotated[list[str] | None, typer.Option(help="The study to compare; repeat for several as one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default reports/STUDY.")] = None,
    metric: Annotated[str | None, typer.Option(help="Default: accuracy, or r2 for regression.")] = None,
    smallest_effect: Annotated[
        float | None, typer.Option(help="Smallest change worth having, in the metric's unit (0.005 is half a point).")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="Only this data set; repeat for several.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; repeat for several.")] = None,
    table: Annotated[Path | None, typer.Option(help="A CSV or Parquet file with one row a run, not a store.")] = None,
    power: Annotated[bool, typer.Option("--power", help="Also print what would settle the unsettled answers.")] = False,
    uri: Uri = None,
) -> None:
    """Compare masked with unmasked training, from what the store has; also while a sweep runs."""
    from maskbench import study as studies

    def compared() -> studies.Reported:
        question = studies.Question(metric, smallest_effect, tuple(data or ()), tuple(model or ()))
        source = studies.read_table(table) if table else studies.read_studies(uri, study or ["default"])
        return studies.report(source, question, out or Path("reports") / source.title.replace(" + ", "+"))

    done = guarded(compared)
    typer.echo(done.summary)
    for line in done.power if power else ():
        typer.echo(line)
    typer.echo(f"report: {done.html}")


@app.command()
def ui(
    uri: Uri = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000,
) -> None:
    """Open MLflow's user interface on the store, on this machine only; Ctrl-C ends it."""
    from maskbench.tracking.ui import serve

    raise typer.Exit(guarded(lambda: serve(uri, port, typer.echo)))


@app.command()
def clean(study: Annotated[str, typer.Option(help="The study to clean.")] = "default", uri: Uri = None) -> None:
    """Mark as KILLED what killed processes left RUNNING."""
    from maskbench.tracking.store import Store

    closed = guarded(lambda: Store(uri, study).close_stale("closed by maskbench clean"))
    typer.echo(f"{len(closed)} run(s) of study '{study}' closed")
