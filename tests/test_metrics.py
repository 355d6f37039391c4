"""Metrics against scikit-learn and against formulas written a second time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from maskbench.metrics import (
    ECE_BINS,
    classification,
    expected_calibration_error,
    generalisation_gap,
    loss,
    regression,
    score,
)
from maskbench.records import METRICS

some = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def predictions(seed: int, rows: int, classes: int, sharpness: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, K) that know something of their classes (N,), all classes there."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(classes), rng.integers(0, classes, rows)])
    logits = sharpness * (rng.normal(size=(len(targets), classes)) + np.eye(classes)[targets])
    return torch.from_numpy(logits), torch.from_numpy(targets)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def ece_by_loop(probabilities: np.ndarray, targets: np.ndarray, bins: int = 15) -> float:
    """Guo et al. 2017, equation 3: bins (m/M, (m+1)/M]."""
    confidence, predicted = probabilities.max(1), probabilities.argmax(1)
    total = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if inside.any():
            accuracy = (predicted[inside] == targets[inside]).mean()
            total += inside.mean() * abs(accuracy - confidence[inside].mean())
    return total


@some
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(2, 7), st.sampled_from([0.1, 1.0, 4.0]))
def test_classification_equals_the_reference(seed, rows, classes, sharpness):
    logits, targets = predictions(seed, rows, classes, sharpness)
    found = classification(logits, targets)
    shares, truth = softmax(logits.numpy()), targets.numpy()
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(truth, shares.argmax(1)))
    assert found["nll"] == pytest.approx(reference.log_loss(truth, shares, labels=range(classes)))
    one_hot = truth[:, None] == np.arange(classes)
    assert found["brier"] == pytest.approx(((shares - one_hot) ** 2).sum(1).mean())
    assert found["ece"] == pytest.approx(ece_by_loop(shares, truth), abs=1e-12)
    if classes == 2:  # scikit-learn counts one of the two classes
        assert found["brier"] == pytest.approx(2 * reference.brier_score_loss(truth, shares[:, 1]))


@some
@given(st.integers(0, 2**32), st.integers(3, 200), st.floats(-1e3, 1e3), st.floats(0.1, 100))
def test_regression_equals_the_reference(seed, rows, offset, spread):
    rng = np.random.default_rng(seed)
    truth = (offset + spread * rng.normal(size=rows)).astype(np.float32)
    guessed = (truth + spread * rng.normal(size=rows)).astype(np.float32)
    found = score("regression", torch.from_numpy(guessed)[:, None], torch.from_numpy(truth))
    truth, guessed = truth.astype(np.float64), guessed.astype(np.float64)
    assert found["r2"] == pytest.approx(reference.r2_score(truth, guessed))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(truth, guessed))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(truth, guessed))


def test_confidence_at_the_edges_of_bins():
    """Full confidence falls into the last bin, an edge into the bin below it."""
    edge = 3 / ECE_BINS
    confidence = torch.tensor([1.0, edge, edge + 1e-9], dtype=torch.float64)
    correct = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    found = expected_calibration_error(confidence, correct).item()
    assert found == pytest.approx((1 + (1 - edge) + edge) / 3)


def test_perfect_and_useless_predictions():
    sure = classification(100 * torch.eye(4).double(), torch.arange(4))
    assert sure == pytest.approx({"accuracy": 1, "nll": 0, "brier": 0, "ece": 0})
    unsure = classification(torch.zeros(4, 4).double(), torch.arange(4))
    assert unsure == pytest.approx({"accuracy": 0.25, "nll": math.log(4), "brier": 0.75, "ece": 0})
    wrong = classification(-1000 * torch.eye(2).double(), torch.arange(2))
    assert wrong == pytest.approx({"accuracy": 0, "nll": 1000, "brier": 2, "ece": 1})
    exact = regression(torch.tensor([[1.0], [2.0]]).double(), torch.tensor([1.0, 2.0]))
    assert exact == {"r2": 1, "rmse": 0, "mae": 0}


def test_scores_are_computed_in_float64():
    logits = torch.tensor([[2e4, 0.0]] * 3 + [[1e-3, 0.0]], dtype=torch.float32)
    targets = torch.zeros(4, dtype=torch.int64)
    expected = -math.log(1 / (1 + math.exp(-np.float64(np.float32(1e-3))))) / 4
    assert score("classification", logits, targets)["nll"] == pytest.approx(expected, rel=1e-12)
    offset = torch.full((2, 1), 16777216.0)  # float32 has no odd numbers from here on
    targets = torch.tensor([16777214.0, 16777216.0])
    assert score("regression", offset, targets)["mae"] == 1


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_metric_has_a_meaning(task):
    outputs = torch.randn(6, 3 if task == "classification" else 1, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 0, 1, 2]) if task == "classification" else torch.arange(6.0)
    assert set(score(task, outputs, targets)) <= set(METRICS)


def test_the_training_losses():
    logits, targets = predictions(0, 20, 3, 1.0)
    expected = reference.log_loss(targets, softmax(logits.numpy()))
    assert loss("classification")(logits, targets).item() == pytest.approx(expected)
    outputs, wanted = torch.tensor([[1.0], [5.0]]), torch.tensor([2.0, 3.0])
    assert loss("regression")(outputs, wanted).item() == pytest.approx((1 + 4) / 2)


def test_the_gap_is_positive_where_train_is_better():
    train = {"accuracy": 1.0, "nll": 0.1, "brier": 0.1, "ece": 0.01, "r2": 0.9, "rmse": 1.0, "mae": 1.0}
    test = {"accuracy": 0.8, "nll": 0.5, "brier": 0.4, "ece": 0.05, "r2": 0.6, "rmse": 2.0, "mae": 3.0}
    expected = {"accuracy": 0.2, "nll": 0.4, "brier": 0.3, "ece": 0.04, "r2": 0.3, "rmse": 1.0, "mae": 2.0}
    assert generalisation_gap(train, test) == pytest.approx(expected)
    assert generalisation_gap(test, train) == pytest.approx({name: -value for name, value in expected.items()})
