"""Evaluation: clean on every part, and on test inputs corrupted alike for every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from maskbench.description import Task
from maskbench.masks.mask import Context, Mask
from maskbench.metrics import generalisation_gap, score
from maskbench.records import Point
from maskbench.seeding import Streams
from maskbench.training import Examples, predict

EVALUATION_STREAMS = Streams(0)
"""Not the run's own: every run meets the same corrupted test inputs."""

Scores = dict[str, float]


def evaluate(
    model: nn.Module,
    task: Task,
    parts: Mapping[str, Examples],
    context: Context,
    corruptions: Mapping[str, Mask],
    test_rates: Sequence[float],
) -> tuple[Scores, tuple[Point, ...]]:
    """Metrics and curves of a trained model.

    Metrics are `train/…`, `val/…`, `test/…`, `gap/…` (train over test) and
    `robust/<corruption>/…`, the mean height of the curve `curve/<corruption>/…` over the test
    rate. A curve is stepped by the test rate in per cent and starts with the clean test set.
    """
    scores = {name: score(task, predict(model, part.inputs), part.targets) for name, part in parts.items()}
    scores["gap"] = generalisation_gap(scores["train"], scores["test"])
    points: list[Point] = []
    for name, corruption in corruptions.items():
        heights = [scores["test"]]
        for rate in test_rates:
            inputs = corrupted(parts["test"].inputs, name, replace(corruption, rate=rate), context)
            heights.append(score(task, predict(model, inputs), parts["test"].targets))
        scores[f"robust/{name}"] = areas(heights, [0.0, *test_rates])
        points += curve(name, heights, [0.0, *test_rates])
    return {f"{part}/{metric}": value for part, metrics in scores.items() for metric, value in metrics.items()}, tuple(
        points
    )


def corrupted(inputs: Tensor, name: str, corruption: Mask, context: Context) -> Tensor:
    """Test inputs (N, ...) under corruption `name`: the same draws for every run and every rate."""
    return corruption(inputs, EVALUATION_STREAMS.generator(f"evaluate/{name}"), context).inputs


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
