"""What `maskbench masks` and `maskbench check` do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maskbench.config.build import dataset_of, mask_of, steps_of
from maskbench.config.compose import typed
from maskbench.config.menu import load, menu
from maskbench.description import KINDS, Kind
from maskbench.errors import ConfigError
from maskbench.gallery.catalogue import Entry, card_lines, entries, entry, listing
from maskbench.masks.mask import INPUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GALLERY_RATE = 0.4
HELP = (
    "A card: maskbench masks NAME. A picture: maskbench masks preview NAME.",
    "Every mask takes another mask/fill=... and mask/schedule=...; maskbench run --help lists them.",
)


def catalogue_lines(folder: Path | None, width: int | None = None) -> list[str]:
    """All masks with what they hide, by the data they fit; wrapped to `width` letters where it is given."""
    lines: list[str] = []
    for where, rows in listing(entries(menu(folder))):
        lines.append(f"{where}:")
        for name, hides in rows:
            line = f"  {name:26} {hides}"
            lines += textwrap.wrap(line, width, subsequent_indent=" " * 29) if width else [line]
        lines.append("")
    return [*lines, *HELP]


def card(name: str, folder: Path | None) -> list[str]:
    """One mask in full, with its cost measured now."""
    from maskbench.gallery.cost import cost

    found = entry(entries(menu(folder)), name)
    return card_lines(found, cost(found.mask))


def preview(words: Sequence[str], rates: Sequence[float], out: Path | None, folder: Path | None) -> Path:
    """A picture of the mask that `words` name, on real examples or the data of their overrides; returns where it is."""
    if not words:
        raise ConfigError("a preview of which mask? maskbench masks preview NAME; the names: maskbench masks")
    name, *overrides = words
    from maskbench.gallery import picture
    from maskbench.gallery.examples import USUAL, of_dataset, shown
    from maskbench.gallery.looks import looks

    loader = menu(folder)
    found = entry(entries(loader), name)
    if found.config.place != INPUT:
        raise ConfigError(f"mask '{found.name}' works inside a model, no input shows it: maskbench masks {found.name}")
    given = any(override.startswith("data=") for override in overrides)
    chosen = [] if given else [f"data={USUAL[_showing(found)]}"]
    config = typed(load(loader, [f"mask={found.name}", *chosen, *overrides]))
    context = of_dataset(dataset_of(config), steps_of(config.preprocess))
    mask = mask_of(config.mask)
    assert mask is not None
    mask = mask if mask.rate is None else replace(mask, rate=rates[0])
    inputs = shown(context, 3 if context.features.kind in ("image", "tokens") else 12)
    title = f"{found.name} on {config.data['name']}: {found.card.hides}"
    figure = picture.preview(title, context, looks(found.name, mask, context, inputs, rates))
    return _written(figure, out or Path(f"{found.name}.png"), 160)


def _showing(found: Entry) -> Kind:
    """The kind of data that shows a mask best."""
    kinds = ("image", "sequence", "columns", "tokens")
    return next(kind for kind in (found.card.shown_on, *kinds) if kind in found.kinds)


def gallery(out: Path, folder: Path | None) -> Path:
    """One picture of all masks on real examples, at one rate; writes a PNG and returns where."""
    from maskbench.gallery import picture
    from maskbench.gallery.examples import USUAL, of_dataset, photos, shown
    from maskbench.gallery.looks import looks

    loader = menu(folder)
    contexts = {}
    for kind, data in USUAL.items():
        contexts[kind] = photos() if kind == "image" else of_dataset(dataset_of(typed(load(loader, [f"data={data}"]))))
    groups: dict[str, list[picture.Tile]] = {kind: [] for kind in KINDS}
    for found in entries(loader):
        if found.config.place == INPUT:
            kind = _showing(found)
            context = contexts[kind]
            inputs = shown(context, 1 if kind in ("image", "tokens") else 3 if kind == "sequence" else 16)
            look = looks(found.name, found.mask, context, inputs, [GALLERY_RATE])[0]
            groups[kind].append(picture.Tile(found.name, context, look))
    title = f"Every mask of maskbench that works on inputs, hiding {GALLERY_RATE:.0%}"
    figure = picture.gallery(title, [group for group in groups.items() if group[1]])
    return _written(figure, out, 110)


def _written(figure: Figure, path: Path, dpi: int) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=dpi, facecolor="white")
    except (OSError, ValueError) as error:
        raise ConfigError(f"the picture cannot be written to {path}: {error}; give another --out") from error
    return path
