"""`hydra/launcher=maskbench`: worker processes on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from maskbench.sweep.execute import Launch
    from maskbench.sweep.pool import Settings


@dataclass
class LauncherConfig:
    """`workers` null is one per core; limits are for one run, in seconds and in MiB of its process, null for none."""

    _target_: str = "hydra_plugins.maskbench.launcher.MaskbenchLauncher"
    workers: int | None = None
    time_limit: float | None = None
    memory_limit: float | None = None
    retries: int = 0


ConfigStore.instance().store(group="hydra/launcher", name="maskbench", node=LauncherConfig, provider="maskbench")


class MaskbenchLauncher(Launcher):
    """Long-lived worker processes; a run that kills its worker costs nothing but an attempt of its own."""

    def __init__(self, workers: int | None, time_limit: float | None, memory_limit: float | None, retries: int) -> None:
        self.workers, self.time_limit, self.memory_limit, self.retries = workers, time_limit, memory_limit, retries

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `launch` needs."""
        self.context, self.config = hydra_context, config

    def offer(self) -> "Launch":
        """How a sweep has its runs executed."""
        from functools import partial

        from maskbench.sweep.execute import Launch
        from maskbench.sweep.pool import run_in_pool

        settings = self.settings()
        return Launch(partial(run_in_pool, settings=settings), settings.workers)

    def settings(self) -> "Settings":
        """The pool's settings; raises ConfigError for numbers that cannot be."""
        from maskbench.sweep.execute import default_workers
        from maskbench.sweep.pool import Settings, checked
        from maskbench.sweep.workers import Limits

        workers = default_workers(self.config.compute.threads) if self.workers is None else self.workers
        return checked(Settings(workers, Limits(self.time_limit, self.memory_limit), self.retries))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's own way in, for other sweepers: results in the order of the jobs."""
        from maskbench.config.compose import Composer
        from maskbench.sweep.launch import as_job_return
        from maskbench.sweep.plan import planned
        from maskbench.sweep.pool import run_in_pool

        composer = Composer(self.context.config_loader, self.config.hydra)
        runs = [planned(composer, overrides) for overrides in job_overrides]
        outcomes = {outcome.identity.key: outcome for outcome in run_in_pool(runs, self.settings())}
        return [as_job_return(outcomes[run.identity.key], run.overrides) for run in runs]
