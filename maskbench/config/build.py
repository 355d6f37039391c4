"""From a checked config to the values of a run: data set, mask, model factory, experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from maskbench.config.schema import Config, MaskConfig, PreprocessConfig
from maskbench.data.dataset import Dataset
from maskbench.data.preprocess.step import Step, features_after
from maskbench.data.splits import Sampling, Split, split_rows
from maskbench.description import Features
from maskbench.errors import ConfigError, DataError, MaskbenchError
from maskbench.masks.contract import Fill, Pattern
from maskbench.masks.mask import INPUT, Mask
from maskbench.masks.schedules import Schedule
from maskbench.records import UNMASKED
from maskbench.seeding import Streams

if TYPE_CHECKING:
    from maskbench.experiment import Experiment

STEADY = {"_target_": "maskbench.masks.schedules.Constant"}
"""The schedule of a mask that names none."""
OURS = ("name", "accepts", "places", "card")
"""Keys of an open node that are not settings of its target."""
ROWS = tuple(field.name for field in fields(Sampling))
"""Keys of a data node that say which of its rows are used."""
STAGES = ("encode", "scale", "impute", "denoise")


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
    return _load(_data_node(config))


def _data_node(config: Config) -> str:
    settings = {key: value for key, value in config.data.items() if key not in (*ROWS, "card")}
    return json.dumps(settings, sort_keys=True)


@lru_cache(maxsize=8)
def _load(node: str) -> Dataset:
    settings = json.loads(node)
    what = f"data '{settings.get('name')}'"
    try:
        dataset = make(settings, what)
    except DataError as error:
        raise error if what in str(error) else DataError(f"{what}: {error}") from error
    if not isinstance(dataset, Dataset):
        raise ConfigError(f"{what}: the target returned {type(dataset).__name__}, not a Dataset")
    return dataset


def sampling_of(config: Config) -> Sampling:
    """Which rows of the data set a run uses; raises ConfigError for settings that cannot be."""
    sampling = Sampling(**{key: config.data[key] for key in ROWS if key in config.data})
    sampling.check()
    return sampling


def split_of(config: Config) -> Split:
    """The rows of each part, drawn once per process and distinct setting; raises DataError where there are too few."""
    return _split(_data_node(config), sampling_of(config), split_seed(config))


@lru_cache(maxsize=256)
def _split(node: str, sampling: Sampling, seed: int) -> Split:
    return split_rows(_load(node), Streams(seed), sampling)


def split_seed(config: Config) -> int:
    """The seed of the split: its own, or that of the run."""
    return config.seed if config.split_seed is None else config.split_seed


def steps_of(config: PreprocessConfig) -> tuple[Step, ...]:
    """The preprocessing steps, in order; made once, for they hold no state."""
    return _steps(_preprocess_node(config))


def _preprocess_node(config: PreprocessConfig) -> str:
    nodes = [getattr(config, stage) for stage in STAGES]
    return json.dumps([config.name, *(node for node in nodes if "_target_" in node), *config.steps])


@lru_cache(maxsize=64)
def _steps(nodes: str) -> tuple[Step, ...]:
    name, *steps = json.loads(nodes)
    made = tuple(make(step, f"preprocess '{name}'") for step in steps)
    for step in made:
        if not isinstance(step, Step):
            raise ConfigError(
                f"preprocess '{name}': {type(step).__name__} is no step; subclass {Step.__module__}.{Step.__name__}"
            )
    return made


def features_of(config: Config) -> Features:
    """What models and masks meet: the features of the data set after preprocessing."""
    return _features(_data_node(config), _preprocess_node(config.preprocess))


@lru_cache(maxsize=64)
def _features(data: str, preprocess: str) -> Features:
    name, features = json.loads(data).get("name"), _load(data).description.features
    try:
        return features_after(features, _steps(preprocess))
    except ConfigError as error:
        raise ConfigError(f"preprocess '{json.loads(preprocess)[0]}' on data '{name}': {error}") from error


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
        sampling=sampling_of(config),
        steps=steps_of(config.preprocess),
        model=make(config.model, f"model '{config.model.get('name')}'", _partial_=True),
        mask=mask_of(config.mask),
        train=TrainSettings(train.epochs, train.batch_size, train.lr, train.weight_decay, train.patience),
        corruptions=corruptions_of(config),
        test_rates=config.evaluate.rates,
        seed=config.seed,
        split_seed=split_seed(config),
        device=config.compute.device,
        place="" if config.mask.place == INPUT else place_of(config, config.mask.place)["module"],
    )
