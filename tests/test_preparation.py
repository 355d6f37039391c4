"""The tensors of a run, and that runs share them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from maskbench import preparation
from maskbench.data.dataset import describe
from maskbench.data.preprocess.scaling import Standardize
from maskbench.data.preprocess.step import Step
from maskbench.data.splits import Sampling, split_rows
from maskbench.experiment import run_experiment
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.preparation import numbers, prepare, prepared
from maskbench.seeding import Streams
from tests.helpers import tiny_data, tiny_experiment

CPU = torch.device("cpu")
SAMPLING = Sampling()


@pytest.fixture(autouse=True)
def nothing_kept():
    preparation._KEPT.clear()
    yield
    preparation._KEPT.clear()


@dataclass(frozen=True)
class Plus(Step):
    """Adds a number."""

    number: float = 1.0

    def fit(self, train, features):
        return lambda inputs: inputs + np.float32(self.number)


def test_runs_of_one_process_share_tensors_and_nothing_is_copied():
    dataset = tiny_data()
    one = prepared(dataset, (Standardize(),), SAMPLING, 0, CPU)
    assert prepared(dataset, [Standardize()], Sampling(), 0, CPU) is not one  # a list reads otherwise
    assert prepared(dataset, (Standardize(),), Sampling(), 0, CPU) is one


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": tiny_data()},
        {"steps": ()},
        {"steps": (Plus(),)},
        {"sampling": Sampling(n_train=20)},
        {"seed": 1},
    ],
)
def test_whatever_makes_a_difference_is_prepared_anew(other):
    asked = {"dataset": tiny_data(seed=1), "steps": (Plus(2.0),), "sampling": SAMPLING, "seed": 0, "device": CPU}
    one = prepared(**asked)
    assert prepared(**(asked | other)) is not one
    assert prepared(**asked) is one


def test_so_many_bytes_are_kept_and_the_latest_whatever_its_size(monkeypatch):
    dataset = tiny_data()
    first = prepared(dataset, (), SAMPLING, 0, CPU)
    monkeypatch.setattr(preparation, "KEPT_BYTES", int(2.5 * first.size))
    second = prepared(dataset, (), SAMPLING, 1, CPU)
    assert prepared(dataset, (), SAMPLING, 0, CPU) is first  # and now the more recent one
    prepared(dataset, (), SAMPLING, 2, CPU)
    assert prepared(dataset, (), SAMPLING, 0, CPU) is first
    assert prepared(dataset, (), SAMPLING, 1, CPU) is not second
    monkeypatch.setattr(preparation, "KEPT_BYTES", 1)
    last = prepared(dataset, (), SAMPLING, 5, CPU)
    assert list(preparation._KEPT.values()) == [last]


@pytest.mark.parametrize("compounding", [False, True])
def test_a_run_leaves_the_shared_tensors_as_they_are(compounding):
    mask = Mask(Bernoulli(), Zero(), 0.5, compounding=compounding)
    experiment = tiny_experiment(mask=mask, steps=(Standardize(),))
    data = prepared(experiment.dataset, experiment.steps, SAMPLING, 0, torch.device("cpu"))
    kept = {name: (part.inputs.clone(), part.targets.clone()) for name, part in data.parts.items()}
    first = run_experiment(experiment)
    assert prepared(experiment.dataset, experiment.steps, SAMPLING, 0, torch.device("cpu")) is data
    for name, (inputs, targets) in kept.items():
        assert torch.equal(data.parts[name].inputs, inputs)
        assert torch.equal(data.parts[name].targets, targets)
    science = {name: value for name, value in first.metrics.items() if not name.startswith("cost/")}
    again = run_experiment(experiment).metrics
    assert science == {name: value for name, value in again.items() if not name.startswith("cost/")}


def test_grey_values_are_shares_of_white():
    inputs = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert numbers(inputs).dtype == np.float32
    np.testing.assert_allclose(numbers(inputs), inputs / 255, rtol=1e-6)
    floats = np.zeros((2, 3), np.float32)
    assert numbers(floats) is floats


def test_test_rows_that_occur_in_train_are_marked():
    inputs = np.arange(60, dtype=np.float32).reshape(30, 2)
    inputs[25] = inputs[3]
    parts = np.where(np.arange(30) < 20, 0, 2)
    dataset = describe("x", "columns", inputs, np.arange(30) % 2, "classification", parts=parts)
    sampling = Sampling(val_share=0.1)
    seed = next(seed for seed in range(9) if 3 in split_rows(dataset, Streams(seed), sampling).train)
    found = prepare(dataset, (), sampling, seed, CPU)
    assert found.fresh.tolist() == [row != 25 for row in found.split.test]
    metrics = run_experiment(tiny_experiment(dataset=dataset, sampling=sampling, split_seed=seed)).metrics
    assert metrics["split/test_in_train"] == 1
    assert "fresh/accuracy" in metrics


def test_the_share_of_gaps_is_counted_on_train_and_stands_in_the_record():
    dataset = tiny_data()
    inputs = dataset.inputs.copy()
    split = split_rows(dataset, Streams(0))
    inputs[split.train[:10], 0] = np.nan
    inputs[split.test] = np.nan
    holes = replace(dataset, inputs=inputs)
    rows = len(prepare(holes, (), SAMPLING, 0, CPU).split.train)
    expected = np.isnan(inputs[prepare(holes, (), SAMPLING, 0, CPU).split.train]).mean()
    found = run_experiment(tiny_experiment(dataset=holes)).metrics
    assert found["split/missing"] == pytest.approx(expected)
    assert found["split/train"] == rows


def test_label_noise_and_subsets_reach_the_run():
    clean, noisy, few = (
        prepare(tiny_data(), (), sampling, 0, CPU)
        for sampling in (SAMPLING, Sampling(label_noise=0.5), Sampling(n_train=10))
    )
    assert not torch.equal(clean.parts["train"].targets, noisy.parts["train"].targets)
    assert not torch.equal(clean.parts["val"].targets, noisy.parts["val"].targets)
    assert torch.equal(clean.parts["test"].targets, noisy.parts["test"].targets)
    assert len(few.parts["train"].targets) == 10
    record = run_experiment(tiny_experiment(sampling=Sampling(n_train=10)))
    assert record.metrics["split/train"] == 10
