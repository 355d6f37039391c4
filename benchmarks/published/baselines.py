"""Unmasked training against figures that others published: does the bench train as well as the field does?

python benchmarks/published/baselines.py [--only fashion_mnist] [--seeds 3] [--workers 2]

Every row is a data set with its published split, a model and its settings, all from the menu; the tolerance
in points is stated beside the reference. Archives have to be there: maskbench data fetch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import mean, stdev

import torch
from omegaconf import OmegaConf

from maskbench.config.build import build
from maskbench.config.compose import Composer
from maskbench.config.menu import menu
from maskbench.experiment import run_experiment


@dataclass(frozen=True)
class Baseline:
    """One published figure: test accuracy in per cent, and how far below it ours may be."""

    data: str
    model: str
    settings: str
    reference: float
    tolerance: float
    source: str


UCR = "Fawaz et al. 2019, mean of 10 runs"
README = "README of MNIST-1D"
MLP = "README of Fashion-MNIST, MLP 256-128-100"
CONVNET = "README of Fashion-MNIST, two convolutions, < 100 k parameters"
NEIGHBOURS = "k nearest neighbours (unverified)"
FULL = "data.val_share=0.05"
TEXT = f"{FULL} train.epochs=15 train.lr=3e-3 train.batch_size=32"
NEWS = f"{FULL} train.epochs=8 train.lr=1e-2 data.length=512 data.words=60000 data.least=1 model.dropout=0.5"
SERIES = f"{FULL} train.batch_size=16 train.weight_decay=0"
LITTLE = "train.epochs=6 model.dropout=0.5 train.weight_decay=1.0"
SLOW = "train.epochs=200 train.lr=1e-4 train.batch_size=8"
BASELINES = (
    Baseline("fashion_mnist", "mlp", "model.width=256 train.epochs=15 data.val_share=0.05", 88.3, 1.0, MLP),
    Baseline("fashion_mnist", "convnet", "train.epochs=20 data.val_share=0.05", 92.5, 0.5, CONVNET),
    Baseline("mnist1d", "linear", "data.val_share=0.05 train.epochs=60", 32, 2, README),
    Baseline("mnist1d", "mlp", "data.val_share=0.05 model.width=256 model.dropout=0.2 train.epochs=60", 68, 2, README),
    Baseline("mnist1d", "fcn", "data.val_share=0.05 train.epochs=60 train.batch_size=100", 94, 2, f"{README}, CNN"),
    Baseline("mnist1d", "gru", "data.val_share=0.05 train.epochs=100 train.lr=5e-3", 91, 2, README),
    Baseline("japanese_vowels", "fcn", f"{SERIES} model.width=128 train.epochs=150", 99.3, 1.0, f"{UCR}, FCN"),
    Baseline("japanese_vowels", "resfcn", f"{SERIES} model.width=64 train.epochs=100", 99.2, 1.0, f"{UCR}, ResNet"),
    Baseline("japanese_vowels", "mlp", f"{SERIES} model.width=500 train.epochs=100", 97.6, 1.0, f"{UCR}, MLP"),
    Baseline("osuleaf", "resfcn", f"{SERIES} train.epochs=150", 97.9, 2.0, f"{UCR}, ResNet; here half its width"),
    Baseline("osuleaf", "fcn", f"{SERIES} train.epochs=150", 97.7, 2.0, f"{UCR}, FCN; here half its width"),
    Baseline("osuleaf", "mlp", f"{SERIES} model.width=500 train.epochs=150", 55.7, 4.0, f"{UCR}, MLP"),
    Baseline("r8", "embedding_bag", TEXT, 97.0, 1.0, "Yao et al. 2019, TextGCN 97.07"),
    Baseline("newsgroups20", "embedding_bag", NEWS, 86.3, 3.0, "Yao et al. 2019, TextGCN 86.34"),
    Baseline("optdigits", "mlp", f"{FULL} train.epochs=60 model.width=256 model.dropout=0.3", 98.0, 1.0, NEIGHBOURS),
    Baseline("letter", "resmlp", f"{FULL} train.epochs=60", 97.0, 1.0, "MLP at full size (unverified)"),
    Baseline("twonorm", "linear", f"{FULL} train.epochs=20", 97.7, 0.5, "Bayes error of 2.3 % (unverified)"),
    Baseline("splice", "resmlp", f"{FULL} {LITTLE}", 95.9, 2.0, "Statlog DNA, RBF, another split (unverified)"),
    Baseline("satimage", "resmlp", f"{FULL} train.epochs=60", 90.6, 1.0, f"Statlog, {NEIGHBOURS}, another split"),
    Baseline("cells", "mlp", f"{FULL} train.epochs=10", 80.0, 2.0, "Kuhn & Johnson, about 80 (unverified)"),
    Baseline("khan", "linear", f"{FULL} {SLOW}", 90.0, 2.5, "ISL, linear SVM, 2 of 20 wrong"),
)


def accuracy(row: Baseline, seed: int) -> tuple[float, float]:
    """Test accuracy in per cent of one unmasked training, and its peak memory in MiB."""
    torch.set_num_threads(1)
    composer = Composer(menu(), OmegaConf.create({"job": {"config_name": "config"}, "overrides": {"hydra": []}}))
    overrides = [f"data={row.data}", f"model={row.model}", "mask=none", *row.settings.split(), f"seed={seed}"]
    record = run_experiment(build(composer.compose([*overrides, "evaluate.corruptions={}"])))
    return 100 * record.metrics["test/accuracy"], record.metrics["cost/peak_memory_mib"]


def table(rows: Iterable[Baseline], seeds: int, workers: int) -> Iterable[str]:
    """The rows of the table in Markdown, each as soon as it is there."""
    yield "| data | model, settings | published | ours | tolerance | met | peak MiB | source |"
    yield "|---|---|---|---|---|---|---|---|"
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = [(row, [pool.submit(partial(accuracy, row), seed) for seed in range(seeds)]) for row in rows]
        for row, futures in waiting:
            found, memory = zip(*(future.result() for future in futures), strict=True)
            ours = f"{mean(found):.1f}" + (f" ± {stdev(found):.1f}" if seeds > 1 else "")
            short = row.reference - mean(found)
            met = "yes" if short <= row.tolerance else f"no, {short:.1f} below"
            what = f"{row.model} `{row.settings}`"
            figures = f"{row.reference} | {ours} | {row.tolerance} | {met}"
            yield f"| {row.data} | {what} | {figures} | {max(memory):.0f} | {row.source} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="data sets or models, separated by commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    only = {name for name in asked.only.split(",") if name}
    rows = [row for row in BASELINES if not only or only & {row.data, row.model, f"{row.data}/{row.model}"}]
    for line in table(rows, asked.seeds, asked.workers):
        print(line, flush=True)


if __name__ == "__main__":
    main()
