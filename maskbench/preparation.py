"""The tensors of a run: split, labels and preprocessing of a data set, kept for the next run that asks for the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskbench.data.dataset import Dataset, Inputs
from maskbench.data.preprocess.step import Step
from maskbench.data.splits import Sampling, Split, labels, split_rows
from maskbench.description import Features
from maskbench.seeding import Streams
from maskbench.training import Examples

KEPT_BYTES = 512 * 2**20
"""Tensors of so many bytes are kept for later runs, and those of the latest run whatever their size."""
Key = tuple[Dataset, str, Sampling, int, torch.device]


@dataclass(frozen=True)
class Prepared:
    """`train`, `val` and `test` as tensors on one device, what their inputs are, and where they come from.

    `missing` is the share of train numbers that are not there; `fresh` (test rows,) is false for a test row
    whose inputs also occur among the train rows. The tensors are shared by runs: nothing writes into them.
    """

    parts: dict[str, Examples]
    features: Features
    split: Split
    missing: float
    fresh: Tensor

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(part.inputs.nbytes + part.targets.nbytes for part in self.parts.values())


_KEPT: OrderedDict[Key, Prepared] = OrderedDict()


def prepared(dataset: Dataset, steps: Sequence[Step], sampling: Sampling, seed: int, device: torch.device) -> Prepared:
    """What `prepare` makes, from memory where a run of this process had the same."""
    key = (dataset, repr(steps), sampling, seed, device)
    found = _KEPT.pop(key, None) or prepare(dataset, steps, sampling, seed, device)
    _KEPT[key] = found
    while len(_KEPT) > 1 and sum(each.size for each in _KEPT.values()) > KEPT_BYTES:
        _KEPT.popitem(last=False)
    return found


def prepare(dataset: Dataset, steps: Iterable[Step], sampling: Sampling, seed: int, device: torch.device) -> Prepared:
    """Every part of the split of this seed as tensors, every preprocessing step fitted on train."""
    streams = Streams(seed)
    split = split_rows(dataset, streams, sampling)
    targets = labels(dataset, split, streams, sampling)
    features = dataset.description.features
    inputs = {name: numbers(dataset.inputs[rows]) for name, rows in vars(split).items()}
    for step in steps:
        fitted = step.fit(inputs["train"], features)
        features = step.after(features)
        inputs = {name: fitted(values) for name, values in inputs.items()}
    parts = {
        name: Examples(
            torch.from_numpy(np.ascontiguousarray(inputs[name])).to(device), torch.from_numpy(targets[rows]).to(device)
        )
        for name, rows in vars(split).items()
    }
    fresh = ~np.isin(dataset.twins[split.test], dataset.twins[split.train])
    gaps = int(np.isnan(inputs["train"]).sum()) if features.kind != "tokens" else 0
    return Prepared(parts, features, split, gaps / inputs["train"].size, torch.from_numpy(fresh))


def numbers(inputs: Inputs) -> Inputs:
    """Grey values from 0 to 255 as float32 from 0 to 1, all else as it is."""
    return inputs if inputs.dtype != np.uint8 else np.multiply(inputs, np.float32(1 / 255), dtype=np.float32)
