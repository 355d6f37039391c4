"""How runs are executed: one run with its bookkeeping, and many of them in a pool of worker processes."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Literal

from maskbench.config.identity import code_version, identify, work
from maskbench.config.schema import Config
from maskbench.errors import Diverged, MaskbenchError, StoreError
from maskbench.records import Identity, Point
from maskbench.tracking.store import Store, Taken
from maskbench.tracking.writer import RunWriter

if TYPE_CHECKING:
    from pebble import ProcessPool

    from maskbench.sweep.plan import Planned
    from maskbench.training import Epoch

State = Literal["finished", "failed", "skipped", "busy"]
CURVE_POINTS = 100
WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome:
    """What became of one run; `skipped` was finished before, `busy` is being trained by another process."""

    identity: Identity
    state: State
    reason: str = ""
    run_id: str = ""

    @property
    def name(self) -> str:
        """What a person reads."""
        return self.identity.name


Execute = Callable[[Sequence["Planned"]], Iterator[Outcome]]
"""What a launcher offers a sweep: runs in, outcomes as they come."""
Attempt = Callable[[Sequence["Planned"]], Iterator[tuple["Planned", Outcome]]]


@dataclass(frozen=True)
class Settings:
    """How many workers, and the longest a run may take (seconds, None for no limit)."""

    workers: int
    time_limit: float | None = None


def run_and_track(config: Config) -> Outcome:
    """Train one canonical config and keep it in the store, unless it is there already.

    Failures of the run are an outcome; failures of the store are raised.
    """
    identity = identify(config)
    claim = _store(config.tracking.uri, config.study).claim(identity, config.tracking.flush_seconds, _tags(config))
    if isinstance(claim, Taken):
        return Outcome(identity, "skipped" if claim.finished else "busy", run_id=claim.run_id)
    try:
        claim.start(identity.settings, _yaml(config))
        _train(config, claim)
    except (Exception, SystemExit) as error:
        reason = _reason(error)
        claim.fail(reason, traceback.format_exc())
        return Outcome(identity, "failed", reason, claim.run_id)
    except BaseException:
        claim.kill()
        raise
    return Outcome(identity, "finished", run_id=claim.run_id)


def _tags(config: Config) -> dict[str, str]:
    tags = {"code": code_version(), "work": work(config)}
    if config.tracking.sweep:
        tags["sweep"] = config.tracking.sweep
    if config.tracking.parent:
        tags["mlflow.parentRunId"] = config.tracking.parent
    return tags


@lru_cache(maxsize=4)
def _store(uri: str | None, study: str) -> Store:
    return Store(uri, study)


def _train(config: Config, writer: RunWriter) -> None:
    import torch

    from maskbench.config.build import build
    from maskbench.experiment import run_experiment

    torch.set_num_threads(config.compute.threads)
    every = -(-config.train.epochs // CURVE_POINTS)

    def watch(epoch: Epoch) -> None:
        if epoch.number % every == 0 or epoch.number == 1:
            losses = {"loss/train": epoch.train_loss, "loss/val": epoch.val_loss}
            writer.watch(Point(name, value, epoch.number) for name, value in losses.items())

    writer.finish(run_experiment(build(config), watch))


def _reason(error: BaseException) -> str:
    if isinstance(error, Diverged):
        return f"diverged: {error}"
    line = (str(error).strip().splitlines() or [""])[0]
    return line if isinstance(error, MaskbenchError) else f"{type(error).__name__}: {line}"


def _yaml(config: Config) -> str:
    import yaml

    return yaml.safe_dump(asdict(config), sort_keys=False)


def until_free(attempt: Attempt, runs: Sequence[Planned]) -> Iterator[Outcome]:
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
            time.sleep(WATCH_SECONDS)


def run_in_pool(runs: Sequence[Planned], settings: Settings) -> Iterator[Outcome]:
    """Outcomes as they come from worker processes; a worker that dies or takes too long costs its run only."""
    with _pool(settings.workers) as pool:
        yield from until_free(partial(_attempt, pool, settings), runs)


def _attempt(pool: ProcessPool, settings: Settings, runs: Sequence[Planned]) -> Iterator[tuple[Planned, Outcome]]:
    futures: dict[Future[Outcome], Planned] = {
        pool.schedule(run_and_track, args=[run.config], timeout=settings.time_limit): run for run in runs
    }
    for future in as_completed(futures):
        yield futures[future], _outcome(futures[future], future, settings)


def _outcome(run: Planned, future: Future[Outcome], settings: Settings) -> Outcome:
    from pebble import ProcessExpired

    try:
        return future.result()
    except ProcessExpired as error:
        reason = f"its process died (exit code {error.exitcode})"
    except TimeoutError:
        reason = f"it took longer than the limit of {settings.time_limit} s"
    except StoreError as error:
        return Outcome(run.identity, "failed", str(error))
    run_id = _close_lost(run, reason)
    return Outcome(run.identity, "failed", reason, run_id)


def _close_lost(run: Planned, reason: str) -> str:
    """End the store's entry of a run whose worker is gone."""
    store = _store(run.config.tracking.uri, run.config.study)
    lost = [known for known in store.known(run.identity.key) if known.stale]
    for known in lost:
        store.close(known.run_id, "FAILED", reason)
    return lost[-1].run_id if lost else ""


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPool]:
    """Worker processes that import nothing of the parent's; they end at once where the sweep is interrupted."""
    from pebble import ProcessPool

    context = get_context("spawn")
    pool = ProcessPool(max_workers=workers, initializer=_start_worker, initargs=[os.getpid()], context=context)
    try:
        yield pool
        pool.close()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()


def _start_worker(parent: int) -> None:
    """A worker whose sweep is gone ends at once: its run is taken over by the next sweep."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def default_workers(threads: int) -> int:
    """As many workers as the processor has cores for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)
