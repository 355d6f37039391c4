"""A/A on real training: arms that differ in the stream of their mask only, so that no verdict can be right.

python benchmarks/aa.py [--seeds 10] [--arms 6]

Every arm hides 30 % of the cells, each with draws of its own; one of them plays the unmasked partner.
A second table compares no mask with masks of rate 0, which must agree bit for bit.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Generator, Tensor

from maskbench.comparison import compare
from maskbench.data.dataset import Dataset
from maskbench.data.preprocess.scaling import Standardize
from maskbench.data.sets.bundled import breast_cancer, diabetes, digits, wine
from maskbench.experiment import Experiment, run_experiment
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.cells import Batch, uniform
from maskbench.masks.contract import Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.models.mlp import mlp
from maskbench.records import UNMASKED
from maskbench.training import TrainSettings

RATE = 0.3


@dataclass(frozen=True)
class OtherDraws(Pattern):
    """Independent cells from another part of the stream: `skip` draws are thrown away at every step."""

    skip: int = 0

    def sample(self, batch: Batch, rates: Tensor, generator: Generator) -> Tensor:
        """Hidden cells of the batch."""
        uniform((self.skip,), generator)
        return Bernoulli().sample(batch, rates, generator)


def run(dataset: Dataset, mask: Mask | None, seed: int, name: str, rate: float) -> dict[str, object]:
    """One training as a row of a runs table; its arm is `name`."""
    settings = TrainSettings(epochs=40, batch_size=64, lr=1e-3, weight_decay=0.01, patience=None)
    record = run_experiment(Experiment(dataset, (Standardize(),), mlp, mask, settings, {}, [], seed, seed, "cpu"))
    row: dict[str, object] = {
        "data": dataset.description.name,
        "model": "mlp",
        "mask": name,
        "rate": rate,
        "seed": seed,
    }
    row |= {f"hash/{what}": value for what, value in record.hashes.items()}
    return row | dict(record.metrics)


def same_masks(seeds: int, arms: int) -> Iterator[dict[str, object]]:
    """Arms that hide alike with other draws; the first stands in for no mask."""
    for dataset in (digits("columns"), breast_cancer(), wine(), diabetes()):
        for seed in range(seeds):
            yield run(dataset, Mask(OtherDraws(0), Zero(), RATE), seed, UNMASKED, float("nan"))
            for arm in range(1, arms + 1):
                yield run(dataset, Mask(OtherDraws(arm), Zero(), RATE), seed, f"draws {arm}", RATE)


def no_masks(seeds: int) -> Iterator[dict[str, object]]:
    """Rate 0 through the masking code against no mask at all."""
    for dataset in (digits("columns"), breast_cancer(), wine(), diabetes()):
        for seed in range(seeds):
            yield run(dataset, None, seed, UNMASKED, float("nan"))
            yield run(dataset, Mask(OtherDraws(1), Zero(), 0.0), seed, "rate 0", 0.0)


def show(title: str, rows: Iterator[dict[str, object]]) -> None:
    """Compare the rows and print the answers, and what the exploratory table settles."""
    comparison = compare(pd.DataFrame(list(rows)))
    print(f"\n{title}\n\n| data | verdict | mean difference | 95 % interval | adjusted p | pairs |")
    print("|---|---|---|---|---|---|")
    for answer in comparison.answers.to_dict("records"):
        interval = f"{answer['ci_low']:+.4f} to {answer['ci_high']:+.4f}"
        numbers = f"{answer['estimate']:+.4f} | {interval} | {answer['p_adjusted']:.2f} | {answer['n_pairs']}"
        print(f"| {answer['data']} | {answer['verdict']} | {numbers} |")
    effects = comparison.effects
    settled = effects["verdict"].isin(["helps", "hurts"])
    print(f"\nsettled among all {len(effects)} arms and measures: {settled.sum()}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--arms", type=int, default=6)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    show("Same mask, other draws:", same_masks(wanted.seeds, wanted.arms))
    show("No mask and rate 0:", no_masks(wanted.seeds))


if __name__ == "__main__":
    main()
