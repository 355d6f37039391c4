"""Real examples to show masks on: rows of a data set, or a photograph."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from maskbench.data.dataset import Dataset
from maskbench.data.preprocess.scaling import Standardize
from maskbench.data.preprocess.step import Step
from maskbench.description import Features
from maskbench.masks.contract import Context
from maskbench.preparation import numbers

PHOTO_SIDE = 48
USUAL = {"columns": "wine", "image": "digits", "sequence": "digits_rows", "tokens": "descriptions"}
"""The data set that shows a mask, by kind, where the user names none."""


def of_dataset(dataset: Dataset, steps: Iterable[Step] = (Standardize(),)) -> Context:
    """All rows of a data set, preprocessed."""
    inputs, features = numbers(dataset.inputs), dataset.description.features
    for step in steps:
        inputs, features = step.fit(inputs, features)(inputs), step.after(features)
    return Context(torch.from_numpy(np.ascontiguousarray(inputs)), features)


def photos() -> Context:
    """Crops (N, 3, 48, 48) of the photographs that scikit-learn ships, standardised."""
    from PIL import Image

    crops = []
    for name in ("flower.jpg", "china.jpg"):
        with files("sklearn.datasets.images").joinpath(name).open("rb") as file, Image.open(file) as image:
            half = image.resize((image.width // 6, image.height // 6))
            pixels = np.asarray(half, np.float32)[:PHOTO_SIDE]
            starts = range(0, pixels.shape[1] - PHOTO_SIDE, PHOTO_SIDE // 4)
            crops += [pixels[:, start : start + PHOTO_SIDE] for start in starts]
    rows = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    rows = (rows - rows.mean((0, 2, 3), keepdim=True)) / rows.std((0, 2, 3), keepdim=True)
    return Context(rows, Features("image", (3, PHOTO_SIDE, PHOTO_SIDE)))


def shown(context: Context, count: int) -> Tensor:
    """`count` examples, evenly spaced within the rows; of texts the longest with the fewest unknown words."""
    rows, vocabulary = context.rows, context.features.vocabulary
    if vocabulary is not None:
        lengths = (rows != vocabulary.pad).sum(1)
        rows = rows[lengths == lengths.max()]
        return rows[(rows == vocabulary.unknown).sum(1).argsort(stable=True)[:count]]
    return rows[torch.linspace(0, len(rows) - 1, count + 2).long()[1:-1]]
