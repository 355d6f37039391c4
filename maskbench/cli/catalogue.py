"""The catalogue of masks: `masks` shows it, `check` tries a mask of your own."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maskbench.cli.app import RUN_FAILED, app, guarded, throw
from maskbench.errors import ConfigError

ConfigDir = Annotated[Path | None, typer.Option("--config-dir", help="Folder with a menu of your own.")]


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
        guarded(partial(throw, ConfigError(f"'{rest[0]}' says nothing here; maskbench masks --help")))
    if not first:
        width = max(60, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
        lines = guarded(lambda: show.catalogue_lines(config_dir, width))
    elif first == "gallery":
        lines = [str(guarded(lambda: show.gallery(out or Path("gallery.png"), config_dir)))]
    elif first == "preview":
        lines = [str(guarded(lambda: show.preview(rest, _rates(rates), out, config_dir)))]
    else:
        lines = guarded(lambda: show.card(first, config_dir))
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

    lines, holds = guarded(lambda: checked(target, settings or [], config_dir))
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
