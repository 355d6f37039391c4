"""One run on one page: an experiment goes in, a record comes out, nothing is written anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from maskbench.data.dataset import Dataset
from maskbench.data.preprocess.step import Step
from maskbench.data.splits import Sampling
from maskbench.description import Description
from maskbench.evaluation import evaluate
from maskbench.hardware import choose_device, describe_hardware, peak_memory, reset_peak_memory
from maskbench.masks.contract import Context
from maskbench.masks.mask import Mask, Masking
from maskbench.metrics import loss
from maskbench.preparation import Prepared, prepared
from maskbench.records import RunRecord
from maskbench.seeding import Streams
from maskbench.targets import TargetScale
from maskbench.training import Epoch, Examples, Fit, TrainSettings, fit


@dataclass(frozen=True)
class Experiment:
    """All that decides a run; `mask` None trains on the inputs as they are."""

    dataset: Dataset
    steps: Sequence[Step]
    model: Callable[[Description], nn.Module]
    mask: Mask | None
    train: TrainSettings
    corruptions: Mapping[str, Mask]
    test_rates: Sequence[float]
    seed: int
    split_seed: int
    device: str = "auto"
    sampling: Sampling = field(default_factory=Sampling)
    place: str = ""
    """The modules that a mask inside the model works on: their class, or the dotted name of one."""


def ignore(epoch: Epoch) -> None:
    """The `on_epoch` of those who do not watch."""


def run_experiment(experiment: Experiment, on_epoch: Callable[[Epoch], None] = ignore) -> RunRecord:
    """Train once, evaluate once; raises Diverged where the loss is not finite.

    The same experiment gives the same numbers whatever ran before it in the process, and torch's
    global generators are left as found.
    """
    device = choose_device(experiment.device)
    reset_peak_memory(device)
    streams = Streams(experiment.seed)
    data = prepared(experiment.dataset, experiment.steps, experiment.sampling, experiment.split_seed, device)
    description, parts = replace(experiment.dataset.description, features=data.features), data.parts
    scale = TargetScale.of(description.task, parts["train"].targets)
    context = Context(parts["train"].inputs, description.features)
    masking = None if experiment.mask is None else experiment.mask.fit(context)
    with streams.as_global("init"):
        model = experiment.model(description).to(device)
    hashes = {"split": data.split.digest, "init": weights_digest(model)}
    with streams.as_global("model"):
        train, val = (Examples(parts[name].inputs, scale.down(parts[name].targets)) for name in ("train", "val"))
        settings, place = experiment.train, experiment.place
        fitted = fit(model, loss(description.task), train, val, masking, settings, streams, on_epoch, place)
    predictor = nn.Sequential(model, scale).eval()
    corruptions, rates = experiment.corruptions, experiment.test_rates
    found = evaluate(predictor, description.task, parts, data.fresh, context, corruptions, rates)
    return RunRecord(
        metrics=found.metrics | sizes(data) | facts(masking, fitted) | costs(fitted, device),
        curves=found.curves,
        hashes=hashes | {"batches": fitted.batches_digest},
        hardware=describe_hardware(device),
        items=found.items,
    )


def weights_digest(model: nn.Module) -> str:
    """Short hash of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def sizes(data: Prepared) -> dict[str, float]:
    """Rows of each part, test rows that also occur in train, and the share of train numbers that are not there."""
    rows = {f"split/{name}": float(len(rows)) for name, rows in vars(data.split).items()}
    return rows | {"split/test_in_train": float((~data.fresh).sum()), "split/missing": data.missing}


def facts(masking: Masking | None, fitted: Fit) -> dict[str, float]:
    """The rate asked for and what was hidden, and how far training went."""
    return {
        "mask/nominal_rate": 0.0 if masking is None else masking.rate,
        **{f"mask/{name}": value for name, value in fitted.mask_facts.items()},
        "fit/epochs": float(len(fitted.epochs)),
        "fit/best_epoch": float(fitted.best_epoch),
        "fit/steps": float(fitted.steps),
    }


def costs(fitted: Fit, device: torch.device) -> dict[str, float]:
    """Seconds of training, on the wall and on the processor, those spent on the mask, and peak memory in MiB."""
    return {
        "cost/seconds": fitted.seconds,
        "cost/cpu_seconds": fitted.cpu_seconds,
        "cost/mask_seconds": fitted.mask_seconds,
        "cost/peak_memory_mib": peak_memory(device),
    }
