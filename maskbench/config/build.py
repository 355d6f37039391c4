"""From a checked config to the values of a run: data set, mask, model factory, experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from maskbench.config.schema import Config, MaskConfig, PreprocessConfig
from maskbench.data.dataset import Dataset
from maskbench.errors import ConfigError, MaskbenchError
from maskbench.masks.contract import Fill, Pattern
from maskbench.masks.mask import INPUT, Mask
from maskbench.masks.schedules import Schedule
from maskbench.records import UNMASKED

if TYPE_CHECKING:
    from maskbench.data.preprocess import Step
    from maskbench.experiment import Experiment

STEADY = {"_target_": "maskbench.masks.schedules.Constant"}
"""The schedule of a mask that names none."""
OURS = ("name", "accepts", "places")
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


def steps_of(config: PreprocessConfig) -> list[Step]:
    """The preprocessing steps, in order."""
    return [make(step, f"preprocess '{config.name}'") for step in config.steps]


def mask_of(config: MaskConfig) -> Mask | None:
    """The mask, or None for `none`."""
    if config.name == UNMASKED:
        return None
    pattern = _part(config.name, "pattern", config.pattern, Pattern)
    fill = _part(config.name, "fill", config.fill, Fill)
    schedule = _part(config.name, "schedule", config.schedule or STEADY, Schedule)
    return Mask(pattern, fill, config.rate, config.rescale, schedule, config.place, config.compounding)


def _part(mask: str, part: str, node: Mapping[str, Any], wanted: type) -> Any:
    made = _made(f"mask '{mask}' {part}", json.dumps(node, sort_keys=True))
    if not isinstance(made, wanted):
        raise ConfigError(
            f"mask '{mask}' {part}: {type(made).__name__} is no {part}; "
            f"subclass {wanted.__module__}.{wanted.__name__}, and see maskbench check"
        )
    return made


@lru_cache(maxsize=256)
def _made(what: str, node: str) -> object:
    """A pattern, fill or schedule; they hold no state, so a sweep makes each once."""
    return make(json.loads(node), what)


def corruptions_of(config: Config) -> dict[str, Mask]:
    """The masks that corrupt test inputs, by name."""
    masks = {name: mask_of(mask) for name, mask in config.evaluate.corruptions.items()}
    return {name: mask for name, mask in masks.items() if mask is not None}


def place_of(config: Config, name: str) -> Mapping[str, str]:
    """`module` and `kind` of a place inside the model; raises ConfigError where the model names none such."""
    places = config.model.get("places") or {}
    if name not in places:
        having = f"it has {', '.join(places)}" if places else "it has none"
        raise ConfigError(
            f"it works at place '{name}' inside the model, and model '{config.model.get('name')}' names no such place "
            f"({having}); choose another model, for example model={'mlp' if name == 'hidden' else 'transformer'}"
        )
    return cast(Mapping[str, str], places[name])


def build(config: Config) -> Experiment:
    """The experiment of a checked config; imports torch."""
    from maskbench.experiment import Experiment
    from maskbench.training import TrainSettings

    train = config.train
    return Experiment(
        dataset=dataset_of(config),
        steps=steps_of(config.preprocess),
        model=make(config.model, f"model '{config.model.get('name')}'", _partial_=True),
        mask=mask_of(config.mask),
        train=TrainSettings(train.epochs, train.batch_size, train.lr, train.weight_decay, train.patience),
        corruptions=corruptions_of(config),
        test_rates=config.evaluate.rates,
        seed=config.seed,
        split_seed=config.seed if config.split_seed is None else config.split_seed,
        device=config.compute.device,
        place="" if config.mask.place == INPUT else place_of(config, config.mask.place)["module"],
    )
