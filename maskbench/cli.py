"""The command line. Heavy libraries are imported where a command needs them: `--help` answers at once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from maskbench import __version__
from maskbench.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from maskbench.sweep.execute import Outcome

Result = TypeVar("Result")

USAGE_ERROR, RUN_FAILED = 2, 1
FULL_ERROR = "HYDRA_FULL_ERROR"
ACTIONS = ("--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--version")
"""Flags of Hydra that show something instead of running."""

app = typer.Typer(
    name="maskbench",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    epilog="First steps: maskbench sweep experiment=quickstart; maskbench report --study quickstart; maskbench ui",
)
passes_on = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
Uri = Annotated[str | None, typer.Option(help="The store; default MLFLOW_TRACKING_URI or ./mlflow.db.")]

ConfigDir = Annotated[Path | None, typer.Option("--config-dir", help="Folder with a menu of your own.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"maskbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Does hiding part of the input make a model generalise better? Sweep, track, compare."""


@app.command(context_settings=passes_on)
def run(context: typer.Context) -> None:
    """Train once: maskbench run data=wine mask=bernoulli mask.rate=0.3. Options: maskbench run --help."""
    outcomes: list[Outcome] = []
    errors: list[Exception] = []

    def once(config: DictConfig) -> Outcome | None:
        from maskbench.config.explain import EXPLAINED
        from maskbench.sweep.launch import run_once

        try:
            outcomes.append(run_once(config))
            return outcomes[-1]
        except EXPLAINED as error:  # raised here, Hydra would add a line of its own
            errors.append(error)
            return None

    _hydra(once, context.args)
    for error in errors:
        _guarded(partial(_throw, error))
    for outcome in outcomes:
        print(" ".join(part for part in (outcome.state, outcome.name, outcome.reason, outcome.run_id) if part))
        if outcome.state == "failed":
            raise typer.Exit(RUN_FAILED)


@app.command(context_settings=passes_on)
def sweep(context: typer.Context) -> None:
    """Train many: maskbench sweep mask=bernoulli,feature mask.rate=0.1,0.3 'seed=range(8)'."""
    _multirun(context.args)


@app.command(context_settings=passes_on)
def plan(context: typer.Context) -> None:
    """Show what a sweep would run; --list names every run."""
    listed = ["hydra.sweeper.list_runs=true"] if "--list" in context.args else []
    _multirun([*(arg for arg in context.args if arg != "--list"), "hydra.sweeper.dry_run=true", *listed])


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

    done = _guarded(compared)
    typer.echo(done.summary)
    for line in done.power if power else ():
        typer.echo(line)
    typer.echo(f"report: {done.html}")


@app.command()
def masks(
    words: Annotated[
        list[str] | None, typer.Argument(help="Nothing: the list; NAME: its card; preview NAME [data=...]; gallery.")
    ] = None,
    rates: Annotated[str, typer.Option(help="Rates of a preview.")] = "0.1,0.3,0.6",
    out: Annotated[Path | None, typer.Option(help="Picture to write; default NAME.png.")] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Show the catalogue of masks: the list, a card, a picture on real examples."""
    from maskbench.gallery import show

    first, *rest = words or [""]
    if rest and first != "preview":
        _guarded(partial(_throw, ConfigError(f"'{rest[0]}' says nothing here; maskbench masks --help")))
    if not first:
        width = max(60, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
        lines = _guarded(lambda: show.catalogue_lines(config_dir, width))
    elif first == "gallery":
        lines = [str(_guarded(lambda: show.gallery(out or Path("gallery.png"), config_dir)))]
    elif first == "preview":
        lines = [str(_guarded(lambda: show.preview(rest, _rates(rates), out, config_dir)))]
    else:
        lines = _guarded(lambda: show.card(first, config_dir))
    for line in lines:
        typer.echo(line)


@app.command()
def check(
    target: Annotated[str, typer.Argument(help="module:Name of a pattern, fill or mask, or the name of a mask.")],
    settings: Annotated[list[str] | None, typer.Argument(help="Its settings as name=value.")] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Check that a mask of your own keeps what masks have to keep: rates, seeds, shapes, independence."""
    from maskbench.gallery.checked import checked

    lines, holds = _guarded(lambda: checked(target, settings or [], config_dir))
    for line in lines:
        typer.echo(line)
    if not holds:
        raise typer.Exit(RUN_FAILED)


def _rates(text: str) -> list[float]:
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--rates={text} is no list of numbers such as 0.1,0.3") from error
    if not all(0 <= rate <= 1 for rate in rates):
        raise ConfigError(f"--rates={text} holds a number outside 0 to 1")
    return rates


@app.command()
def ui(
    uri: Uri = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000,
) -> None:
    """Open MLflow's user interface on the store, on this machine only; Ctrl-C ends it."""
    from maskbench.tracking.ui import serve

    raise typer.Exit(_guarded(lambda: serve(uri, port, typer.echo)))


@app.command()
def clean(study: Annotated[str, typer.Option(help="The study to clean.")] = "default", uri: Uri = None) -> None:
    """Mark as KILLED what killed processes left RUNNING."""
    from maskbench.tracking.store import Store

    closed = _guarded(lambda: Store(uri, study).close_stale("closed by maskbench clean"))
    typer.echo(f"{len(closed)} run(s) of study '{study}' closed")


def main() -> None:
    """The console script."""
    app()


def _multirun(args: Sequence[str]) -> None:
    from maskbench.sweep.launch import task

    action = any(arg.split("=")[0] in ACTIONS for arg in args)
    _hydra(task, args if action else [*args, "hydra.mode=MULTIRUN"])


def _hydra(task: Callable[[DictConfig], object], args: Sequence[str]) -> None:
    """Hand the arguments to Hydra; what it cannot use ends in one line and exit code 2."""
    import hydra

    from maskbench.config.schema import register

    register()
    sys.argv = ["maskbench", *args]
    entry = hydra.main(version_base="1.3", config_path="pkg://maskbench.conf", config_name="config")(task)
    _guarded(partial(_choices_are_names, entry))


def _choices_are_names(entry: Callable[[], None]) -> None:
    """Hydra's own complaint about `mask=3` is a bare ValueError."""
    try:
        entry()
    except ValueError as error:
        if "Config group override" in str(error):
            raise ConfigError(f"a choice is a name, not a number: {' '.join(str(error).split())}") from error
        raise


def _throw(error: Exception) -> NoReturn:
    raise error


def _guarded(action: Callable[[], Result]) -> Result:
    """Run an action; errors meant for the user become one line, unless HYDRA_FULL_ERROR asks for more."""
    from maskbench.config.explain import EXPLAINED, explain

    asked = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"  # or Hydra prints and exits before we can say it in one line
    try:
        return action()
    except EXPLAINED as error:
        if asked == "1":
            raise
        typer.echo(f"maskbench: error: {explain(error)}", err=True)
        raise typer.Exit(USAGE_ERROR) from error
    finally:
        if asked is None:
            del os.environ[FULL_ERROR]
