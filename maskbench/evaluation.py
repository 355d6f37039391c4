"""Evaluation: clean on every part, and on test inputs corrupted alike for every run."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from maskbench.description import Task
from maskbench.masks.contract import Context
from maskbench.masks.mask import Mask
from maskbench.metrics import generalisation_gap, score
from maskbench.records import Point
from maskbench.seeding import Streams
from maskbench.training import Examples, predict

EVALUATION_STREAMS = Streams(0)
"""Not the run's own: every run meets the same corrupted test inputs."""

Scores = dict[str, float]


class Evaluation(NamedTuple):
    """Metrics by name, the points of the curves, and results item by item as packed text."""

    metrics: Scores
    curves: tuple[Point, ...]
    items: dict[str, str]


def evaluate(
    model: nn.Module,
    task: Task,
    parts: Mapping[str, Examples],
    fresh: Tensor,
    context: Context,
    corruptions: Mapping[str, Mask],
    test_rates: Sequence[float],
) -> Evaluation:
    """What a trained model achieves; each part is predicted once, test once more per corruption and rate.

    Metrics are `train/…`, `val/…`, `test/…`, `gap/…` (train over test), `fresh/…` (test rows without
    those that also occur in train, where there are such) and
    `robust/<corruption>/…`, the mean height of the curve `curve/<corruption>/…` over the test
    rate. A curve is stepped by the test rate in per cent and starts with the clean test set.
    """
    outputs = {name: predict(model, part.inputs) for name, part in parts.items()}
    scores = {name: score(task, outputs[name], part.targets) for name, part in parts.items()}
    if 0 < fresh.sum() < len(fresh):
        scores["fresh"] = score(task, outputs["test"][fresh], parts["test"].targets[fresh])
    scores["gap"] = generalisation_gap(scores["train"], scores["test"])
    points: list[Point] = []
    for name, corruption in corruptions.items():
        heights = [scores["test"]]
        for rate in test_rates:
            inputs = corrupted(parts["test"].inputs, name, replace(corruption, rate=rate), context)
            heights.append(score(task, predict(model, inputs), parts["test"].targets))
        scores[f"robust/{name}"] = areas(heights, [0.0, *test_rates])
        points += curve(name, heights, [0.0, *test_rates])
    metrics = {f"{part}/{metric}": value for part, found in scores.items() for metric, value in found.items()}
    return Evaluation(metrics, tuple(points), packed_items(task, outputs["test"], parts["test"].targets))


def packed_items(task: Task, outputs: Tensor, targets: Tensor) -> dict[str, str]:
    """`correct` for classification: which test items are right, `<n>:<base64 of one bit each, in their order>`."""
    if task != "classification":
        return {}
    correct = (outputs.argmax(1) == targets).cpu().numpy()
    return {"correct": f"{len(correct)}:{base64.b64encode(np.packbits(correct).tobytes()).decode()}"}


def corrupted(inputs: Tensor, name: str, corruption: Mask, context: Context) -> Tensor:
    """Test inputs (N, ...) under corruption `name`: the same draws for every run and every rate."""
    return corruption.fit(context)(inputs, EVALUATION_STREAMS.generator(f"evaluate/{name}")).inputs


def areas(heights: Sequence[Scores], rates: Sequence[float]) -> Scores:
    """The mean height of each metric's curve over the test rate (trapezoids)."""
    span = rates[-1] - rates[0]
    return {metric: float(np.trapezoid([scores[metric] for scores in heights], rates) / span) for metric in heights[0]}


def curve(name: str, heights: Sequence[Scores], rates: Sequence[float]) -> list[Point]:
    """One point per metric and test rate."""
    return [
        Point(f"curve/{name}/{metric}", value, round(100 * rate))
        for rate, scores in zip(rates, heights, strict=True)
        for metric, value in scores.items()
    ]
