"""`hydra/sweeper=maskbench`: what to run."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class SweeperConfig:
    """What a sweep may be told.

    `params` as in Hydra's own sweeper; `zip` are groups of keys that move together, `exclude`
    settings whose runs are left out; `only` are the states whose runs are trained; `dry_run` prints
    the plan and stops, and `list_runs` names every run in it.
    """

    _target_: str = "hydra_plugins.maskbench.sweeper.MaskbenchSweeper"
    params: Any = None
    zip: Any = None
    exclude: Any = None
    only: Any = None
    dry_run: bool = False
    list_runs: bool = False


ConfigStore.instance().store(group="hydra/sweeper", name="maskbench", node=SweeperConfig, provider="maskbench")


class MaskbenchSweeper(Sweeper):
    """Plans with `maskbench.sweep.plan` and hands what is not finished to any launcher."""

    def __init__(self, only: Any, dry_run: bool, list_runs: bool, **of_sources: Any) -> None:
        """What `of_sources` holds is read from each source's own settings."""
        self.only = only
        self.dry_run = dry_run
        self.list_runs = list_runs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `sweep` needs."""
        self.context, self.task_function, self.settings = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Plan, then run, then summarise."""
        from maskbench.sweep.asked import Asked, command_line
        from maskbench.sweep.conduct import conduct
        from maskbench.sweep.launch import launch_with
        from maskbench.sweep.overview import look_at_all
        from maskbench.sweep.plan import only_states
        from maskbench.sweep.sources import plans_of, sources

        only = only_states(self.only)
        asked = self.task_function if isinstance(self.task_function, Asked) else Asked(command_line(arguments))
        parts = sources(self.context.config_loader, self.settings, arguments, asked.repeats)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=self.task_function, config=parts[0].settings
        )
        launch = launch_with(launcher)
        plans = plans_of(parts, self.context.config_loader, self.settings, only, bool(asked.repeats))
        if self.dry_run:
            return look_at_all(plans, launch.workers, self.list_runs)
        return conduct(plans, launch, asked.command)
