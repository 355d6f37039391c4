"""Where the jobs of a sweep come from: the command, each experiment that it names, or sweeps that it repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from maskbench.config.compose import Composer
from maskbench.errors import ConfigError
from maskbench.sweep.exclude import entries_of
from maskbench.sweep.expand import expand, params_of, zip_groups
from maskbench.sweep.plan import Grid, Plan, make_plans

EXPERIMENT = "experiment"


@dataclass(frozen=True)
class Source:
    """One composed command: its own overrides, and the settings of sweeper and launcher that go with them."""

    overrides: tuple[str, ...]
    settings: DictConfig

    def grid(self, parser: OverridesParser) -> Grid:
        """Its jobs: the sweeper's parameters, replaced by overrides of the same key."""
        sweeper = cast(dict[str, Any], OmegaConf.to_container(self.settings.hydra.sweeper, resolve=True))
        params = params_of(sweeper.get("params"))
        if any(line.startswith(f"{EXPERIMENT}=") for line in params):
            raise ConfigError(
                "hydra.sweeper.params cannot name an experiment; sweep experiment=a,b on the command line"
            )
        overrides = parser.parse_overrides([*params, *self.overrides])
        return Grid(tuple(expand(overrides, zip_groups(sweeper.get("zip")))), entries_of(sweeper.get("exclude")))


def sources(
    loader: ConfigLoader, settings: DictConfig, arguments: Sequence[str], repeats: Sequence[Sequence[str]]
) -> list[Source]:
    """What a sweep is made of, in order; `settings` is the command's own composed config.

    Raises ConfigError where the parts would need different launchers.
    """
    parser = OverridesParser.create(config_loader=loader)
    if not repeats and not _experiments(parser.parse_overrides(list(arguments))):
        return [Source(tuple(arguments), settings)]
    commands = repeats or [(*settings.hydra.overrides.hydra, *arguments)]
    name = cast(str, settings.hydra.job.config_name)
    nodes = [
        loader.load_configuration(name, lines, RunMode.MULTIRUN)
        for command in commands
        for lines in _by_experiment(parser.parse_overrides(list(command)))
    ]
    _require_one_launcher(nodes)
    return [Source(tuple(node.hydra.overrides.task), node) for node in nodes]


def plans_of(
    parts: Sequence[Source], loader: ConfigLoader, settings: DictConfig, only: frozenset[str], repeats: bool
) -> list[Plan]:
    """One plan per study; of sweeps that are repeated, that of the command's own study."""
    parser = OverridesParser.create(config_loader=loader)
    plans = make_plans(Composer(loader, settings.hydra), [part.grid(parser) for part in parts], only)
    own = [plan for plan in plans if plan.study == settings.study]
    if repeats and not own:
        raise ConfigError(f"the sweeps of study '{settings.study}' make no run of that study today; say what to sweep")
    return own if repeats else plans


def _experiments(parsed: Sequence[Override]) -> list[str]:
    """The experiments that are swept; none where there is one or no experiment."""
    named = [override for override in parsed if override.get_key_element() == EXPERIMENT]
    if not named or not named[-1].is_sweep_override():
        return []
    return [str(choice) for choice in named[-1].sweep_string_iterator()]


def _by_experiment(parsed: Sequence[Override]) -> Iterator[list[str]]:
    """The lines of a command, once per experiment where they are swept."""
    choices = _experiments(parsed)
    if not choices:
        yield [_line(override) for override in parsed]
    for choice in choices:
        others = [_line(override) for override in parsed if override.get_key_element() != EXPERIMENT]
        yield [f"{EXPERIMENT}={choice}", *others]


def _line(override: Override) -> str:
    return cast(str, override.input_line)


def _require_one_launcher(composed: Sequence[DictConfig]) -> None:
    nodes = [cast(dict[str, Any], OmegaConf.to_container(node.hydra.launcher)) for node in composed]
    if len({node["_target_"] for node in nodes}) > 1:
        raise ConfigError(
            "the parts of this sweep name different launchers; give one on the command line: hydra/launcher="
        )
    for name in nodes[0]:
        values = dict.fromkeys("null" if node.get(name) is None else str(node[name]) for node in nodes)
        if len(values) > 1:
            example = next(value for value in values if value != "null")
            raise ConfigError(
                f"the parts of this sweep set hydra.launcher.{name} to {' and '.join(values)}; "
                f"give one on the command line, for example hydra.launcher.{name}={example}"
            )
