"""A user's images: folders, sizes, modes, depths and what is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskbench.data.own.image_folder import image_folder
from maskbench.errors import ConfigError, DataError

GREY = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)
MODES = ("L", "RGB", "RGBA", "P", "1", "LA", "CMYK")


def put(file: Path, image: Image.Image | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    (image or Image.fromarray(GREY)).save(file)
    return file


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes of one image each."""
    put(tmp_path / "mine" / "cat" / "2.png")
    put(tmp_path / "mine" / "dog" / "1.png", Image.fromarray(255 - GREY))
    return tmp_path / "mine"


def read(folder: Path, size: int | None = None, mode: str = "L"):
    return image_folder(str(folder), size, mode)


def test_folders_are_classes_by_name(folder):
    put(folder / "dog" / "0.png")
    dataset = read(folder)
    assert (dataset.classes, dataset.targets.tolist(), dataset.parts) == (("cat", "dog"), [0, 1, 1], None)
    np.testing.assert_array_equal(dataset.inputs[:, 0], [GREY, GREY, 255 - GREY])
    assert (dataset.inputs.dtype, dataset.inputs.shape) == (np.uint8, (3, 1, 8, 8))
    assert (dataset.description.name, dataset.description.features.kind) == ("mine", "image")
    assert dataset.origin.startswith("user: mine sha256:")


def test_train_val_and_test_are_a_published_split(tmp_path):
    for name in ("train/a/1", "train/a/2", "train/b/1", "test/b/1"):
        put(tmp_path / f"{name}.png")
    dataset = read(tmp_path)
    assert (dataset.parts.tolist(), dataset.targets.tolist()) == ([0, 0, 0, 2], [0, 0, 1, 1])
    put(tmp_path / "val" / "a" / "1.png")
    assert read(tmp_path).parts.tolist() == [0, 0, 0, 1, 2]
    put(tmp_path / "test" / "c" / "1.png")
    with pytest.raises(DataError, match=r"labels that no train row has: 'c' \(1 rows\)"):
        read(tmp_path)


def test_the_origin_follows_content_and_names(folder):
    first = read(folder).origin
    assert first == read(folder).origin
    (folder / "cat" / "2.png").rename(folder / "dog" / "2.png")
    put(folder / "cat" / "1.png")
    assert read(folder).origin != first


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wanted", ["L", "RGB"])
def test_every_mode_becomes_the_one_that_is_set(folder, mode, wanted):
    suffix = "jpg" if mode == "CMYK" else "png"
    source = Image.fromarray(np.full((8, 8), 255, np.uint8))
    source.putpixel((0, 0), 0)
    put(folder / "cat" / f"2.{suffix}", source.convert(mode))
    if suffix == "jpg":
        (folder / "cat" / "2.png").unlink()
    found = read(folder, mode=wanted).inputs[0]
    assert found.shape == ((1, 8, 8) if wanted == "L" else (3, 8, 8))
    assert found[:, 7, 7].min() > 240
    if suffix == "png":
        assert found[:, 0, 0].max() == 0


@pytest.mark.parametrize("palette", [False, True])
def test_colours_stay_in_their_channels(folder, palette):
    image = Image.new("RGB", (2, 3), (10, 20, 30))
    for name in ("cat/2.png", "dog/1.png"):
        put(folder / name, image.quantize(4) if palette else image)
    found = read(folder, mode="RGB").inputs
    assert found.shape == (2, 3, 3, 2)
    assert found[0, :, 2, 1].tolist() == [10, 20, 30]


def test_a_palette_with_transparency_is_read_without_a_warning(folder):
    image = Image.fromarray(GREY).convert("P")
    image.info["transparency"] = bytes(range(64))
    put(folder / "cat" / "2.png", image)
    assert read(folder, mode="RGB").inputs.shape == (2, 3, 8, 8)


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "bmp", "pgm"])
def test_other_files(folder, suffix):
    (folder / "cat" / "2.png").unlink()
    put(folder / "cat" / f"2.{suffix}")
    np.testing.assert_allclose(read(folder).inputs[0, 0].astype(int), GREY, atol=8)


def test_size_resizes_all(folder):
    put(folder / "cat" / "3.png", Image.new("L", (10, 8), 7))
    with pytest.raises(
        DataError, match=r"cat/2\.png is 8 x 8 and .*cat/3\.png is 10 x 8 pixels, and data\.size is null"
    ):
        read(folder)
    assert read(folder, size=4).inputs.shape == (3, 1, 4, 4)
    assert read(folder, size=4).inputs[1].tolist() == [[[7] * 4] * 4]


def test_sixteen_bits_become_shares_and_do_not_mix(folder):
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    put(folder / "cat" / "2.png", Image.fromarray(deep))
    with pytest.raises(DataError, match=r"cat/2\.png is 16-bit and .*dog/1\.png is 8-bit; convert"):
        read(folder)
    put(folder / "dog" / "1.png", Image.fromarray(deep))
    dataset = read(folder)
    assert dataset.inputs.dtype == np.float32
    np.testing.assert_allclose(dataset.inputs[0, 0], deep / 65535, rtol=1e-6)
    assert read(folder, size=4).inputs.shape == (2, 1, 4, 4)
    with pytest.raises(ConfigError, match=r"2\.png is grey of 16 bits, and data\.mode=RGB; choose data\.mode=L"):
        read(folder, mode="RGB")


def test_hidden_files_are_not_looked_at(folder):
    (folder / ".DS_Store").write_text("")
    (folder / "cat" / ".hidden.png").write_text("")
    assert len(read(folder).inputs) == 2


@pytest.mark.parametrize(
    ("size", "mode", "says"), [(0, "L", "data.size=0"), (8, "P", "data.mode is one of RGB, L, not 'P'")]
)
def test_settings_that_cannot_be(folder, size, mode, says):
    with pytest.raises(ConfigError, match=says):
        read(folder, size, mode)


def test_files_that_cannot_be_read(folder):
    file = folder / "cat" / "2.png"
    content = file.read_bytes()
    for damaged in (b"garbage", content[: len(content) // 2], b""):
        file.write_bytes(damaged)
        with pytest.raises(
            DataError, match=r"cat/2\.png cannot be read as an image \(.*\); mend it or remove it"
        ) as caught:
            read(folder)
        assert "\n" not in str(caught.value)


def test_an_image_that_unpacks_to_very_much_is_refused(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    with pytest.raises(DataError, match=r"2\.png cannot be read as an image \(Image size \(64 pixels\) exceeds"):
        read(folder)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mine/cat/notes.txt", r"notes\.txt is no image of \.png"),
        ("mine/cat/more/1.png", "cat/more is no image of"),
        ("mine/test/cat/1.png", "mine/cat stands beside train or test, where only train, val, test may"),
    ],
)
def test_what_does_not_belong_is_named(folder, name, says):
    put(folder / "cat" / "3.png").rename(folder / "spare.png")
    (folder.parent / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "spare.png").rename(folder.parent / name)
    with pytest.raises(DataError, match=says):
        read(folder)


def test_folders_that_are_missing_or_empty(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path is not given; name your folder of class folders"):
        image_folder(None)
    with pytest.raises(DataError, match="holds no folders"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"1\.png is no folder"):
        read(put(tmp_path / "1.png"))
    put(tmp_path / "set" / "train" / "a" / "1.png")
    with pytest.raises(DataError, match="has no folder test; add it"):
        read(tmp_path / "set")
    (tmp_path / "set" / "test" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="test/a is empty"):
        read(tmp_path / "set")


def test_one_class_is_no_task(folder):
    (folder / "dog" / "1.png").rename(folder / "cat" / "1.png")
    (folder / "dog").rmdir()
    with pytest.raises(DataError, match=r"one class only \('cat', 2 rows\)"):
        read(folder)
