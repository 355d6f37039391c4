"""Between Hydra's launchers and a sweep: ours takes runs as they are, any other takes their overrides."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from maskbench.config.check import check
from maskbench.config.compose import Composer, typed
from maskbench.config.identity import canonical
from maskbench.errors import ConfigError
from maskbench.records import UNMASKED
from maskbench.sweep.execute import Attempt, Launch, Outcome, run_and_track, until_free
from maskbench.sweep.plan import Planned
from maskbench.sweep.stopping import stoppable


def task(config: DictConfig) -> Outcome:
    """What every Hydra job does, whichever launcher runs it."""
    run = typed(config)
    check(run)
    return run_and_track(canonical(run))


def run_once(config: DictConfig) -> Outcome:
    """The one job of `maskbench run`, with all that can be said against its overrides said first."""
    if config.mask.name == UNMASKED and config.mask.rate is not None:
        raise ConfigError(
            f"mask=none hides nothing and has no rate; drop mask.rate={config.mask.rate} or choose a mask"
        )
    if not GlobalHydra.instance().is_initialized():
        return task(config)  # another process of a sweep, whose plan checked it
    hydra = HydraConfig.get()
    composer = Composer(GlobalHydra.instance().config_loader(), cast(DictConfig, hydra))
    run = composer.compose(hydra.overrides.task)
    with stoppable(partial(print, file=sys.stderr)):
        return run_and_track(run)


def launch_with(launcher: Launcher) -> Launch:
    """How this launcher executes runs: ours says so itself."""
    own = getattr(launcher, "offer", None)
    return own() if own is not None else Launch(partial(until_free, _attempt_with(launcher)))


def _attempt_with(launcher: Launcher) -> Attempt:
    def attempt(runs: Sequence[Planned]) -> Iterator[tuple[Planned, Outcome]]:
        returns = launcher.launch([list(run.overrides) for run in runs], initial_job_idx=0)
        for run, job in zip(runs, returns, strict=True):
            yield run, _outcome(run, job)

    return attempt


def _outcome(run: Planned, job: JobReturn) -> Outcome:
    if job.status is JobStatus.COMPLETED and isinstance(job.return_value, Outcome):
        return job.return_value
    try:
        reason = f"its job returned {job.return_value!r}"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    return Outcome(run.identity, "failed", reason)


def as_job_return(outcome: Outcome, overrides: Sequence[str]) -> JobReturn:
    """An outcome in Hydra's terms, for other sweepers on our launcher."""
    status = JobStatus.FAILED if outcome.state == "failed" else JobStatus.COMPLETED
    value = RuntimeError(outcome.reason) if outcome.state == "failed" else outcome
    return JobReturn(overrides=overrides, status=status, _return_value=value)
