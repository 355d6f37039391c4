"""The soak: sweeps killed again and again, a thousand runs in one worker, and what a run costs beside its training.

python benchmarks/soak.py [--seeds 60] [--kills 30] [--tiny 1000] [--draws 0]

Prints the tables of benchmarks/soak.md. Killed sweeps are of 5 runs a seed, a tenth of a second each; the
processes to kill and the moments are drawn at random.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil

from maskbench.errors import StoreError
from maskbench.tracking.known import Known, read_sqlite
from maskbench.tracking.store import Store
from maskbench.tracking.table import runs_table

STUDY = "soak"
COMMON = (f"study={STUDY}", "data=wine", "model=linear", "evaluate.rates=[0.5]")
SHORT = (*COMMON, "train.epochs=100", "mask=bernoulli,feature", "mask.rate=0.1,0.5", "hydra.launcher.retries=1")
TINY = (*COMMON, "train.epochs=1", "hydra.launcher.workers=1")
SAMPLES = 10
"""How often memory is looked at."""
KINDS = ("a worker", "the sweep alone", "the whole group", "the fork server")


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A command of ours in a process group of its own."""
    command = [sys.executable, "-m", "maskbench", *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)


def seconds_of(folder: Path, *words: str) -> float:
    """How long a command takes that has to succeed."""
    began = time.monotonic()
    code = start(folder, *words).wait()
    if code:
        sys.exit(f"maskbench {' '.join(words)} ended with exit code {code}")
    return time.monotonic() - began


def known(folder: Path) -> list[Known]:
    """The runs in a folder's store, without the sweeps; none while it is being made."""
    with suppress(StoreError):
        return [run for run in read_sqlite(folder / "mlflow.db", STUDY) if run.key]
    return []


def done(folder: Path) -> int:
    """How many runs are finished."""
    return sum(run.status == "FINISHED" for run in known(folder))


def numbers(folder: Path) -> pd.DataFrame:
    """All that finished runs measured, but for their costs, in the order of the keys."""
    table = runs_table(Store(f"sqlite:///{folder / 'mlflow.db'}", STUDY))
    table = table[table["status"] == "FINISHED"].set_index("key").sort_index()
    return table[sorted(name for name in map(str, table) if "/" in name and not name.startswith("cost/"))]


def server_of(sweep: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The process that a sweep's workers come from, while there is one."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(sweep.pid).children():
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                return child
    return None


def workers_of(sweep: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A sweep's workers."""
    server = server_of(sweep)
    with suppress(psutil.NoSuchProcess):
        return server.children() if server else []
    return []


def kill(kind: str, sweep: subprocess.Popen[bytes], draw: random.Random) -> None:
    """Kill what `kind` says, if it is there."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if kind == "the whole group":
            os.killpg(sweep.pid, signal.SIGKILL)
        elif kind == "the sweep alone":
            sweep.kill()
        elif kind == "a worker" and (workers := workers_of(sweep)):
            draw.choice(workers).kill()
        elif kind == "the fork server" and (server := server_of(sweep)):
            server.kill()


def killed(folder: Path, overrides: Sequence[str], kills: int, draw: random.Random) -> dict[str, int]:
    """Start the sweep as often as it takes to kill that many processes; says how many of which."""
    count = dict.fromkeys(KINDS, 0)
    while sum(count.values()) < kills:
        sweep = start(folder, "sweep", *overrides)
        while sweep.poll() is None and not workers_of(sweep):
            time.sleep(0.05)
        while sweep.poll() is None and sum(count.values()) < kills:
            time.sleep(draw.uniform(0, 2))
            kind = draw.choice(KINDS)
            if sweep.poll() is None:
                kill(kind, sweep, draw)
                count[kind] += 1
            if kind in ("the sweep alone", "the whole group"):
                break
        else:
            sweep.wait()
        if done(folder) == runs_of(overrides):
            break
        with suppress(subprocess.TimeoutExpired):
            sweep.wait(1)
    return count


def runs_of(overrides: Sequence[str]) -> int:
    """How many runs the short sweep has."""
    seeds = next(word for word in overrides if word.startswith("seed="))
    return 5 * int(seeds.removeprefix("seed=range(").rstrip(")"))


def soak(seeds: int, kills: int, draws: int, folder: Path) -> None:
    """Print what is left of a sweep that was killed again and again, beside one that was not."""
    overrides = (*SHORT, f"seed=range({seeds})")
    quiet, stormy = folder / "quiet", folder / "stormy"
    quiet.mkdir()
    stormy.mkdir()
    alone = seconds_of(quiet, "sweep", *overrides)
    began = time.monotonic()
    count = killed(stormy, overrides, kills, random.Random(draws))
    seconds_of(stormy, "sweep", *overrides)
    took = time.monotonic() - began
    runs = known(stormy)
    finished = [run.key for run in runs if run.status == "FINISHED"]
    time.sleep(5)
    left = [process for process in psutil.process_iter() if _works_in(process, stormy)]
    rows = {
        "runs": runs_of(overrides),
        "seconds undisturbed": f"{alone:.0f}",
        "seconds with kills": f"{took:.0f}",
        **{f"kills of {kind}": times for kind, times in count.items()},
        "attempts": len(runs),
        "finished": len(finished),
        "finished twice": len(finished) - len(set(finished)),
        "left RUNNING": sum(run.status == "RUNNING" for run in runs),
        "numbers as undisturbed": "all" if numbers(stormy).equals(numbers(quiet)) else "NO",
        "processes left behind": len(left),
    }
    table("Killed again and again", ("", ""), rows.items())


def _works_in(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error):
        return process.cwd() == str(folder)
    return False


def tiny(runs: int, folder: Path) -> None:
    """Print memory and overhead of many runs in one worker, whose training is almost nothing."""
    overrides = (*TINY, f"seed=range({runs})")
    folder = folder / "tiny"
    folder.mkdir()
    planning = seconds_of(folder, "plan", *overrides)
    began = time.monotonic()
    memory = watched(folder, overrides, runs)
    whole = time.monotonic() - began
    resuming = seconds_of(folder, "sweep", *overrides)
    table("Resident memory of the one worker", ("after runs", "MiB"), memory.items())
    first, last = min(memory), max(memory)
    print(f"\nGrowth: {(memory[last] - memory[first]) / (last - first) * 1024:.1f} KiB a run.")

    times = known(folder)
    inside = sum((run.ended or 0) - run.started for run in times) / 1000 / runs
    ended = max(run.ended or 0 for run in times)
    spacing = (ended - min(run.started for run in times)) / 1000 / runs
    alone = train_alone(min(runs, 200))
    parts = {
        "training and evaluation alone": alone,
        "plan": planning / runs,
        "within the run: config, log, curves": inside - alone,
        "between runs: claim, record, hand over": spacing - inside,
    }
    overhead = sum(parts.values()) - alone
    rows = [*parts.items(), ("overhead: the last three together", overhead)]
    table(f"Overhead of {runs} runs in one worker", ("", "ms a run"), [(name, f"{1000 * s:.1f}") for name, s in rows])
    print(f"\nPlanned in {planning:.1f} s, swept in {whole:.1f} s, repeated with all finished in {resuming:.1f} s.")


def watched(folder: Path, overrides: Sequence[str], runs: int) -> dict[int, int]:
    """Sweep, and the worker's resident memory (MiB) by how many runs are finished."""
    sweep = start(folder, "sweep", *overrides)
    memory: dict[int, int] = {}
    while sweep.poll() is None:
        time.sleep(0.2)
        reached = done(folder) * SAMPLES // runs * runs // SAMPLES
        with suppress(psutil.NoSuchProcess, IndexError):
            if reached and reached not in memory:
                memory[reached] = workers_of(sweep)[0].memory_info().rss // 2**20
    if sweep.returncode:
        sys.exit(f"the sweep of tiny runs ended with exit code {sweep.returncode}")
    return memory


def train_alone(runs: int) -> float:
    """Seconds a run where nothing but the experiment is done, the first left out."""
    import torch
    from omegaconf import OmegaConf

    from maskbench.config.build import build
    from maskbench.config.compose import Composer
    from maskbench.config.menu import menu
    from maskbench.experiment import run_experiment

    torch.set_num_threads(1)
    composer = Composer(menu(), OmegaConf.create({"job": {"config_name": "config"}, "overrides": {"hydra": []}}))
    configs = [composer.compose([*COMMON, "train.epochs=1", f"seed={seed}"]) for seed in range(runs + 1)]
    run_experiment(build(configs[0]))
    began = time.monotonic()
    for config in configs[1:]:
        run_experiment(build(config))
    return (time.monotonic() - began) / runs


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print(f"\n## {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--tiny", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=0)
    wanted = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryDirectory() as folder:
        soak(wanted.seeds, wanted.kills, wanted.draws, Path(folder))
        tiny(wanted.tiny, Path(folder))


if __name__ == "__main__":
    main()
