"""`hydra/launcher=maskbench`: worker processes on this machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from maskbench.sweep.execute import Outcome
    from maskbench.sweep.plan import Planned


@dataclass
class LauncherConfig:
    """`workers` null is one per core; `time_limit` is in seconds and for one run, null for none."""

    _target_: str = "hydra_plugins.maskbench.launcher.MaskbenchLauncher"
    workers: int | None = None
    time_limit: float | None = None


ConfigStore.instance().store(group="hydra/launcher", name="maskbench", node=LauncherConfig, provider="maskbench")


class MaskbenchLauncher(Launcher):
    """Long-lived worker processes; a run that kills its worker costs nothing but itself."""

    def __init__(self, workers: int | None, time_limit: float | None) -> None:
        self.workers = workers
        self.time_limit = time_limit

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `launch` needs."""
        self.context, self.config = hydra_context, config

    def execute(self, runs: "Sequence[Planned]") -> "Iterator[Outcome]":
        """Outcomes of planned runs as they come."""
        from maskbench.sweep.execute import Settings, default_workers, run_in_pool

        workers = self.workers or default_workers(self.config.compute.threads)
        return run_in_pool(runs, Settings(min(workers, len(runs)), self.time_limit))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's own way in, for other sweepers: results in the order of the jobs."""
        from maskbench.config.compose import Composer
        from maskbench.sweep.launch import as_job_return
        from maskbench.sweep.plan import planned

        composer = Composer(self.context.config_loader, self.config.hydra)
        runs = [planned(composer, overrides) for overrides in job_overrides]
        outcomes = {outcome.identity.key: outcome for outcome in self.execute(runs)}
        return [as_job_return(outcomes[run.identity.key], run.overrides) for run in runs]
