"""The identity of a run: a key that equal science shares, and the partner's key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from maskbench.config.build import dataset_of, features_of, mask_of
from maskbench.config.schema import Config, MaskConfig
from maskbench.records import UNMASKED, Identity, Setting

SCIENCE = ("data", "preprocess", "model", "mask", "train", "evaluate", "seed", "split_seed")
"""The parts of a config that decide a run's numbers."""
PLACES = ("path", "test_path", "data_files")
"""Settings of data that say where files lie; what is in them is known by its fingerprint."""


def canonical(config: Config) -> Config:
    """The one form of all configs that mean the same run: `none` has no rate, fill or pattern; nothing has a card."""
    corruptions = {name: replace(mask, card=None) for name, mask in config.evaluate.corruptions.items()}
    mask = MaskConfig() if config.mask.name == UNMASKED else replace(config.mask, card=None)
    data = {key: value for key, value in config.data.items() if key != "card"}
    return replace(config, data=data, mask=mask, evaluate=replace(config.evaluate, corruptions=corruptions))


def partner(config: Config) -> Config:
    """The run that differs in the mask only: nothing hidden."""
    return replace(config, mask=MaskConfig())


def identify(config: Config) -> Identity:
    """Key, partner's key and flat settings of a canonical config."""
    key = run_key(config)
    pair_key = key if config.mask.name == UNMASKED else run_key(partner(config))
    return Identity(key, pair_key, settings(config))


def work(config: Config) -> str:
    """Hash of what decides how long a run takes, the mask apart; 16 hex digits."""
    science = _science(config)
    return _digest({name: science[name] for name in ("data", "preprocess", "model", "train", "evaluate")})


def run_key(config: Config) -> str:
    """sha256 of the scientific settings and the data's fingerprint, 16 hex digits; where a file lies does not count."""
    science = _science(config)
    science["data"] = {key: value for key, value in science["data"].items() if key not in PLACES}
    science["fingerprint"] = dataset_of(config).fingerprint
    return _digest(science)


def _science(config: Config) -> dict[str, Any]:
    """What decides a run's numbers, as plain values; the cards of masks do not."""
    return {name: _bare(getattr(config, name)) for name in SCIENCE}


def _bare(value: Any) -> Any:
    """A node as dictionaries, cards left out; `asdict` takes nine times as long, and planning does little else."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {key: _bare(item) for key, item in vars(value).items() if key != "card"}
    return value


def _digest(node: Any) -> str:
    return hashlib.sha256(json.dumps(_plain(node), sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Numbers in one form, so that 0 and 0.0 of an open node are the same setting."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def settings(config: Config) -> dict[str, Setting]:
    """The flat settings of a run: short names first, then every further setting by dotted name."""
    mask = config.mask
    short: dict[str, Setting] = {
        "data": config.data["name"],
        "model": config.model["name"],
        "mask": mask.name,
        "fill": mask.fill.get("name"),
        "rate": _rate(config),
        "seed": config.seed,
    }
    nodes = {name: value for name, value in _science(config).items() if isinstance(value, dict)}
    if mask.name == UNMASKED:
        del nodes["mask"]
    evaluate = _digest(nodes.pop("evaluate"))
    dotted = dict(_leaves(nodes)) | {"evaluate.digest": evaluate}
    if config.split_seed is not None:
        dotted["train.split_seed"] = config.split_seed
    return short | {name: value for name, value in dotted.items() if not name.endswith(_SAID) and _PLACES not in name}


def _rate(config: Config) -> float | None:
    """The nominal rate: as set, or what the pattern's own parameters amount to on the data."""
    mask = mask_of(config.mask)
    return None if mask is None else mask.rate_on(features_of(config))


# already said by a short name, or no setting
_PLACES = "model.places."
_SAID = ("data.name", "model.name", "mask.name", "mask.rate", "fill.name", "model.accepts")


def _leaves(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Setting]]:
    for key, value in node.items():
        name = f"{path}{key}"
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            value = {str(place): item for place, item in enumerate(value)}
        if isinstance(value, dict):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, json.dumps(value) if isinstance(value, list) else value


@lru_cache(maxsize=1)
def code_version() -> str:
    """Short hash of the library's own source: finished runs of other code are kept, and said."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in ("data", "masks", "models", "*.py"):
        paths = root.glob(room) if room.endswith(".py") else (root / room).rglob("*.py")
        for path in sorted(paths):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
