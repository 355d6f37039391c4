"""From overrides to typed configs: Hydra composes each choice of groups once, values are set on copies.

Composing costs 0.1 s and a sweep has hundreds of runs but few choices of groups, so the composed
menu is kept per choice.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from maskbench.config.check import check, check_types, require_known_keys
from maskbench.config.identity import canonical
from maskbench.config.schema import Config

PARTS = ("pattern", "fill", "schedule")
"""The open nodes of a mask."""


class Composer:
    """Composes and checks the configs of one command."""

    def __init__(self, loader: ConfigLoader, hydra: DictConfig) -> None:
        """`hydra` is the `hydra` node of the command's own config."""
        self._loader = loader
        self._config_name = hydra.job.config_name
        self._own = list(hydra.overrides.hydra)
        self._parser = OverridesParser.create(config_loader=loader)
        self._menus: dict[tuple[str, ...], DictConfig] = {}
        self._groups: dict[str, bool] = {}

    def compose(self, overrides: Sequence[str]) -> Config:
        """The canonical config of one run; raises what `explain` explains where it cannot be had."""
        return checked(self.draft(overrides))

    def draft(self, overrides: Sequence[str]) -> Config:
        """The typed config of one run, with nothing said yet on whether its parts fit each other."""
        parsed = self._parser.parse_overrides(list(overrides))
        groups = [override for override in parsed if self._is_group(override)]
        menu = self._menu([_line(override) for override in groups])
        values = [override for override in parsed if not self._is_group(override)]
        node = copy.deepcopy(menu)
        OmegaConf.set_struct(node, True)
        ConfigLoaderImpl._apply_overrides_to_config(values, node)
        config = typed(node)
        check_types(_open(node), _open(menu))
        return config

    def _is_group(self, override: Override) -> bool:
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = override.package is not None or bool(self._loader.get_group_options(key))
        return self._groups[key]

    def _menu(self, groups: Sequence[str]) -> DictConfig:
        key = tuple(groups)
        if key not in self._menus:
            whole = self._loader.load_configuration(self._config_name, [*self._own, *groups], RunMode.RUN)
            with open_dict(whole):
                del whole["hydra"]
            for mask in (whole.mask, *whole.evaluate.corruptions.values()):
                mask.card = None  # for people; a quarter of what would be copied for every run
            self._menus[key] = whole
        return self._menus[key]


def checked(draft: Config) -> Config:
    """The canonical form of a config that can be run; raises ConfigError or DataError for one that cannot."""
    check(draft)
    return canonical(draft)


def _line(override: Override) -> str:
    return cast(str, override.input_line)


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
