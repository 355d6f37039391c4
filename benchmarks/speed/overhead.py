"""What Hydra, MLflow and evaluation add to a run of the quickstart, and how fast the commands answer.

python benchmarks/speed/overhead.py [--repeats 5]

Phases are medians over the quickstart's runs of one seed in one process and one thread. Commands
are whole processes in a folder of their own, medians over the repeats. Nothing else should run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

MASKBENCH = [sys.executable, "-m", "maskbench"]
QUICKSTART = "experiment=quickstart"
MANY = (
    "data=digits_tab,breast_cancer",
    "mask=bernoulli,exact_count,feature,gaussian_noise",
    "mask.rate=0.1,0.2,0.3,0.4,0.5",
    "seed=range(24)",
    "train.epochs=1",
    "study=many",
)
"""1,008 short runs, 48 of them partners."""


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A working directory for one measurement."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


def seconds(action: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def command(*args: str) -> float:
    """Wall seconds of one maskbench command."""
    return seconds(lambda: subprocess.run([*MASKBENCH, *args], check=True, capture_output=True))


def phases() -> dict[str, list[float]]:
    """Seconds of each phase of a run, one entry a run: compose, train, evaluate and prepare, track."""
    import torch

    from maskbench.config.build import build
    from maskbench.experiment import run_experiment
    from maskbench.sweep.execute import run_and_track

    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {"compose and check": [], "train": [], "evaluate": [], "track": []}
    composed, compose_seconds = quickstart_runs()
    for run in composed[:2]:
        run_and_track(run)  # opens the store, loads the data
    for config in composed[2:]:
        started = time.perf_counter()
        record = run_experiment(build(config))
        alone = time.perf_counter() - started
        tracked = seconds(lambda config=config: run_and_track(config))
        spent["compose and check"].append(compose_seconds)
        spent["train"].append(record.metrics["cost/seconds"])
        spent["evaluate"].append(alone - record.metrics["cost/seconds"])
        spent["track"].append(tracked - alone)
    return spent


def quickstart_runs() -> tuple[list, float]:
    """The configs of one seed of the quickstart, and the mean seconds of planning one."""
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from omegaconf import OmegaConf

    from maskbench.config.compose import Composer
    from maskbench.config.schema import register
    from maskbench.sweep.plan import Grid, make_plans

    register()
    hydra = Hydra.create_main_hydra2("maskbench", create_config_search_path("pkg://maskbench.conf"))
    node = OmegaConf.create({"job": {"config_name": "config"}, "overrides": {"hydra": []}})
    jobs = [
        (QUICKSTART, f"data={data}", f"mask={mask}", f"mask.rate={rate}", f"seed={seed}")
        for data in ("digits_tab", "breast_cancer")
        for mask in ("bernoulli", "exact_count", "feature", "gaussian_noise")
        for rate in (0.1, 0.3, 0.5)
        for seed in range(10)
    ]
    started = time.perf_counter()
    (plan,) = make_plans(Composer(hydra.config_loader, node), [Grid(jobs)])
    spent = (time.perf_counter() - started) / len(plan.runs)
    return [run.config for run in plan.runs if run.config.seed == 0], spent


def report_phases() -> None:
    """Print the phases of a run and the ratio of all that is added to the training itself."""
    with empty_folder():
        spent = phases()
    medians = {name: statistics.median(values) for name, values in spent.items()}
    print("| phase of a run | median ms |\n|---|---|")
    for name, value in medians.items():
        print(f"| {name} | {1000 * value:.0f} |")
    added = sum(statistics.fmean(values) for name, values in spent.items() if name != "train")
    print(f"\nadded / training, mean over the runs: {added / statistics.fmean(spent['train']):.2f}\n")


def report_commands(repeats: int) -> None:
    """Print the medians of whole commands."""
    print("| command | seconds |\n|---|---|")
    with empty_folder():
        for args in (["--help"], ["plan", QUICKSTART]):
            print(f"| maskbench {' '.join(args)} | {statistics.median(command(*args) for _ in range(repeats)):.2f} |")
        print(f"| maskbench sweep {QUICKSTART} | {command('sweep', QUICKSTART):.1f} (once) |")
        again = statistics.median(command("sweep", QUICKSTART) for _ in range(repeats))
        print(f"| the same again, all finished | {again:.2f} |")
        report = statistics.median(command("report", "--study", "quickstart") for _ in range(repeats))
        print(f"| maskbench report --study quickstart | {report:.2f} |")
        plan = statistics.median(command("plan", *MANY) for _ in range(repeats))
        print(f"| maskbench plan of 1,008 runs | {plan:.2f} |")
        print(f"| maskbench sweep of the same | {command('sweep', *MANY):.1f} (once) |")
        again = statistics.median(command("sweep", *MANY) for _ in range(repeats))
        print(f"| the same again, all finished | {again:.2f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="how often a command is timed")
    repeats = parser.parse_args().repeats
    report_phases()
    report_commands(repeats)


if __name__ == "__main__":
    main()
