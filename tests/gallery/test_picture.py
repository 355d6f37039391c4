"""Pictures: hidden cells stand in colour, nothing else does, and no text runs into another or over the edge."""

from __future__ import annotations

import itertools
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from maskbench.config.build import dataset_of
from maskbench.config.compose import typed
from maskbench.description import KINDS
from maskbench.gallery.catalogue import entries
from maskbench.gallery.examples import USUAL, of_dataset, photos, shown
from maskbench.gallery.looks import Look, looks
from maskbench.gallery.picture import ACROSS, TILE, Tile, fitted, gallery, preview
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.masks.token_fills import MaskToken, Remove
from maskbench.report.figures.style import HURTS, INK
from tests.helpers import loader, stock

CONTEXTS = {kind: of_dataset(dataset_of(typed(stock([f"data={USUAL[kind]}"])))) for kind in KINDS}
COLOUR = np.array(to_rgb(HURTS))
ENTRIES = entries(loader())
kinds = pytest.mark.parametrize("kind", KINDS)
numeric = pytest.mark.parametrize("kind", ["columns", "image", "sequence"])


def seen(kind: str, rates: tuple[float, ...] = (0.3,), count: int = 3, fill=None) -> tuple[Figure, list[Look]]:
    context = CONTEXTS[kind]
    fill = fill or (MaskToken() if kind == "tokens" else Zero())
    found = looks("x", Mask(Bernoulli(), fill, 0.3), context, shown(context, count), rates)
    return preview("bernoulli on data: cells", context, found), found


def extents(figure: Figure, texts) -> list:
    renderer = FigureCanvasAgg(figure).get_renderer()
    if figure.axes:
        figure.draw(renderer)
    return [text.get_window_extent(renderer) for text in texts]


def flat(kind: str, values: torch.Tensor, row: int) -> np.ndarray:
    """Cells as the picture has them: (H, W)."""
    if kind == "image":
        return values[row].any(0).numpy()
    return torch.cat(list(values.transpose(1, 2))).numpy() if kind == "sequence" else values.numpy()


@kinds
@pytest.mark.parametrize("rates", [(0.3,), (0.1, 0.3, 0.6)])
def test_across_are_the_original_and_two_panels_a_rate(kind, rates):
    figure, _ = seen(kind, rates)
    across = 1 + 2 * len(rates)
    down = 3 if kind in ("image", "tokens") else 1
    assert len(figure.axes) == across * down
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes[:across]]
    assert titles[0] == "original"
    assert titles[2::2] == ["filled"] * len(rates)
    for title, rate in zip(titles[1::2], rates, strict=True):
        assert title.endswith(f"asked {rate:.0%}")
    assert all(not axes.get_title() for axes in figure.axes[across:])


@numeric
def test_hidden_cells_are_coloured_and_only_they(kind):
    figure, (found,) = seen(kind)
    for row in range(3 if kind == "image" else 1):
        before, hidden, after = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[3 * row : 3 * row + 3])
        covered = flat(kind, found.hidden, row)
        assert before.shape == hidden.shape == after.shape == (*covered.shape, 3)
        assert 0 <= min(before.min(), hidden.min()) <= max(before.max(), hidden.max()) <= 1
        assert np.array_equal(hidden[~covered], before[~covered])
        # float32 of a mix of three parts colour and one part of what was there
        np.testing.assert_allclose(hidden[covered], 0.25 * before[covered] + 0.75 * COLOUR, atol=1e-6)
        assert np.array_equal(after[~covered], before[~covered])
        assert (after[covered] != before[covered]).any()
        assert len(np.unique(before)) > 3
    realised = found.hidden.double().mean().item()
    assert figure.axes[1].get_title().replace("\n", " ") == f"hidden {realised:.0%}, asked 30%"


def test_an_image_keeps_its_colours_and_a_channel_hidden_colours_the_pixel():
    context = photos()
    mask = Mask(Bernoulli(unit="channel"), Zero(), 0.5)
    found = looks("x", mask, context, shown(context, 3), [0.5])
    picture = np.asarray(preview("x", context, found).axes[0].images[0].get_array())
    low, high = context.low, context.high
    expected = ((found[0].before[0] - low) / (high - low)).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(picture, expected, atol=1e-6)  # float32


@numeric
def test_dark_is_high_in_a_table_and_low_in_an_image(kind):
    figure, (found,) = seen(kind, count=6)
    values = flat_values(kind, found.before)
    grey = np.asarray(figure.axes[0].images[0].get_array())[..., 0]
    high, low = np.unravel_index(values.argmax(), values.shape), np.unravel_index(values.argmin(), values.shape)
    assert (grey[high] > grey[low]) == (kind == "image")


def flat_values(kind: str, before: torch.Tensor) -> np.ndarray:
    if kind == "image":
        return before[0, 0].numpy()
    return torch.cat(list(before.transpose(1, 2))).numpy() if kind == "sequence" else before.numpy()


def test_time_goes_across():
    figure, _ = seen("sequence", count=2)
    steps, channels = CONTEXTS["sequence"].features.shape
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (2 * channels, steps, 3)


def test_hidden_words_have_a_ground_and_new_words_stand_in_colour():
    figure, (found,) = seen("tokens", (0.4,))
    vocabulary = CONTEXTS["tokens"].features.vocabulary
    for row in range(3):
        before, hidden, after = figure.axes[3 * row : 3 * row + 3]
        count = len(hidden.texts)
        covered = found.hidden[row, :count].tolist()
        assert [text.get_bbox_patch() is not None for text in hidden.texts] == covered
        assert any(covered)
        assert not any(text.get_bbox_patch() for text in (*before.texts, *after.texts))
        assert {text.get_color() for text in (*before.texts, *hidden.texts)} == {INK}
        for text, token, then in zip(after.texts, found.after[row].tolist(), found.before[row].tolist(), strict=False):
            assert (text.get_color() == HURTS) == (token != then)
            assert (text.get_text() == vocabulary.texts[vocabulary.mask]) == (token == vocabulary.mask)


def test_words_that_only_moved_are_not_new():
    figure, _ = seen("tokens", (0.4,), fill=Remove())
    assert {text.get_color() for axes in figure.axes for text in axes.texts} == {INK}


def test_words_stay_in_their_panel_and_off_each_other():
    figure, _ = seen("tokens", (0.1, 0.4))
    extents(figure, [])
    for axes in figure.axes:
        found = [text.get_window_extent() for text in axes.texts]
        frame = axes.get_window_extent()
        for box in found:
            assert frame.x0 - 3 <= box.x0
            assert box.x1 <= frame.x1 + 3
            assert box.y0 >= frame.y0 - 3
        for left, right in itertools.pairwise(found):
            assert right.x0 >= left.x1 or right.y1 <= left.y1 - 3


@pytest.mark.parametrize(("wide", "count"), [(1.5, 1), (1.5, 3), (1.7, 3)])
@pytest.mark.parametrize("each", ENTRIES, ids=lambda each: each.name)
def test_every_title_fits_over_its_picture(each, wide, count):
    wide *= 1 + 2 * count
    figure = Figure(figsize=(wide, 3))
    title = f"{each.name} on breast_cancer: {each.card.hides}"
    lines = fitted(title, wide, 10)
    (box,) = extents(figure, [figure.suptitle(lines, fontsize=10)])
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert lines.replace("\n", " ").split() == title.split() or lines.replace("\n", "") == title.replace(" ", "")


def test_the_title_and_what_stands_below_do_not_meet():
    context = CONTEXTS["image"]
    found = looks("x", Mask(Bernoulli(), Zero(), 0.3), context, shown(context, 3), [1.0, 1.0, 1.0])
    figure = preview("word " * 60, context, found)
    (title,) = extents(figure, [figure._suptitle])
    heads = extents(figure, [axes.title for axes in figure.axes[:7]])
    assert 0 <= title.x0 < title.x1 <= figure.bbox.width
    assert title.y1 <= figure.bbox.height
    assert all(head.y1 <= title.y0 for head in heads)
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(heads))
    assert all(head.y0 >= axes.get_window_extent().y1 for head, axes in zip(heads, figure.axes, strict=False))


@pytest.mark.parametrize(
    ("text", "inches", "lines"),
    [
        ("short", 3.0, ["short"]),
        ("uniform_scale_compounding", 1.4, ["uniform_scale_", "compounding"]),
        ("one two three four", 0.9, ["one two", "three four"]),
        ("unbreakablelongword", 0.3, ["unbreakablelongword"]),
        ("", 1.0, [""]),
    ],
)
def test_lines_break_after_words(text, inches, lines):
    assert fitted(text, inches, 8.5).split("\n") == lines


def tiles(names: list[str]) -> list[Tile]:
    context = photos()
    (found,) = looks("x", Mask(Bernoulli(), Zero(), 0.3), context, shown(context, 1), [0.4])
    return [Tile(name, context, found) for name in names]


def test_a_gallery_has_rows_of_tiles_under_their_headings():
    names = [f"mask_{number}" for number in range(ACROSS + 2)]
    figure = gallery("all", [("image", tiles(names)), ("sequence", tiles(["last"]))])
    shown_axes = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown_axes] == [*names, "last"]
    assert len(figure.axes) == 3 * ACROSS
    headed = {axes.get_title(): axes.get_ylabel() for axes in shown_axes if axes.get_ylabel()}
    assert headed == {"mask_0": "image", "last": "sequence"}


def test_the_names_of_a_gallery_do_not_meet():
    names = sorted((each.name for each in ENTRIES), key=len)[-2 * ACROSS :]
    figure = gallery("all", [("image", tiles(names))])
    heads = extents(figure, [axes.title for axes in figure.axes])
    for line in (heads[:ACROSS], heads[ACROSS:]):
        assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(line))
        assert line[0].x0 >= 0
        assert line[-1].x1 <= figure.bbox.width
    above = [axes.get_window_extent().y0 for axes in figure.axes[:ACROSS]]
    assert all(head.y1 <= bottom for head, bottom in zip(heads[ACROSS:], above, strict=True))
    assert figure.get_figwidth() == pytest.approx(TILE * ACROSS)


def test_a_gallery_tile_shows_what_stands_there_and_where():
    (tile,) = tiles(["one"])
    picture = np.asarray(gallery("all", [("image", [tile])]).axes[0].images[0].get_array())
    context, covered = tile.context, tile.look.hidden[0].any(0).numpy()
    plain = ((tile.look.after[0] - context.low) / (context.high - context.low)).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(picture[~covered], plain[~covered], atol=1e-6)  # float32
    np.testing.assert_allclose(picture[covered], 0.72 * plain[covered] + 0.28 * COLOUR, atol=1e-6)


def test_nothing_global_changes_in_matplotlib():
    before = dict(mpl.rcParams)
    _ = seen("columns")
    gallery("all", [("image", tiles(["one"]))])
    assert dict(mpl.rcParams) == before
    plots = sys.modules.get("matplotlib.pyplot")
    assert plots is None or plots.get_fignums() == []
