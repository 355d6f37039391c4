"""Metrics of a set of predictions, as pure functions of outputs and targets."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from maskbench.description import Task
from maskbench.records import METRICS

ECE_BINS = 15


def loss(task: Task) -> Callable[[Tensor, Tensor], Tensor]:
    """The training loss: cross-entropy of logits (B, K), or squared error of predictions (B, 1)."""
    return functional.cross_entropy if task == "classification" else squared_error


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of predictions (B, 1) and targets (B,)."""
    return functional.mse_loss(outputs.squeeze(1), targets)


def score(task: Task, outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """All metrics of the task, in float64; outputs (N, K) or (N, 1), targets (N,)."""
    scorer = classification if task == "classification" else regression
    return scorer(outputs.double(), targets)


def classification(logits: Tensor, targets: Tensor) -> dict[str, float]:
    """Accuracy, NLL (nats), Brier score (0 to 2) and ECE of logits (N, K) against classes (N,)."""
    probabilities = logits.softmax(1)
    confidence, predicted = probabilities.max(1)
    correct = (predicted == targets).double()
    one_hot = functional.one_hot(targets, logits.shape[1])
    return {
        "accuracy": correct.mean().item(),
        "nll": functional.cross_entropy(logits, targets).item(),
        "brier": (probabilities - one_hot).square().sum(1).mean().item(),
        "ece": expected_calibration_error(confidence, correct).item(),
    }


def expected_calibration_error(confidence: Tensor, correct: Tensor, bins: int = ECE_BINS) -> Tensor:
    """Mean |accuracy - confidence| over equal-width confidence bins, weighted by size (Guo et al. 2017)."""
    index = (confidence * bins).ceil().clamp(1, bins).long() - 1
    gaps = torch.zeros(bins, dtype=torch.float64, device=confidence.device).index_add_(0, index, correct - confidence)
    return gaps.abs().sum() / len(confidence)


def regression(predictions: Tensor, targets: Tensor) -> dict[str, float]:
    """R², RMSE and MAE (target units) of predictions (N, 1) against targets (N,)."""
    truth = targets.double()
    error = predictions.squeeze(1) - truth
    squared = error.square().mean()
    return {
        "r2": (1 - squared / (truth - truth.mean()).square().mean()).item(),
        "rmse": squared.sqrt().item(),
        "mae": error.abs().mean().item(),
    }


def generalisation_gap(train: dict[str, float], test: dict[str, float]) -> dict[str, float]:
    """How much better the model is on train than on test, metric by metric, positive = better on train."""
    return {name: METRICS[name].sign * (train[name] - test[name]) for name in train}
