"""From a checked config to the values of a run: data set, mask, model factory, experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from maskbench.config.schema import Config, MaskConfig
from maskbench.data.dataset import Dataset
from maskbench.errors import ConfigError, MaskbenchError
from maskbench.masks.mask import Mask
from maskbench.records import UNMASKED

if TYPE_CHECKING:
    from maskbench.data.preprocess import Step
    from maskbench.experiment import Experiment

OURS = ("name", "accepts")
"""Keys of an open node that are not settings of its target."""


def make(node: Mapping[str, Any], what: str, **how: Any) -> Any:
    """Call the `_target_` of an open node with its settings; raises ConfigError where it will not be called."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise ConfigError(f"{what} names no _target_; choose one of the shipped options or give a _target_")
    settings = {key: value for key, value in node.items() if key not in OURS}
    try:
        return instantiate(settings, **how)
    except InstantiationException as error:
        if isinstance(error.__cause__, MaskbenchError):
            raise error.__cause__ from error
        raise ConfigError(f"{what}: {' '.join(str(error.__cause__ or error).split())}") from error


def dataset_of(config: Config) -> Dataset:
    """The data set, loaded once per process and distinct setting."""
    return _load(json.dumps(config.data, sort_keys=True))


@lru_cache(maxsize=8)
def _load(node: str) -> Dataset:
    settings = json.loads(node)
    dataset = make(settings, f"data '{settings.get('name')}'")
    if not isinstance(dataset, Dataset):
        raise ConfigError(f"data '{settings.get('name')}': the target returned {type(dataset).__name__}, not a Dataset")
    return dataset


def steps_of(config: Config) -> list[Step]:
    """The preprocessing steps, in order."""
    return [make(step, f"preprocess '{config.preprocess.name}'") for step in config.preprocess.steps]


def mask_of(config: MaskConfig) -> Mask | None:
    """The mask, or None for `none`."""
    if config.name == UNMASKED:
        return None
    if config.rate is None:
        raise ConfigError(f"mask '{config.name}' needs a rate; set it to a number from 0 to 1")
    pattern = _part(f"mask '{config.name}' pattern", json.dumps(config.pattern, sort_keys=True))
    fill = _part(f"mask '{config.name}' fill", json.dumps(config.fill, sort_keys=True))
    return Mask(pattern, fill, config.rate, config.rescale)


@lru_cache(maxsize=256)
def _part(what: str, node: str) -> Any:
    """A pattern or fill; they hold no state, so a sweep makes each once."""
    return make(json.loads(node), what)


def corruptions_of(config: Config) -> dict[str, Mask]:
    """The masks that corrupt test inputs, by name."""
    masks = {name: mask_of(mask) for name, mask in config.evaluate.corruptions.items()}
    return {name: mask for name, mask in masks.items() if mask is not None}


def build(config: Config) -> Experiment:
    """The experiment of a checked config; imports torch."""
    from maskbench.experiment import Experiment
    from maskbench.training import TrainSettings

    train = config.train
    return Experiment(
        dataset=dataset_of(config),
        steps=steps_of(config),
        model=make(config.model, f"model '{config.model.get('name')}'", _partial_=True),
        mask=mask_of(config.mask),
        train=TrainSettings(train.epochs, train.batch_size, train.lr, train.weight_decay, train.patience),
        corruptions=corruptions_of(config),
        test_rates=config.evaluate.rates,
        seed=config.seed,
        split_seed=config.seed if config.split_seed is None else config.split_seed,
        device=config.compute.device,
    )
