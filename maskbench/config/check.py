"""What can be refused before anything trains: ranges, misfits of mask, model and data."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, cast

from maskbench.config.build import corruptions_of, features_of, mask_of, place_of, split_of
from maskbench.config.schema import Config
from maskbench.description import Features, Kind
from maskbench.errors import ConfigError, nearest
from maskbench.masks.mask import INPUT, INSIDE, Mask

Test = Callable[[Any], bool]
INSIDE_SIZE = 8
"""Stands for the sizes inside a model, which only the model knows."""
AXES = {kind: axes - 1 for axes, kind in INSIDE.items()}

RANGES: tuple[tuple[str, Test, str], ...] = (
    ("train.epochs", lambda value: value >= 1, "at least 1"),
    ("train.batch_size", lambda value: value >= 1, "at least 1"),
    ("train.lr", lambda value: 0 < value < float("inf"), "above 0"),
    ("train.weight_decay", lambda value: 0 <= value < float("inf"), "at least 0"),
    ("train.patience", lambda value: value is None or value >= 1, "at least 1, or null for never"),
    ("mask.rate", lambda value: value is None or 0 <= value <= 1, "a share from 0 to 1"),
    ("tracking.flush_seconds", lambda value: 0 < value < float("inf"), "above 0"),
    ("tracking.patience_seconds", lambda value: 0 <= value < float("inf"), "at least 0"),
    ("compute.threads", lambda value: value >= 1, "at least 1"),
    ("compute.device", lambda value: value in ("auto", "cpu", "cuda"), "auto, cpu or cuda"),
    ("seed", lambda value: value >= 0, "at least 0"),
    ("split_seed", lambda value: value is None or value >= 0, "at least 0, or null to follow the seed"),
    (
        "study",
        lambda value: re.fullmatch(r"[\w .-]{1,100}", value) is not None,
        "1 to 100 letters, digits, _ . - or spaces",
    ),
    (
        "evaluate.rates",
        lambda value: value == sorted({rate for rate in value if _whole_percent(rate)}),
        "rising, in whole per cents from 0.01 to 1",
    ),
)


def _whole_percent(rate: float) -> bool:
    """Curves are stepped by the rate in per cent, so finer rates would fall on one step."""
    return 0 < rate <= 1 and abs(100 * rate - round(100 * rate)) < 1e-9


def check(config: Config) -> None:
    """Raise ConfigError or DataError for the first thing that cannot work; loads the data set."""
    for name, holds, range_ in RANGES:
        value = attrgetter(name)(config)
        if not holds(value):
            raise ConfigError(f"{name}={value} is out of range: it must be {range_}")
    for group in ("data", "model"):
        if not getattr(config, group).get("name"):
            raise ConfigError(
                f"{group} has no name; choose one, for example {group}={'digits' if group == 'data' else 'mlp'}"
            )
    split_of(config)
    _check_model(config)
    mask = mask_of(config.mask)
    if mask is not None:
        _check_mask(config, config.mask.name, mask)
    if config.evaluate.corruptions and not config.evaluate.rates:
        raise ConfigError(
            "evaluate.rates is empty, and the corruptions need test rates; add some or drop the corruptions"
        )
    for name, corruption in corruptions_of(config).items():
        _check_mask(config, f"evaluate.corruptions.{name}", _as_corruption(name, corruption))


def _check_model(config: Config) -> None:
    accepts, kind = config.model.get("accepts"), features_of(config).kind
    if accepts and kind not in accepts:
        raise ConfigError(
            f"model '{config.model['name']}' takes {' or '.join(accepts)}, "
            f"and data '{config.data['name']}' are {kind}; choose another model, "
            f"for example model={'transformer' if kind == 'tokens' else 'mlp'}"
        )


def _as_corruption(name: str, mask: Mask) -> Mask:
    """The mask as it meets test inputs; refuses what needs a training: a model, its losses, a trained fill."""
    needs = {
        "works inside the model": mask.place != INPUT,
        "follows the losses of training": mask.pattern.scored,
        "is trained along with the model": mask.fill.trained,
        "overwrites the training inputs": mask.compounding,
    }
    for what, holds in needs.items():
        if holds:
            raise ConfigError(f"evaluate.corruptions.{name} {what} and cannot be met in a test; choose another mask")
    return mask


def _check_mask(config: Config, name: str, mask: Mask) -> None:
    try:
        features = features_of(config)
        if mask.place != INPUT:
            kind = cast(Kind, place_of(config, mask.place)["kind"])
            features = Features(kind, (INSIDE_SIZE,) * AXES[kind])
        mask.check(features)
    except ConfigError as error:
        raise ConfigError(f"mask '{name}' on data '{config.data['name']}': {error}") from error


def check_types(values: Any, defaults: Any, path: str = "") -> None:
    """Refuse a setting of an open node whose type is not that of the option's own value.

    Typed nodes are OmegaConf's; this is for the settings of a `_target_`. A whole number may
    stand for a float, anything for null, and null for anything but a number.
    """
    if isinstance(defaults, dict) and isinstance(values, dict):
        for key in values.keys() & defaults.keys():
            check_types(values[key], defaults[key], f"{path}.{key}" if path else str(key))
    elif not _fits(values, defaults):
        wanted = type(defaults).__name__
        raise ConfigError(
            f"{path}={values} is a {type(values).__name__}, and {path} takes a {wanted} such as {defaults}"
        )


def _fits(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if value is None:
        return not isinstance(default, (int, float))
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)


def require_known_keys(given: dict[str, Any], schema: Any, path: str = "") -> None:
    """Refuse keys added with `+` to a node whose keys are fixed; `schema` is a config dataclass."""
    known = vars(schema)
    for key, value in given.items():
        where = f"{path}{key}"
        if key not in known:
            raise ConfigError(
                f"unknown setting '{where}'.{nearest(key, known)} "
                "Settings can be added to data, model, mask.pattern, mask.fill and mask.schedule only"
            )
        if isinstance(value, dict) and hasattr(known[key], "__dataclass_fields__"):
            require_known_keys(value, known[key], f"{where}.")
