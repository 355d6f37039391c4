"""Runs in a pool of worker processes: grouped by data set, within limits, tried again, closed where one is gone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from maskbench.config.schema import Config
from maskbench.errors import ConfigError, StoreError
from maskbench.sweep.execute import BUSY_SECONDS, Outcome, open_store, run_and_track
from maskbench.sweep.serving import context
from maskbench.sweep.workers import Limits, Pool

if TYPE_CHECKING:
    from maskbench.sweep.plan import Planned


@dataclass(frozen=True)
class Settings:
    """How many workers, the limits of a run, and how often one that failed is tried again."""

    workers: int
    limits: Limits = field(default_factory=Limits)
    retries: int = 0


def checked(settings: Settings) -> Settings:
    """The same settings; raises ConfigError where one is out of range."""
    least = {
        "workers": (settings.workers, 1),
        "time_limit": (settings.limits.seconds, 0),
        "memory_limit": (settings.limits.memory, 0),
        "retries": (settings.retries, 0),
    }
    for name, (value, lowest) in least.items():
        if value is not None and (value < lowest or (value == 0 and name.endswith("_limit"))):
            wanted = "above 0, or null for none" if name.endswith("_limit") else f"at least {lowest}"
            raise ConfigError(f"hydra.launcher.{name}={value:g} is out of range: it must be {wanted}")
    return settings


Job = tuple[int, Config]
"""The place of a run in the sweep, and its config."""


def run_in_pool(runs: Sequence[Planned], settings: Settings) -> Generator[Outcome, None, None]:
    """Outcomes as they come; a worker that dies or goes over a limit costs one attempt of its run.

    Raises StoreError once the running ones are done, where the store takes no more runs.
    """
    tried: Counter[int] = Counter()
    with Pool(_train_job, settings.workers, settings.limits, context()) as pool:
        for place, run in enumerate(runs):
            pool.add((place, run.config), _group(run.config))
        trouble: StoreError | None = None
        for job, result in pool.results():
            run = runs[job[0]]
            outcome = _settled(run, result)
            if isinstance(outcome, StoreError):
                trouble = outcome
                pool.drop_waiting()
                continue
            if outcome.state == "busy":
                if trouble is None:
                    pool.add(job, _group(run.config), BUSY_SECONDS)
                continue
            tried[job[0]] += 1
            if outcome.state == "failed" and not outcome.lasting and tried[job[0]] <= settings.retries and not trouble:
                pool.add(job, _group(run.config))
                outcome = replace(outcome, state="again")
            yield outcome
    if trouble is not None:
        raise trouble


def _train_job(job: Job) -> Outcome:
    return run_and_track(job[1], quiet=True)


def _group(config: Config) -> str:
    """Runs on the same data go to the same worker, which has them loaded."""
    return json.dumps(config.data, sort_keys=True)


def _settled(run: Planned, result: Outcome | Exception) -> Outcome | StoreError:
    """What became of a run, or why the store takes no more."""
    if not isinstance(result, Exception):
        return result
    try:
        return result if isinstance(result, StoreError) else _lost(run, str(result))
    except StoreError as error:
        return error


def _lost(run: Planned, reason: str) -> Outcome:
    """End the store's entry of a run whose worker is gone, unless it had finished before."""
    store = open_store(run.config)
    entries = store.known(run.identity.key)
    for known in entries:
        if known.status == "FINISHED":
            return Outcome(run.identity, "finished", run_id=known.run_id)
    lost = [known for known in entries if known.stale]
    for known in lost:
        store.close(known.run_id, "FAILED", reason)
    run_id = lost[-1].run_id if lost else ""
    return Outcome(run.identity, "failed", reason, run_id, store.log_of_lost(run_id, reason) if run_id else None)
