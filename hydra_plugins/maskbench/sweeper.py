"""`hydra/sweeper=maskbench`: what to run."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console


@dataclass
class SweeperConfig:
    """`params` as in Hydra's own sweeper; `dry_run` prints the plan and stops; `list_runs` names every run."""

    _target_: str = "hydra_plugins.maskbench.sweeper.MaskbenchSweeper"
    params: dict[str, Any] | None = None
    dry_run: bool = False
    list_runs: bool = False


ConfigStore.instance().store(group="hydra/sweeper", name="maskbench", node=SweeperConfig, provider="maskbench")


class MaskbenchSweeper(Sweeper):
    """Plans with `maskbench.sweep.plan` and hands what is not finished to any launcher."""

    def __init__(self, params: DictConfig | None, dry_run: bool, list_runs: bool) -> None:
        self.params: Mapping[str, Any] = params or {}
        self.dry_run = dry_run
        self.list_runs = list_runs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `sweep` needs."""
        self.context, self.task_function, self.settings = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Plan, then run, then summarise."""
        from maskbench.config.compose import Composer
        from maskbench.sweep.conduct import conduct
        from maskbench.sweep.launch import execute_with
        from maskbench.sweep.overview import look
        from maskbench.sweep.plan import expand, make_plan

        loader = self.context.config_loader
        own = [f"{key}={value!s}" for key, value in self.params.items()]
        overrides = OverridesParser.create(config_loader=loader).parse_overrides([*own, *arguments])
        plan = make_plan(Composer(loader, self.settings.hydra), expand(overrides))
        if self.dry_run:
            return look(plan, Console(), self.list_runs)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=self.task_function, config=self.settings
        )
        return conduct(plan, execute_with(launcher), "maskbench sweep " + shlex.join(arguments))
