"""Training: one function that takes what it needs and returns plain values."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskbench.errors import Diverged
from maskbench.masks.mask import Context, Mask, Masked
from maskbench.seeding import Streams

Loss = Callable[[Tensor, Tensor], Tensor]
NOTHING = torch.zeros((), dtype=torch.bool)


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
    realised_rate: float
    batches_digest: str


def fit(
    model: nn.Module,
    loss: Loss,
    train: Examples,
    val: Examples,
    mask: Mask | None,
    settings: TrainSettings,
    streams: Streams,
    on_epoch: Callable[[Epoch], None],
) -> Fit:
    """Train `model` in place with AdamW and leave it in evaluation mode.

    Raises Diverged on a loss that is not finite.
    """
    shuffle, masking = streams.generator("batches"), streams.generator("mask/train")
    context = Context.of(train.inputs)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
    best, clock = Best(settings.patience), Clock()
    epochs: list[Epoch] = []
    digest, hidden_share = "", 0.0

    def masked(inputs: Tensor) -> Masked:
        return Masked(inputs, NOTHING) if mask is None else mask(inputs, masking, context)

    while len(epochs) < settings.epochs and not best.exhausted:
        with clock:
            order = torch.randperm(len(train.targets), generator=shuffle)
            digest = digest or hashlib.sha256(order.numpy().tobytes()).hexdigest()[:16]
            train_loss, hidden_share_now = _one_epoch(model, loss, optimiser, train, order, settings.batch_size, masked)
            epoch = Epoch(len(epochs) + 1, train_loss, validation_loss(model, loss, val))
            _require_finite(epoch)
            hidden_share += hidden_share_now
            epochs.append(epoch)
            best.update(epoch, model)
        on_epoch(epoch)
    best.restore(model)
    steps = len(epochs) * math.ceil(len(train.targets) / settings.batch_size)
    return Fit(tuple(epochs), best.epoch, steps, clock.seconds, clock.cpu_seconds, hidden_share / len(epochs), digest)


def _one_epoch(
    model: nn.Module,
    loss: Loss,
    optimiser: torch.optim.Optimizer,
    train: Examples,
    order: Tensor,
    batch_size: int,
    masked: Callable[[Tensor], Masked],
) -> tuple[float, float]:
    """One pass over the train rows in `order`: (mean loss, mean share of hidden cells)."""
    losses, shares = torch.zeros((), device=train.inputs.device), torch.zeros((), device=train.inputs.device)
    model.train()
    for rows in order.to(train.inputs.device).split(batch_size):
        inputs, hidden = masked(train.inputs[rows])
        batch_loss = loss(model(inputs), train.targets[rows])
        optimiser.zero_grad()
        batch_loss.backward()
        optimiser.step()
        losses += batch_loss.detach() * len(rows)
        shares += hidden.float().mean() * len(rows)
    model.eval()
    return (losses / len(order)).item(), (shares / len(order)).item()


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
def predict(model: nn.Module, inputs: Tensor, rows_at_once: int = 4096) -> Tensor:
    """Outputs (N, K) of a model in evaluation mode."""
    return torch.cat([model(part) for part in inputs.split(rows_at_once)])


def validation_loss(model: nn.Module, loss: Loss, val: Examples) -> float:
    """The loss on clean rows."""
    return loss(predict(model, val.inputs), val.targets).item()
