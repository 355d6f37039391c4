"""How every figure looks, and how a finished one becomes SVG for the page, an SVG file and a PNG file."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maskbench.report.words import Row

INK, MUTED, LINE, FAINT = "#1b1f24", "#59636e", "#c4cad1", "#e6e9ed"
HELPS, HURTS = "#0b63ab", "#b45309"

VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    FAINT: "var(--faint)",
    HELPS: "var(--helps)",
    HURTS: "var(--hurts)",
}
"""The page's light colours and its variables that replace them, so a figure follows light and dark."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

WIDTH = 5.6
"""Inches; the page scales a figure to its column."""

DPI = 160

TO = "to:"
"""Begins the address of what stands on the report's page, by its id."""


@dataclass(frozen=True)
class Drawn:
    """A figure as an SVG element for the page, as an SVG file and as a PNG file."""

    inline: str
    svg: str
    png: bytes


@dataclass(frozen=True)
class Span:
    """A mean and the ends of its interval, as drawn."""

    mean: float
    low: float
    high: float
    colour: str = INK
    filled: bool = True


def verdict_colour(row: Row) -> str:
    """Blue for what helps, orange for what hurts."""
    return {"helps": HELPS, "hurts": HURTS}.get(row["verdict"], INK)


def draw(figure: Figure, name: str, title: str, description: str) -> Drawn:
    """`figure` in its three forms with an accessible name; same figure, same bytes.

    `name` makes its ids unique on the page; letters and digits only.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser brings the glyphs; that matplotlib's own font lacks one does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        engine = figure.get_layout_engine()
        if engine is not None:  # laid out once, for both formats
            engine.execute(figure)
            figure.set_layout_engine(None)
        written = _svg(figure)
        picture = _png(figure)
    head = f'<title id="{name}-title">{escape(title)}</title>'
    head += f'<desc id="{name}-desc">{escape(description)}</desc>'
    names = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    body = re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>{name}-", written).replace("xlink:href", "href")
    body = body.replace(' target="_blank"', "").replace('<a href="', '<a tabindex="-1" href="')
    opening = re.search(r"<svg [^>]*>", body)
    assert opening is not None
    start, rest = opening.group(), body[opening.end() :].strip()
    return Drawn(_inline(start, rest, names, head), _file(start, rest, names, head), picture)


def empty(down: int = 1, across: int = 1, *, height: float, **sharing: Any) -> tuple[Figure, Any]:
    """A figure of `height` inches and its axes (down, across); call it, and fill it, within `styled()`."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(down, across, squeeze=False, **sharing)


def styled() -> Any:
    """The context in which figures are made."""
    return matplotlib.rc_context(STYLE)


def panels(count: int, height: float, **sharing: Any) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels side by side, `height` inches a row; up to three in a row."""
    across = 2 if count in (2, 4) else min(3, count)
    down = -(-count // across)
    figure, grid = empty(down, across, height=0.5 + height * down, **sharing)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:count])


def zero(axes: Axes, bound: float, *, vertical: bool) -> None:
    """The line of no difference, and the band of differences too small to matter (± `bound`, as drawn)."""
    line, span = (axes.axvline, axes.axvspan) if vertical else (axes.axhline, axes.axhspan)
    if np.isfinite(bound):
        span(-bound, bound, color=FAINT, alpha=0.6, linewidth=0)
    line(0, color=MUTED, linewidth=1)


def rows_down(axes: Axes, labels: list[str], notes: list[str] | None = None, links: list[str] | None = None) -> None:
    """Makes `axes` a list read downwards: a label for each row, a note at its right end, a link behind it."""
    texts = axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place, note in enumerate(notes or ()):
        axes.annotate(
            note,
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7.5,
            color=MUTED,
            annotation_clip=False,
        )
    for label, link in zip(axes.get_yticklabels() if texts else (), links or (), strict=False):
        if link:
            label.set_url(f"{TO}{link}")


def spans(axes: Axes, rows: Sequence[Span]) -> None:
    """Means with intervals, one row below the other from 0 on; settled ones are filled."""
    # Two artists for all rows: a figure of forty arms would take thrice the time with its own for each.
    places = np.arange(len(rows))
    colours = [row.colour for row in rows]
    axes.hlines(places, [row.low for row in rows], [row.high for row in rows], colors=colours, linewidth=1.6)
    faces = [row.colour if row.filled else "none" for row in rows]
    axes.scatter([row.mean for row in rows], places, s=30, facecolors=faces, edgecolors=colours, zorder=3)


def diamond(axes: Axes, row: Span, place: int) -> None:
    """The mean and interval that a figure is about."""
    axes.plot([row.low, row.high], [place, place], "-", color=row.colour, linewidth=2.6)
    axes.plot([row.mean], [place], "D", color=row.colour, markersize=7)


def tile(x: float, y: float, **look: Any) -> Rectangle:
    """One cell of a heatmap whose upper left corner is (x, y)."""
    return Rectangle((x + 0.02, y + 0.04), 0.96, 0.92, **look)


def shades(axes: Axes, cells: Sequence[tuple[tuple[float, float], float]], extreme: float) -> None:
    """Cells (place, value) coloured by the sign of the value and its share of `extreme`."""
    # Opacity instead of lightness: zero is the page's own colour, in light and in dark.
    faces = [to_rgba(HELPS if value > 0 else HURTS, 0.65 * abs(value) / extreme) for _, value in cells]
    tiles = [tile(*place) for place, _ in cells]
    axes.add_collection(PatchCollection(tiles, facecolors=faces, edgecolors=LINE, linewidths=0.5))


def heat_axes(axes: Axes, columns: list[str], rows: list[str]) -> None:
    """Names the columns and rows of a heatmap of unit cells."""
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    plain = {"Creator": None, "Date": None, "Format": None, "Type": None}
    figure.savefig(written, format="svg", metadata=plain)
    text = written.getvalue()
    return text[text.index("<svg") :].strip()


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return written.getvalue()


def _inline(start: str, rest: str, names: str, head: str) -> str:
    """For the page: sized by it, in its colours, with links to its ids."""
    box = re.search(r'viewBox="[^"]*"', start)
    assert box is not None
    rest = rest.replace(f'href="{TO}', 'href="#')
    for colour, variable in VARIABLES.items():
        rest = rest.replace(colour, variable)
    return f"<svg {names} {box.group()}>{head}{rest}"


def _file(start: str, rest: str, names: str, head: str) -> str:
    """For a file beside the page: black on white, with links to the page."""
    rest = rest.replace(f'href="{TO}', 'href="../report.html#')
    start = start.replace("<svg ", f"<svg {names} ", 1)
    return f'{start}{head}<rect width="100%" height="100%" fill="#ffffff"/>{rest}\n'
