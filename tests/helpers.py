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
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

import maskbench
from maskbench.config.build import mask_of
from maskbench.config.compose import Composer, typed
from maskbench.config.schema import register
from maskbench.data.dataset import Dataset, describe
from maskbench.description import Description, Features, Task
from maskbench.errors import ConfigError
from maskbench.experiment import Experiment
from maskbench.masks.mask import Context, Mask
from maskbench.models.mlp import mlp
from maskbench.seeding import Streams
from maskbench.training import TrainSettings

LIBRARY = Path(maskbench.__file__).parent
REPOSITORY = LIBRARY.parent
CONF = LIBRARY / "conf"
SHAPES = {"columns": ((1,), (2,), (13,), (64,)), "image": ((1, 1, 1), (1, 8, 8), (3, 5, 7), (2, 1, 9))}
"""Shapes of one example by kind: tiny, odd, prime, even, with and without channels."""
SHORT = TrainSettings(epochs=2, batch_size=16, lr=1e-2, weight_decay=0.01, patience=None)


def options(group: str) -> list[str]:
    """The choices of a config group, as they lie in the folder."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@lru_cache
def loader() -> ConfigLoader:
    """Hydra's loader of the shipped menu."""
    register()
    GlobalHydra.instance().clear()
    try:
        return Hydra.create_main_hydra2("maskbench", create_config_search_path("pkg://maskbench.conf")).config_loader
    finally:
        GlobalHydra.instance().clear()


def composer() -> Composer:
    """A composer with nothing composed yet."""
    return Composer(loader(), OmegaConf.create({"job": {"config_name": "config"}, "overrides": {"hydra": []}}))


def stock(overrides: Sequence[str]) -> DictConfig:
    """What Hydra itself composes."""
    node = loader().load_configuration("config", list(overrides), RunMode.RUN)
    with open_dict(node):
        del node["hydra"]
    return node


@dataclass(frozen=True)
class Case:
    """One entry of the catalogue: a mask with a fill, on data of a kind."""

    mask_name: str
    fill_name: str
    kind: str
    mask: Mask

    def __str__(self) -> str:
        return f"{self.mask_name}-{self.fill_name}-{self.kind}"

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of one example that this mask accepts."""
        return [shape for shape in SHAPES[self.kind] if accepts(self.mask, Features(self.kind, shape))]

    def at(self, rate: float, rescale: str = "none") -> Mask:
        """The mask at another rate."""
        return replace(self.mask, rate=rate, rescale=rescale)


def accepts(mask: Mask, features: Features) -> bool:
    """Whether the mask fits such data."""
    try:
        mask.check(features)
    except ConfigError:
        return False
    return True


@lru_cache
def catalogue() -> tuple[Case, ...]:
    """Every mask with every fill and kind of data that the checks allow, found by listing `conf/mask`."""
    cases = []
    for name, fill in itertools.product(options("mask"), options("mask/fill")):
        config = typed(stock([f"mask={name}", f"mask/fill={fill}"])).mask
        try:
            mask = mask_of(config)
        except ConfigError:
            continue
        if mask is not None:
            cases += [Case(name, fill, kind, mask) for kind in SHAPES if Case(name, fill, kind, mask).shapes]
    return tuple(cases)


def default_fill(mask_name: str) -> str:
    """The fill a mask's own YAML chooses."""
    return str(stock([f"mask={mask_name}"]).mask.fill.name)


def generator(seed: int, name: str = "mask/train") -> torch.Generator:
    """The stream a training with this seed would draw its masks from."""
    return Streams(seed).generator(name)


def random_inputs(batch: int, shape: Sequence[int], seed: int = 0) -> torch.Tensor:
    """Inputs (B, *shape) that are nowhere 0 and everywhere different."""
    return torch.randn((batch, *shape), generator=torch.Generator().manual_seed(seed)) + 5


def random_context(shape: Sequence[int], rows: int = 20, seed: int = 99) -> Context:
    """A context of train rows far from `random_inputs`, so that nothing filled equals what it replaces."""
    return Context.of(random_inputs(rows, shape, seed) * 3 + 100)


@contextmanager
def globals_as_found() -> Iterator[None]:
    """Fails where the block moves a global random generator of torch, NumPy or Python."""
    before = torch.get_rng_state(), str(np.random.get_state()), random.getstate()  # noqa: NPY002
    yield
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (str(np.random.get_state()), random.getstate()) == before[1:]  # noqa: NPY002


def same_bits(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Equal in dtype, shape and every bit: NaN equals itself, and 0.0 is not -0.0."""
    return left.dtype == right.dtype and left.shape == right.shape and to_bytes(left) == to_bytes(right)


def to_bytes(tensor: torch.Tensor) -> bytes:
    """The raw memory of a tensor's values."""
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.flatten())
    return flat.view(torch.uint8).numpy().tobytes()


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
