"""What a study came to: `report`, `export`, `import`, `ui`, `clean`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maskbench.cli.app import Uri, app, guarded, throw
from maskbench.errors import ConfigError


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
def export(
    study: Annotated[list[str] | None, typer.Option(help="The study to export; repeat for one file each.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default STUDY.maskbench.zip.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    uri: Uri = None,
) -> None:
    """Write a study to one file that `import` reads on any machine."""
    from maskbench.tracking import export as exporting
    from maskbench.tracking.store import Store

    studies = study or ["default"]
    if out is not None and len(studies) > 1:
        guarded(partial(throw, ConfigError("--out names one file: export the studies one by one, or without --out")))

    def exported(name: str) -> exporting.Exported:
        store = Store(uri, name)
        store.deliver()
        return exporting.export(store, out or exporting.usual_file(name), force)

    for name in studies:
        for line in exporting.told(guarded(partial(exported, name))):
            typer.echo(line)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files that `export` wrote.")],
    study: Annotated[str | None, typer.Option(help="The study to import into; default the one exported.")] = None,
    uri: Uri = None,
) -> None:
    """Bring exported studies into a store; what is there stays."""
    from maskbench.tracking.imported import bring, told
    from maskbench.tracking.portable import opened

    with ExitStack() as stack:
        for portable in [guarded(partial(stack.enter_context, opened(file))) for file in files]:
            store, states = guarded(partial(bring, portable, uri, study))
            typer.echo(f"study '{store.study}': {told(states)}")


@app.command()
def ui(
    uri: Uri = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000,
) -> None:
    """Open MLflow's user interface on the store, on this machine only; Ctrl-C ends it."""
    from maskbench.tracking.ui import serve

    raise typer.Exit(guarded(lambda: serve(uri, port, typer.echo)))


@app.command()
def clean(
    study: Annotated[str, typer.Option(help="The study to clean.")] = "default",
    deliver: Annotated[bool, typer.Option("--deliver", help="Only deliver the records that wait on disk.")] = False,
    uri: Uri = None,
) -> None:
    """Deliver records that waited for the store, and mark as KILLED what killed processes left RUNNING."""
    from maskbench.tracking.store import Store

    store = guarded(lambda: Store(uri, study))
    typer.echo(f"{guarded(store.deliver)} record(s) of study '{study}' delivered")
    if not deliver:
        closed = guarded(lambda: store.close_stale("closed by maskbench clean"))
        typer.echo(f"{len(closed)} run(s) of study '{study}' closed")
