"""From overrides to typed configs: Hydra composes each choice of groups once, values are set on copies.

Composing costs 0.1 s and OmegaConf takes 4 ms to set values, and a sweep has thousands of runs but few
choices of groups and few values of each setting. So the composed menu is kept per choice, and what
becomes of a setting is kept per override.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from maskbench.config.check import check, check_types, require_known_keys
from maskbench.config.explain import EXPLAINED
from maskbench.config.identity import canonical
from maskbench.config.schema import Config

PARTS = ("pattern", "fill", "schedule")
"""The open nodes of a mask."""
REFERENCE = "${"


@dataclass(frozen=True)
class Menu:
    """One choice of groups as Hydra composes it, and its typed config where no setting follows another."""

    node: DictConfig
    config: Config | None
    branches: dict[str, DictConfig] = field(default_factory=dict)

    def branch(self, name: str) -> DictConfig:
        """A copy of the node with what it has under this name only."""
        if name not in self.branches:
            branch = copy.deepcopy(self.node)
            with open_dict(branch):
                for other in [key for key in branch if key != name]:
                    del branch[other]
            self.branches[name] = branch
        return copy.deepcopy(self.branches[name])


@dataclass(frozen=True)
class Change:
    """A setting by the names on the way to it, and its new value as the schema types it."""

    path: tuple[str, ...]
    value: Any


class Composer:
    """Composes and checks the configs of one command."""

    def __init__(self, loader: ConfigLoader, hydra: DictConfig) -> None:
        """`hydra` is the `hydra` node of the command's own config."""
        self._loader = loader
        self._config_name = hydra.job.config_name
        self._own = list(hydra.overrides.hydra)
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, Override] = {}
        self._groups: dict[str, bool] = {}
        self._menus: dict[tuple[str, ...], Menu] = {}
        self._changes: dict[tuple[str, str], Change | None] = {}

    def compose(self, overrides: Sequence[str]) -> Config:
        """The canonical config of one run; raises what `explain` explains where it cannot be had."""
        return checked(self.draft(overrides))

    def draft(self, overrides: Sequence[str]) -> Config:
        """The typed config of one run, with nothing said yet on whether its parts fit each other."""
        parsed = [self._parse(line) for line in overrides]
        menu = self._menu([_line(override) for override in parsed if self._is_group(override)])
        values = [override for override in parsed if not self._is_group(override)]
        changes = self._independent(menu, values)
        if menu.config is None or changes is None:
            return _by_omegaconf(menu.node, values)
        return _changed(menu.config, changes)

    def _parse(self, line: str) -> Override:
        if line not in self._parsed:
            (self._parsed[line],) = self._parser.parse_overrides([line])
        return self._parsed[line]

    def _is_group(self, override: Override) -> bool:
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = override.package is not None or bool(self._loader.get_group_options(key))
        return self._groups[key]

    def _menu(self, groups: Sequence[str]) -> Menu:
        key = tuple(groups)
        if key not in self._menus:
            whole = self._loader.load_configuration(self._config_name, [*self._own, *groups], RunMode.RUN)
            with open_dict(whole):
                del whole["hydra"]
            self._menus[key] = Menu(whole, _without_references(whole))
        return self._menus[key]

    def _independent(self, menu: Menu, overrides: Sequence[Override]) -> list[Change] | None:
        """What each override changes, or None where one has to be seen among the others."""
        changes = [change for override in overrides if (change := self._change(menu, override))]
        paths = sorted(change.path for change in changes)
        nested = any(longer[: len(path)] == path for path, longer in pairwise(paths))
        return None if nested or len(changes) < len(overrides) else changes

    def _change(self, menu: Menu, override: Override) -> Change | None:
        """Kept by what the setting was: that and the schema say whether a new value fits."""
        path = tuple(override.key_or_group.split("."))
        settings = _settings(_holder(menu.config, path))
        if path[-1] not in settings:
            return None
        key = (_line(override), repr(settings[path[-1]]))
        if key not in self._changes:
            self._changes[key] = _alone(menu, override, path)
        return self._changes[key]


def checked(draft: Config) -> Config:
    """The canonical form of a config that can be run; raises ConfigError or DataError for one that cannot."""
    check(draft)
    return canonical(draft)


def _line(override: Override) -> str:
    return cast(str, override.input_line)


def _without_references(node: DictConfig) -> Config | None:
    """The typed config, or None where a setting refers to another or is still missing."""
    if REFERENCE in repr(OmegaConf.to_container(node)):
        return None
    try:
        return _cardless(node)
    except EXPLAINED:
        return None


def _cardless(node: DictConfig) -> Config:
    """The typed config without what its parts say to people."""
    config = typed(node)
    config.data.pop("card", None)
    for mask in (config.mask, *config.evaluate.corruptions.values()):
        mask.card = None
    return config


def _by_omegaconf(menu: DictConfig, overrides: list[Override]) -> Config:
    """The way of all overrides: whatever one of them does to another, and the error of any."""
    node = _overridden(copy.deepcopy(menu), overrides)
    config = _cardless(node)
    check_types(_open(node), _open(menu))
    return config


def _alone(menu: Menu, override: Override, path: tuple[str, ...]) -> Change | None:
    """What an override of a single value changes; None for any other and for one that is refused."""
    if override.type is not OverrideType.CHANGE or isinstance(override.value(), dict) or REFERENCE in _line(override):
        return None
    try:
        node = _overridden(menu.branch(path[0]), [override])
        value = _settings(_holder(OmegaConf.to_object(node), path))[path[-1]]
        before = _holder(menu.config, path)
        if isinstance(before, dict):  # an open node, whose types OmegaConf does not know
            check_types(value, before[path[-1]])
    except EXPLAINED:
        return None
    return Change(path, value)


def _overridden(node: DictConfig, overrides: list[Override]) -> DictConfig:
    OmegaConf.set_struct(node, True)
    ConfigLoaderImpl._apply_overrides_to_config(overrides, node)
    return node


def _changed(config: Config, changes: Sequence[Change]) -> Config:
    """A copy that shares nothing with the config or the changes."""
    config = copy.deepcopy(config)
    for change in changes:
        _settings(_holder(config, change.path))[change.path[-1]] = copy.deepcopy(change.value)
    return config


def _holder(config: Any, path: tuple[str, ...]) -> Any:
    """The part of a typed config in which a setting stands; None where there is no such part."""
    for name in path[:-1]:
        config = _settings(config).get(name)
    return config


def _settings(part: Any) -> dict[str, Any]:
    """What stands in a part by name, to be read and set: the items of an open node, the fields of any other."""
    return part if isinstance(part, dict) else getattr(part, "__dict__", {})


def typed(node: DictConfig) -> Config:
    """The typed config of a composed task node; refuses keys the schema does not know."""
    plain = cast(dict[str, Any], OmegaConf.to_container(node, resolve=True, throw_on_missing=True))
    require_known_keys({key: value for key, value in plain.items() if key != "hydra"}, Config())
    return cast(Config, OmegaConf.to_object(node))


def _open(node: DictConfig) -> dict[str, Any]:
    """The open nodes by dotted name, as plain values."""
    masks = {"mask": node.mask}
    masks |= {f"evaluate.corruptions.{name}": mask for name, mask in node.evaluate.corruptions.items()}
    picked = {"data": node.data, "model": node.model}
    picked |= {f"{name}.{part}": mask[part] for name, mask in masks.items() for part in PARTS}
    return {name: OmegaConf.to_container(value, resolve=True) for name, value in picked.items()}
