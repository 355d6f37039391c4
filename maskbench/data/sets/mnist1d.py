"""MNIST-1D: ten templates of twelve points, distorted until they are hard to tell apart.

Generated here, number by number as the package `mnist1d` 0.0.2 does (Sam Greydanus and Peter Steinbach,
https://github.com/greydanus/mnist1d, licensed under the Apache License, Version 2.0; written anew with numpy
alone, and the templates below are theirs). Greydanus and Kobak 2024, "Scaling Down Deep Learning with MNIST-1D".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, describe

Signal = NDArray[np.float64]
SEED, PER_CLASS, TRAIN = 42, 500, 4000
PADDING, LENGTH, FINAL = (36, 60), 72, 40
SCALE, SHIFT, SMOOTH_NOISE, NOISE, SHEAR = 0.4, 48, 0.25, 0.02, 0.75
SIGMA, REACH = 2.0, 8
TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


def mnist1d(shuffled: bool = False) -> Dataset:
    """4000 train and 1000 test series of 40 points, ten classes; `shuffled` permutes the points of all alike.

    As published, mean and standard deviation are those of train and test together.
    """
    rng = np.random.RandomState(SEED)
    templates = np.array(TEMPLATES)
    templates -= templates.mean(1, keepdims=True)
    templates /= templates.std(1, keepdims=True)
    templates = (templates - templates[:, :1]) / 6
    signals = np.stack([_distorted(template, rng) for template in templates for _ in range(PER_CLASS)])
    order = rng.permutation(len(signals))
    signals, targets = signals[order], np.repeat(np.arange(len(templates)), PER_CLASS)[order]
    if shuffled:
        signals = signals[:, rng.permutation(FINAL)]
    inputs = ((signals - signals.mean()) / signals.std()).astype(np.float32)[..., None]
    parts = np.where(np.arange(len(signals)) < TRAIN, PARTS.index("train"), PARTS.index("test"))
    classes = [str(digit) for digit in range(len(templates))]
    origin = f"generated: mnist1d, seed {SEED}"
    return describe(
        "mnist1d", "sequence", inputs, targets, "classification", parts=parts, classes=classes, origin=origin
    )


def _distorted(template: Signal, rng: np.random.RandomState) -> Signal:
    """One example: padded, dilated, scaled, shifted, noise, sheared, cut down to 40 points; draws in this order."""
    low, high = PADDING
    padding = low + int(rng.rand() * (high - low + 1))
    signal = _resampled(np.concatenate([template + 1e-8, np.zeros(padding)]), LENGTH)
    signal *= 1 + SCALE * (rng.rand() - 0.5)
    signal = np.roll(signal, int(rng.choice(SHIFT)))
    smooth = _smoothed(SMOOTH_NOISE * rng.randn(LENGTH))
    signal = np.where(signal != 0, signal, smooth) + NOISE * rng.randn(LENGTH)
    signal -= SHEAR * (rng.rand() - 0.5) * np.linspace(-0.5, 0.5, LENGTH)
    return _resampled(signal, FINAL)


def _resampled(signal: Signal, length: int) -> Signal:
    """`length` points along the straight lines through those of the signal."""
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(signal)), signal)


def _smoothed(noise: Signal) -> Signal:
    """Under a Gaussian window, the noise mirrored beyond its ends."""
    window = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SIGMA) ** 2)
    return np.convolve(np.pad(noise, REACH, "symmetric"), window / window.sum(), "valid")
