"""Training: one function that takes what it needs and returns plain values."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskbench.errors import Diverged
from maskbench.masks.mask import INPUT, Masked, Masking
from maskbench.masks.schedules import Moment
from maskbench.places import masked_at
from maskbench.scoring import scores
from maskbench.seeding import Streams
from maskbench.tally import Tally

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TrainSettings:
    """How a model is fitted, the same for masked and unmasked runs.

    `patience` is the number of epochs without a lower validation loss after which training stops
    and the best weights return; None trains all epochs and keeps the last weights.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    patience: int | None


@dataclass(frozen=True)
class Examples:
    """Inputs (N, *shape) and targets (N,) as tensors on one device."""

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Epoch:
    """Losses after one epoch: the mean over masked train batches, and on clean validation rows."""

    number: int
    train_loss: float
    val_loss: float


@dataclass(frozen=True)
class Fit:
    """What training came to, apart from the weights, which stay in the model."""

    epochs: tuple[Epoch, ...]
    best_epoch: int
    steps: int
    seconds: float
    cpu_seconds: float
    mask_seconds: float
    mask_facts: Mapping[str, float]
    batches_digest: str


def fit(
    model: nn.Module,
    loss: Loss,
    train: Examples,
    val: Examples,
    masking: Masking | None,
    settings: TrainSettings,
    streams: Streams,
    on_epoch: Callable[[Epoch], None],
    place: str = "",
) -> Fit:
    """Train `model` in place with AdamW and leave it in evaluation mode.

    `place` is the selector of the mask's place inside the model, unused for a mask of the input.
    Raises Diverged on a loss that is not finite.
    """
    shuffle = streams.generator("batches")
    learned = [] if masking is None else list(masking.parameters())
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}, {"params": learned, "weight_decay": 0.0}]
    decay = settings.weight_decay
    optimiser = torch.optim.AdamW(groups[: 1 + bool(learned)], lr=settings.lr, weight_decay=decay, fused=True)
    steps = math.ceil(len(train.targets) / settings.batch_size)
    best, clock = Best(settings.patience), Clock()
    masked = MaskedTraining(model, loss, masking, streams.generator("mask/train"), settings.epochs * steps)
    epochs: list[Epoch] = []
    digest = ""
    with masked.at(place):
        while len(epochs) < settings.epochs and not best.exhausted:
            with clock:
                order = torch.randperm(len(train.targets), generator=shuffle)
                digest = digest or hashlib.sha256(order.numpy().tobytes()).hexdigest()[:16]
                masked.epoch = len(epochs)
                train_loss = _one_epoch(model, loss, optimiser, train, order, settings.batch_size, masked)
                train = masked.compounded(train, settings.batch_size)
                epoch = Epoch(len(epochs) + 1, train_loss, validation_loss(model, loss, val))
                _require_finite(epoch)
                epochs.append(epoch)
                best.update(epoch, model)
            on_epoch(epoch)
    best.restore(model)
    return Fit(
        tuple(epochs),
        best.epoch,
        len(epochs) * steps,
        clock.seconds,
        clock.cpu_seconds,
        masked.tally.seconds,
        masked.tally.facts(),
        digest,
    )


def _one_epoch(
    model: nn.Module,
    loss: Loss,
    optimiser: torch.optim.Optimizer,
    train: Examples,
    order: Tensor,
    batch_size: int,
    masked: MaskedTraining,
) -> float:
    """One pass over the train rows in `order`: the mean loss over masked batches."""
    losses = torch.zeros((), device=train.inputs.device)
    model.train()
    for rows in order.to(train.inputs.device).split(batch_size):
        inputs = masked.inputs(train.inputs[rows], train.targets[rows])
        batch_loss = loss(model(inputs), train.targets[rows])
        optimiser.zero_grad()
        batch_loss.backward()
        optimiser.step()
        losses += batch_loss.detach() * len(rows)
    model.eval()
    return (losses / len(order)).item()


class MaskedTraining:
    """One mask at work in one training: where it works, at which moment, and what it did."""

    def __init__(
        self, model: nn.Module, loss: Loss, masking: Masking | None, generator: torch.Generator, steps: int
    ) -> None:
        self.epoch = 0
        self.tally = Tally()
        self._model, self._loss, self._generator = model, loss, generator
        self._masking = masking
        self._step, self._steps = -1, steps
        self._counted_epoch = -1

    def at(self, place: str) -> AbstractContextManager[None]:
        """The mask attached to its place in the model while the block runs."""
        if self._masking is None or self._masking.mask.place == INPUT:
            return nullcontext()
        return masked_at(self._model, place, self._masking.mask.fill, self._masked)

    def inputs(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The inputs of one step, masked where the mask works on them."""
        self._step += 1
        masking = self._masking
        if masking is None or masking.mask.place != INPUT or masking.mask.compounding:
            return inputs
        needed = masking.mask.pattern.scored
        found = scores(self._model, self._loss, inputs, targets, needed) if needed else None
        return self._masked(inputs, found).inputs

    def compounded(self, train: Examples, batch_size: int) -> Examples:
        """The train examples of the next epoch: this run's own overwritten copy for a compounding mask."""
        if self._masking is None or not self._masking.mask.compounding:
            return train
        parts = [self._masked(part).inputs for part in train.inputs.split(batch_size)]
        return Examples(torch.cat(parts), train.targets)

    def _masked(self, inputs: Tensor, found: Tensor | None = None) -> Masked:
        masking, moment = self._masking, Moment(self.epoch, self._step, self._steps)
        assert masking is not None
        masked = self.tally.timed(lambda: masking(inputs, self._generator, moment, found))
        self.tally.add(masked, changed=self._counted_epoch < self.epoch)
        self._counted_epoch = self.epoch
        return masked


class Best:
    """The epoch with the lowest validation loss, and its weights where training may stop early."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.epoch = 0
        self.exhausted = False
        self._loss = math.inf
        self._weights: dict[str, Tensor] | None = None

    def update(self, epoch: Epoch, model: nn.Module) -> None:
        """Take note of an epoch; `exhausted` turns true after `patience` epochs without a better one."""
        if epoch.val_loss < self._loss:
            self.epoch, self._loss = epoch.number, epoch.val_loss
            if self.patience is not None:
                self._weights = copy.deepcopy(model.state_dict())
        self.exhausted = self.patience is not None and epoch.number - self.epoch >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Put the best weights back, if they were kept."""
        if self._weights is not None:
            model.load_state_dict(self._weights)


class Clock:
    """Wall and processor seconds spent inside its `with` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start[0]
        self.cpu_seconds += time.process_time() - self._start[1]


def _require_finite(epoch: Epoch) -> None:
    for part, value in (("train", epoch.train_loss), ("validation", epoch.val_loss)):
        if not math.isfinite(value):
            raise Diverged(f"the {part} loss became {value} in epoch {epoch.number}; a smaller train.lr may help")


@torch.inference_mode()
def predict(model: nn.Module, inputs: Tensor, rows_at_once: int | None = None) -> Tensor:
    """Outputs (N, K) of a model in evaluation mode.

    A processor gets 256 rows at once, which fit its cache: convolutions take a fifth of the time of 4,096.
    """
    rows = rows_at_once or (256 if inputs.device.type == "cpu" else 4096)
    return torch.cat([model(part) for part in inputs.split(rows)])


def validation_loss(model: nn.Module, loss: Loss, val: Examples) -> float:
    """The loss on clean rows."""
    return loss(predict(model, val.inputs), val.targets).item()
