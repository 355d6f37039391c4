"""`maskbench masks` as a user meets it: a list, a card, pictures; what cannot be shown is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from typer.testing import CliRunner

from maskbench.cli import app
from maskbench.errors import ConfigError
from maskbench.gallery import picture, show
from maskbench.gallery.catalogue import entries
from maskbench.masks.mask import INPUT
from maskbench.report.figures.style import HURTS
from tests.helpers import loader

ENTRIES = entries(loader())


def masks(*words: str, code: int = 0) -> tuple[str, list[str]]:
    done = CliRunner().invoke(app, ["masks", *words])
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr.strip().splitlines()


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def listed(monkeypatch):
    """The catalogue composed once."""
    monkeypatch.setattr(show, "entries", lambda _: ENTRIES)


def orange(path: Path) -> float:
    """The share of a picture that has the hue of hidden cells."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        red, green, blue = (np.asarray(image.convert("RGB"), float) / 255).transpose(2, 0, 1)
    tone = to_rgb(HURTS)
    return float(((red - blue > 0.6 * (tone[0] - tone[2])) & (red > green) & (green > blue)).mean())


def test_the_list_names_every_mask_under_its_data():
    out, _ = masks()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] != []
    assert {line.split()[0] for line in lines if line.startswith("  ")} == {each.name for each in ENTRIES}
    assert "inside the model:" in lines
    assert "maskbench masks NAME" in out


def test_in_a_terminal_the_list_is_wrapped_and_says_the_same(listed):
    plain, wrapped = show.catalogue_lines(None), show.catalogue_lines(None, 70)
    assert max(map(len, wrapped[:-2])) <= 70 < max(map(len, plain))
    assert " ".join(" ".join(wrapped).split()) == " ".join(" ".join(plain).split())


def test_a_card(listed):
    out, _ = masks("cutout")
    assert out.splitlines()[0] == "block"
    assert " ns a value on 256 samples of image" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nosuch",), "there is no mask 'nosuch'"),
        (("bernuli",), "Did you mean 'bernoulli'?"),
        (("preview",), "preview NAME"),
        (("preview", "bernuli"), "Did you mean 'bernoulli'?"),
        (("preview", "block", "data=wine"), "Block hides cells of image, and these data are columns"),
        (("preview", "block", "data=nosuch"), "unknown choice data=nosuch"),
        (("preview", "block", "x=1"), "unknown setting 'x'"),
        (("preview", "block", "--rates", "a"), "--rates=a is no list of numbers"),
        (("preview", "block", "--rates", "0.1,2"), "--rates=0.1,2 holds a number outside 0 to 1"),
        (("preview", "hidden_dropout"), "works inside a model, no input shows it"),
        (("--config-dir", "nowhere"), "--config-dir=nowhere is no folder"),
    ],
)
def test_what_cannot_be_shown_is_one_line(listed, tmp_path, words, says):
    out, errors = masks(*words, code=2)
    assert out == ""
    assert len(errors) == 1
    assert errors[0].startswith("maskbench: error: ")
    assert says in errors[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("each", [e for e in ENTRIES if e.config.place != INPUT], ids=lambda each: each.name)
def test_masks_inside_a_model_have_no_preview(listed, each):
    with pytest.raises(ConfigError, match=f"^mask '{each.name}' works inside a model.*: maskbench masks {each.name}$"):
        show.preview([each.name], [0.3], None, None)


@pytest.mark.parametrize("each", [e for e in ENTRIES if e.config.place == INPUT], ids=lambda each: each.name)
def test_every_mask_on_inputs_has_a_preview(listed, monkeypatch, each):
    drawn = []
    monkeypatch.setattr(picture, "preview", lambda title, _, looks: drawn.append((title, looks)) or Figure())

    class Figure:
        def savefig(self, path, **settings):
            Path(path).write_text("drawn")

    assert show.preview([each.name], [0.1, 0.4], None, None) == Path(f"{each.name}.png")
    ((title, looks),) = drawn
    assert title.startswith(f"{each.name} on ")
    assert each.card.hides in title
    assert looks
    assert any(bool(look.hidden.any()) for look in looks)
    assert Path(f"{each.name}.png").read_text() == "drawn"


@pytest.mark.parametrize(("name", "data"), [("bernoulli", "wine"), ("block", "digits"), ("bert", "descriptions")])
def test_a_preview_is_a_picture_with_hidden_cells(listed, tmp_path, name, data):
    out, _ = masks("preview", name, f"data={data}", "--rates", "0.1,0.6", "--out", "new/folder/a.png")
    assert out == "new/folder/a.png\n"
    with Image.open("new/folder/a.png") as image:
        width, height = image.size
        assert width > 600
        assert height > 200
        assert len(image.convert("RGB").getcolors(2**24)) > 20
    assert orange(Path("new/folder/a.png")) > (0.003 if name == "bert" else 0.03)


def test_more_hidden_is_more_colour(listed):
    for rate in ("0.1", "0.6"):
        masks("preview", "bernoulli", "data=wine", "--rates", rate, "--out", f"{rate}.png")
    assert orange(Path("0.6.png")) > 3 * orange(Path("0.1.png"))


def test_settings_of_the_mask_can_be_previewed(listed, monkeypatch):
    seen = []
    real = picture.preview
    monkeypatch.setattr(picture, "preview", lambda *given: seen.append(given) or real(*given))
    masks("preview", "bernoulli", "data=wine", "mask/fill=constant", "mask.fill.value=-3", "--rates", "0.5")
    _, _, (found,) = seen[0]
    assert set(found.after[found.hidden].tolist()) == {-3.0}


def test_the_gallery_has_a_tile_for_every_mask_on_inputs(listed, monkeypatch):
    seen = []
    real = picture.gallery
    monkeypatch.setattr(picture, "gallery", lambda title, groups: seen.append(groups) or real(title, groups))
    assert masks("gallery")[0] == "gallery.png\n"
    names = [tile.name for _, tiles in seen[0] for tile in tiles]
    assert sorted(names) == [each.name for each in ENTRIES if each.config.place == INPUT]
    for kind, tiles in seen[0]:
        for tile in tiles:
            assert tile.context.features.kind == kind
            assert kind in next(each for each in ENTRIES if each.name == tile.name).kinds
            assert bool(tile.look.hidden.any()), tile.name
    assert orange(Path("gallery.png")) > 0.001
