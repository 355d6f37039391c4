"""Pictures of masks: a preview of one at several rates, and one picture of all."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from maskbench.gallery.looks import Look
from maskbench.masks.contract import Context
from maskbench.report.figures.style import FAINT, HURTS, INK, LINE, MUTED, styled

LETTERS = 28
"""Width of a line of text."""
LINES = 7
ACROSS = 8
TILE = 1.4
"""Inches across one mask of the gallery."""
SPARE = 0.1
"""Inches that the text above a picture leaves free."""
TIED = "\N{NO-BREAK SPACE}"
HINTED = 0.97
"""Letters drawn on whole pixels are up to 3 % wider than their outlines."""


class Tile(NamedTuple):
    """One mask of the gallery on its data."""

    name: str
    context: Context
    look: Look


def preview(title: str, context: Context, looks: Sequence[Look]) -> Figure:
    """Examples down; across the original, and for each rate what is hidden and what stands there."""
    kind = context.features.kind
    down = len(looks[0].before) if kind in ("image", "tokens") else 1
    across = 1 + 2 * len(looks)
    wide = 1.5 if kind == "image" else 1.7
    tall = {"image": 1.55, "tokens": 1.1}.get(kind, 2.4)
    with styled():
        figure = Figure(figsize=(wide * across, tall * down + 0.7), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False)
        figure.suptitle(fitted(title, wide * across, 10), fontsize=10, color=INK)
        for row in range(down):
            _panel(grid[row, 0], context, looks[0], row, "before")
            for number, look in enumerate(looks):
                _panel(grid[row, 1 + 2 * number], context, look, row, "hidden")
                _panel(grid[row, 2 + 2 * number], context, look, row, "after")
        grid[0, 0].set_title("original", fontsize=9, color=MUTED)
        for number, look in enumerate(looks):
            hidden = f"hidden{TIED}{look.realised:.0%}, asked{TIED}{look.rate:.0%}"
            grid[0, 1 + 2 * number].set_title(fitted(hidden, wide, 9), fontsize=9, color=HURTS)
            grid[0, 2 + 2 * number].set_title("filled", fontsize=9, color=MUTED)
    return figure


def gallery(title: str, groups: Sequence[tuple[str, Sequence[Tile]]]) -> Figure:
    """All masks, grouped by their data: each as its filled example, hidden cells outlined in colour."""
    rows = [
        (heading if not start else "", tiles[start : start + ACROSS])
        for heading, tiles in groups
        for start in range(0, len(tiles), ACROSS)
    ]
    with styled():
        figure = Figure(figsize=(TILE * ACROSS, 1.62 * len(rows) + 0.5), layout="constrained")
        grid = figure.subplots(len(rows), ACROSS, squeeze=False)
        figure.suptitle(title, fontsize=11, color=INK)
        for line, (heading, tiles) in zip(grid, rows, strict=True):
            for axes in line[len(tiles) :]:
                axes.set_visible(False)
            for axes, tile in zip(line, tiles, strict=False):
                _panel(axes, tile.context, tile.look, 0, "both")
                axes.set_title(fitted(tile.name, TILE, 8.5), fontsize=8.5, color=INK)
            if heading:
                line[0].set_ylabel(heading, fontsize=9, color=MUTED)
    return figure


def fitted(text: str, inches: float, points: float) -> str:
    """The text in lines no wider than `inches`, broken after a space, `_` or `-`."""
    font, lines = FontProperties(size=points), [""]
    for piece in re.findall(r"[^ _-]+[ _-]?|[ _-]", text):
        line = (lines[-1] + piece).rstrip()
        wide = text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] / 72
        if lines[-1] and wide > inches * HINTED - SPARE:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines).replace(TIED, " ")


def _panel(axes: Axes, context: Context, look: Look, row: int, what: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    if context.features.kind == "tokens":
        _words(axes, context, look, row, what)
        return
    picture = _picture(context, look, row, what)
    axes.imshow(picture, interpolation="nearest", aspect="equal" if context.features.kind == "image" else "auto")


def _picture(context: Context, look: Look, row: int, what: str) -> NDArray[np.float32]:
    """RGB (H, W, 3): an image, one sequence with time across, or all shown rows of a table."""
    values = (look.before if what in ("before", "hidden") else look.after).float()
    low, high = context.low, context.high
    scaled = ((values - low) / (high - low).clamp_min(1e-9)).clamp(0, 1).nan_to_num(1.0).numpy()
    hidden = look.hidden.numpy()
    if context.features.kind == "image":
        pixels, covered = scaled[row].transpose(1, 2, 0), hidden[row].any(0)
        rgb = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels[..., :3]
    else:
        flat, covered = scaled, hidden
        if context.features.kind == "sequence":
            flat, covered = _strips(scaled), _strips(hidden)
        rgb = np.repeat((1 - 0.85 * flat)[..., None], 3, 2)
    if what in ("hidden", "both"):
        share = 0.75 if what == "hidden" else 0.28
        rgb = np.where(covered[..., None], (1 - share) * rgb + share * np.array(to_rgb(HURTS)), rgb)
    return rgb.astype(np.float32)


def _strips(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Sequences (B, T, C) below each other with time across: (B * C, T)."""
    return np.concatenate(list(values.transpose(0, 2, 1)), axis=0)


def _words(axes: Axes, context: Context, look: Look, row: int, what: str) -> None:
    """One text: hidden words on a coloured ground; in the filled text what is new stands in colour."""
    vocabulary = context.features.vocabulary
    assert vocabulary is not None
    tokens = (look.before if what in ("before", "hidden") else look.after)[row].tolist()
    before, hidden = look.before[row].tolist(), look.hidden[row].tolist()
    moved = any(now != then and not covered for now, then, covered in zip(tokens, before, hidden, strict=False))
    axes.set_xlim(0, LETTERS)
    axes.set_ylim(LINES, 0)
    x, y = 0, 0.5
    for place, token in enumerate(tokens):
        if token == vocabulary.pad:
            continue
        text = vocabulary.texts[token] if vocabulary.texts else str(token)
        text = textwrap.shorten(text, 12, placeholder="…")
        if x and x + len(text) > LETTERS:
            x, y = 0, y + 1
        if y > LINES:
            break
        ground = what == "hidden" and hidden[place]
        new = what in ("after", "both") and (token not in before if moved else token != before[place])
        axes.text(
            x, y, text, fontsize=6, family="monospace", va="center", color=HURTS if new else INK,
            bbox={"facecolor": HURTS, "alpha": 0.35, "linewidth": 0, "pad": 1} if ground else None,
        )  # fmt: skip
        x += len(text) + 1
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAINT if what == "before" else LINE)
