"""How runs are executed: one run with its bookkeeping, and runs that other processes are busy with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskbench.config.identity import code_version, identify, work
from maskbench.config.schema import Config
from maskbench.errors import Diverged, MaskbenchError, StoreError
from maskbench.records import Identity, Point, RunRecord
from maskbench.sweep.clock import off_the_clock
from maskbench.sweep.log import logged
from maskbench.sweep.stopping import shielded
from maskbench.tracking.store import Store, Taken
from maskbench.tracking.writer import RunWriter

if TYPE_CHECKING:
    from maskbench.sweep.plan import Planned
    from maskbench.training import Epoch

State = Literal["finished", "failed", "skipped", "busy", "again"]
CURVE_POINTS = 100
BUSY_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome:
    """What became of one run.

    `skipped` was finished before, `busy` is being trained by another process, `again` failed and
    is tried once more.
    """

    identity: Identity
    state: State
    reason: str = ""
    run_id: str = ""
    log: Path | None = None
    kept: Path | None = None
    """Where the run's record waits, if the store did not take it."""
    lasting: bool = False
    """Whether the same settings would fail the same way again."""

    @property
    def name(self) -> str:
        """What a person reads."""
        return self.identity.name


Execute = Callable[[Sequence["Planned"]], Generator[Outcome, None, None]]
"""Runs in, outcomes as they come; closing it ends what still runs."""
Attempt = Callable[[Sequence["Planned"]], Iterator[tuple["Planned", Outcome]]]


@dataclass(frozen=True)
class Launch:
    """What a launcher offers a sweep, and how many runs it trains at a time (None: it does not say)."""

    execute: Execute
    workers: int | None = None


def run_and_track(config: Config, quiet: bool = False) -> Outcome:
    """Train one canonical config and keep it in the store, unless it is there already.

    Failures of the run are an outcome; a store that cannot be used is raised. What a `quiet` run
    prints goes to its log only.
    """
    identity = identify(config)
    store = open_store(config)
    with shielded(), off_the_clock():
        claim = store.claim(identity, config.tracking.flush_seconds, _tags(config))
    if isinstance(claim, Taken):
        return Outcome(identity, "skipped" if claim.finished else "busy", run_id=claim.run_id)
    try:
        claim.start(identity.settings, _yaml(config))
        with logged(claim.log, f"{identity.name}, key {identity.key}", quiet):
            record = _train(config, claim)
    except (StoreError, KeyboardInterrupt):
        with shielded():
            claim.kill()
        raise
    except (Exception, SystemExit) as error:
        reason = _reason(error)
        with shielded(), off_the_clock():
            kept = claim.fail(reason)
        return Outcome(identity, "failed", reason, claim.run_id, claim.log, kept, isinstance(error, MaskbenchError))
    with shielded(), off_the_clock():
        kept = claim.finish(record)
    return Outcome(identity, "finished", run_id=claim.run_id, kept=kept)


def open_store(config: Config) -> Store:
    """The store of a run; a process opens each once."""
    return _store(config.tracking.uri, config.study, config.tracking.patience_seconds)


@lru_cache(maxsize=8)
def _store(uri: str | None, study: str, patience: float) -> Store:
    return Store(uri, study, patience)


def _tags(config: Config) -> dict[str, str]:
    tags = {"code": code_version(), "work": work(config)}
    if config.tracking.sweep:
        tags["sweep"] = config.tracking.sweep
    if config.tracking.parent:
        tags["mlflow.parentRunId"] = config.tracking.parent
    return tags


def _train(config: Config, writer: RunWriter) -> RunRecord:
    import torch

    from maskbench.config.build import build
    from maskbench.experiment import run_experiment

    torch.set_num_threads(config.compute.threads)
    every = -(-config.train.epochs // CURVE_POINTS)

    def watch(epoch: Epoch) -> None:
        if epoch.number % every == 0 or epoch.number == 1:
            losses = {"loss/train": epoch.train_loss, "loss/val": epoch.val_loss}
            writer.watch(Point(name, value, epoch.number) for name, value in losses.items())

    return run_experiment(build(config), watch)


def _reason(error: BaseException) -> str:
    if isinstance(error, Diverged):
        return f"diverged: {error}"
    line = (str(error).strip().splitlines() or [""])[0]
    return line if isinstance(error, MaskbenchError) else f"{type(error).__name__}: {line}"


def _yaml(config: Config) -> str:
    """The run's config as a text: what it is, not where it is kept."""
    import yaml

    node = {name: value for name, value in asdict(config).items() if name != "tracking"}
    return yaml.dump(node, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


def until_free(attempt: Attempt, runs: Sequence[Planned]) -> Generator[Outcome, None, None]:
    """Outcomes of all runs; those that another process is training are asked for again until it is done or gone."""
    while runs:
        busy: list[Planned] = []
        for run, outcome in attempt(runs):
            if outcome.state == "busy":
                busy.append(run)
            else:
                yield outcome
        runs = busy
        if runs:
            time.sleep(BUSY_SECONDS)


def default_workers(threads: int) -> int:
    """As many workers as the processor has cores for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)
