"""The application, and how its errors reach the user: one line, exit code 2."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, NoReturn, TypeVar

import typer

from maskbench import __version__

Result = TypeVar("Result")

RUN_FAILED, USAGE_ERROR, INTERRUPTED = 1, 2, 130
FULL_ERROR = "HYDRA_FULL_ERROR"

app = typer.Typer(
    name="maskbench",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    epilog="First steps: maskbench sweep experiment=quickstart; maskbench report --study quickstart; maskbench ui",
)
Uri = Annotated[str | None, typer.Option(help="The store; default MLFLOW_TRACKING_URI or ./mlflow.db.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"maskbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Does hiding part of the input make a model generalise better? Sweep, track, compare."""


def throw(error: Exception) -> NoReturn:
    """Raise it, where an expression is wanted."""
    raise error


def guarded(action: Callable[[], Result]) -> Result:
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
