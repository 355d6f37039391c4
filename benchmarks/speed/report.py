"""How long a report takes, and how much memory, over the number of runs in a SQLite store.

python benchmarks/speed/report.py [--runs 500 10000]

The store is filled with simulated runs of 40 metrics each, straight into its tables; the report is
the whole command, timed once for each size.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from maskbench.tracking.plans import write_plan
from maskbench.tracking.store import Store

SEEDS, RATES, MASKS = 20, (0.1, 0.2, 0.3, 0.4, 0.5), ("bernoulli", "exact_count", "feature", "gaussian_noise", "swap")
METRICS = [f"{part}/{name}" for part in ("train", "val", "test", "gap") for name in ("accuracy", "nll", "brier", "ece")]
METRICS += [
    f"robust/{what}/{name}" for what in ("bernoulli", "gaussian_noise") for name in ("accuracy", "nll", "brier", "ece")
]
METRICS += [f"more/{number}" for number in range(40 - len(METRICS) - 2)] + ["cost/seconds", "mask/realised_rate"]
STUDY = "big"


def planned(runs: int) -> Iterator[dict[str, object]]:
    """Settings of `runs` runs: data sets of 20 seeds, each with every mask at every rate and the partner."""
    arms = [("none", None), *itertools.product(MASKS, RATES)]
    for number in range(runs):
        rest, seed = divmod(number, SEEDS)
        data, arm = divmod(rest, len(arms))
        mask, rate = arms[arm]
        key = f"{data}-{mask}-{rate}-{seed}"
        settings = {"data": f"data{data}", "model": "mlp", "mask": mask, "rate": rate, "seed": seed}
        yield {"key": key, "pair_key": f"{data}-none-None-{seed}", "run_id": f"{number:032x}"} | settings


def fill(folder: Path, runs: int) -> None:
    """A store with one study of `runs` finished runs."""
    store = Store(f"sqlite:///{folder / 'mlflow.db'}", STUDY)
    parent = store.open_sweep("s", "maskbench sweep")
    rows = list(planned(runs))
    write_plan(store, parent, [{name: row[name] for name in row if name not in ("pair_key", "run_id")} for row in rows])
    values = np.random.default_rng(0).normal(0.9, 0.01, (runs, len(METRICS)))
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        experiment = int(store.experiment_id)
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, artifact_uri, experiment_id) "
            "VALUES (?, 'run', 'FINISHED', ?, 'active', '', ?)",
            [(row["run_id"], place, experiment) for place, row in enumerate(rows)],
        )
        tags = {"kind": "run", "code": "c", "hardware": "h", "hash.split": "s", "hash.init": "i", "hash.batches": "b"}
        connection.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            [
                (f"maskbench.{name}", value, row["run_id"])
                for row in rows
                for name, value in (tags | {"key": row["key"], "pair_key": row["pair_key"]}).items()
            ],
        )
        connection.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            [
                (name, str(row[name]), row["run_id"])
                for row in rows
                for name in ("data", "model", "mask", "rate", "seed")
                if row[name] is not None
            ],
        )
        connection.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 0, 0, 0, ?)",
            [
                (name, value, row["run_id"])
                for row, line in zip(rows, values, strict=True)
                for name, value in zip(METRICS, line.tolist(), strict=True)
            ],
        )


def report(folder: Path) -> tuple[float, float, float]:
    """Seconds, peak memory in MiB and size of the HTML in MiB of `maskbench report`."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "maskbench", "report", "--study", STUDY], cwd=folder, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the report failed")
    spent = time.perf_counter() - started
    size = (folder / "reports" / STUDY / "report.html").stat().st_size
    return spent, usage.ru_maxrss / 2**10, size / 2**20


def main() -> None:
    """Print one row per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[500, 10_000])
    print("| runs | seconds | peak memory MiB | HTML MiB |\n|---|---|---|---|")
    for runs in parser.parse_args().runs:
        with tempfile.TemporaryDirectory() as name:
            fill(Path(name), runs)
            spent, memory, size = report(Path(name))
        print(f"| {runs:,} | {spent:.1f} | {memory:.0f} | {size:.2f} |")


if __name__ == "__main__":
    main()
