"""A user's images: a folder for each class, or one for each part and in it one for each class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, Inputs, describe
from maskbench.data.own.outcomes import Outcome, require_known
from maskbench.data.own.userfiles import located, origin
from maskbench.errors import ConfigError, DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm")
MODES = ("RGB", "L")
DEPTHS = {"uint8": "8-bit", "float32": "16-bit"}


@dataclass(frozen=True)
class _Found:
    """An image file, the number of its part in `PARTS` and the name of its class."""

    file: Path
    part: int
    label: str


def image_folder(path: str | None, size: int | None = None, mode: str = "RGB") -> Dataset:
    """Images of `path/class/*`, or of `path/{train,val,test}/class/*`, whose split is then published.

    Every image is made `RGB`, or `L`: grey. With `size` it is resized to size x size; without, all need one size.
    Values are from 0 to 255, and from 0 to 1 where the files are grey of 16 bits.
    """
    if mode not in MODES:
        raise ConfigError(f"data.mode is one of {', '.join(MODES)}, not '{mode}'")
    if size is not None and (type(size) is not int or size < 1):
        raise ConfigError(f"data.size={size} is out of range: it must be a number of pixels from 1, or null")
    folder = located(path, what="folder of class folders")
    published = (folder / "train").is_dir() or (folder / "test").is_dir()
    found = list(_split_files(folder) if published else _class_files(folder, 0))
    files, classes = [each.file for each in found], tuple(sorted({each.label for each in found}))
    targets = np.array([classes.index(each.label) for each in found], np.int64)
    parts = np.array([each.part for each in found], np.int64) if published else None
    require_known(Outcome(targets, "classification", classes), parts)
    return describe(
        folder.name,
        "image",
        _stacked(files, size, mode),
        targets,
        "classification",
        parts=parts,
        classes=classes,
        origin=origin(folder, files),
    )


def _split_files(folder: Path) -> Iterator[_Found]:
    """The images of every part."""
    for inside in _visible(folder):
        if inside.name not in PARTS:
            raise DataError(f"{inside} stands beside train or test, where only {', '.join(PARTS)} may; move it away")
    for name in ("train", "test"):
        if not (folder / name).is_dir():
            raise DataError(f"{folder} has no folder {name}; add it, or put the class folders into data.path itself")
    for number, name in enumerate(PARTS):
        if (folder / name).is_dir():
            yield from _class_files(folder / name, number)


def _class_files(folder: Path, part: int) -> Iterator[_Found]:
    """The images of every class folder, by name."""
    classes = [inside for inside in _visible(folder) if inside.is_dir()]
    if not classes:
        raise DataError(f"{folder} holds no folders; data.path takes one that holds a folder of images for each class")
    for inside in classes:
        files = _visible(inside)
        if not files:
            raise DataError(f"{inside} is empty; put the images of that class into it or remove it")
        for file in files:
            if not file.is_file() or file.suffix.lower() not in SUFFIXES:
                raise DataError(f"{file} is no image of {', '.join(SUFFIXES)}; convert it or move it away")
            yield _Found(file, part, inside.name)


def _visible(folder: Path) -> list[Path]:
    """What a folder holds, by name, without hidden files."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; data.path takes one that holds a folder of images for each class")
    return sorted(inside for inside in folder.iterdir() if not inside.name.startswith("."))


def _stacked(files: list[Path], size: int | None, mode: str) -> Inputs:
    """All images as (N, C, H, W); raises DataError for the first that is not like the first of all."""
    first = _pixels(files[0], size, mode)
    inputs = np.empty((len(files), *first.shape), first.dtype)
    for row, file in enumerate(files):
        pixels = _pixels(file, size, mode)
        if pixels.dtype != first.dtype:
            depths = " and ".join(f"{at} is {DEPTHS[of.dtype.name]}" for at, of in ((files[0], first), (file, pixels)))
            raise DataError(f"{depths}; convert the images to one bit depth")
        if pixels.shape != first.shape:
            sizes = " and ".join(f"{at} is {_size(of)}" for at, of in ((files[0], first), (file, pixels)))
            raise DataError(f"{sizes} pixels, and data.size is null; data.size=N resizes all images to N x N")
        inputs[row] = pixels
    return inputs


def _size(pixels: NDArray[Any]) -> str:
    return f"{pixels.shape[2]} x {pixels.shape[1]}"


def _pixels(file: Path, size: int | None, mode: str) -> NDArray[Any]:
    """One image (C, H, W): uint8, or float32 from 0 to 1 where the file has 16 bits."""
    from PIL import Image

    image = _opened(file)
    if image.mode.startswith("I"):
        if mode != "L":
            raise ConfigError(f"{file} is grey of 16 bits, and data.mode={mode}; choose data.mode=L")
        image = Image.fromarray(np.asarray(image, np.float32) / np.float32(65535))
    elif image.mode != mode:
        # a palette's transparency is understood by way of RGBA only
        image = (image.convert("RGBA") if image.mode == "P" else image).convert(mode)
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _opened(file: Path) -> Image:
    """An image whose pixels could be read; one that would unpack to very many is refused."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                image.load()
                return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{file} cannot be read as an image ({error}); mend it or remove it") from error
