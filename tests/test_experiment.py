"""One run: the same bytes of metrics whatever ran before, and partners that share what they must."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from maskbench.data.dataset import Dataset, describe
from maskbench.data.preprocess.scaling import Standardize
from maskbench.data.sets.bundled import digits
from maskbench.data.sets.passages import descriptions
from maskbench.data.splits import split_rows
from maskbench.description import Features
from maskbench.errors import ConfigError, Diverged
from maskbench.experiment import run_experiment, weights_digest
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.fills import Mean, Noise, Zero
from maskbench.masks.mask import INPUT, Mask
from maskbench.models.cnn import cnn
from maskbench.models.linear import linear
from maskbench.models.transformer import transformer
from maskbench.records import METRICS, RunRecord
from maskbench.seeding import Streams
from tests.helpers import SHORT, catalogue, globals_as_found, small_mlp, tiny_data, tiny_experiment

MASK = Mask(Bernoulli(), Zero(), 0.3)
CORRUPTIONS = {"holes": MASK, "noise": Mask(Bernoulli(), Noise("add"), 0.3)}


def experiment(mask: Mask | None = MASK, **changes):
    return tiny_experiment(
        mask, **({"corruptions": CORRUPTIONS, "test_rates": [0.2, 0.6], "steps": [Standardize()]} | changes)
    )


def numbers(record: RunRecord) -> dict[str, object]:
    """All that must not depend on when and where a run runs."""
    metrics = {name: value for name, value in record.metrics.items() if not name.startswith("cost/")}
    return {"metrics": metrics, "curves": record.curves, "hashes": dict(record.hashes)}


KINDS = {
    "classification": {"dataset": tiny_data()},
    "regression": {"dataset": tiny_data("regression")},
    "images": {"dataset": tiny_data(image=True), "model": cnn},
    "early": {"train": replace(SHORT, epochs=30, patience=2, lr=0.1)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_run_gives_the_same_numbers_whatever_ran_before(kind):
    first = numbers(run_experiment(experiment(**KINDS[kind])))
    torch.manual_seed(1234)
    torch.rand(17)
    np.random.random(5)  # noqa: NPY002
    run_experiment(experiment(None, seed=5, dataset=tiny_data("regression")))
    with pytest.raises(Diverged):
        run_experiment(experiment(train=replace(SHORT, epochs=10, lr=1e30)))
    assert numbers(run_experiment(experiment(**KINDS[kind]))) == first


def test_the_same_run_gives_the_same_numbers_in_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(numbers(run_experiment(experiment()))))
    thread.start()
    thread.join()
    assert found == [numbers(run_experiment(experiment()))]


@pytest.mark.parametrize("kind", KINDS)
def test_global_generators_are_left_as_found(kind):
    with globals_as_found():
        run_experiment(experiment(**KINDS[kind]))


def test_a_diverged_run_leaves_global_generators_as_found_too():
    with globals_as_found(), pytest.raises(Diverged):
        run_experiment(experiment(train=replace(SHORT, epochs=10, lr=1e30)))


def data_for(mask: Mask) -> dict[str, object]:
    """Tiny data that the mask fits, and a model that takes them."""
    candidates = [
        {"dataset": tiny_data(rows=90)},
        {"dataset": tiny_data(image=True), "model": cnn},
        {"dataset": digits("rows"), "model": linear},
        {"dataset": descriptions(), "model": partial(transformer, width=8, depth=1, heads=1)},
        {"dataset": digits(), "model": linear},
        {"dataset": colourful(), "model": linear},
    ]
    return next(found for found in candidates if fits(mask, found["dataset"].description.features))


def colourful() -> Dataset:
    """Images with two channels."""
    plain = tiny_data(image=True)
    inputs = np.concatenate([plain.inputs, -plain.inputs], axis=1)
    return describe("colourful", "image", inputs, plain.targets, "classification")


def fits(mask: Mask, features: Features) -> bool:
    try:
        mask.check(features)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("case", catalogue(), ids=str)
def test_a_masked_run_shares_split_initial_weights_and_batches_with_its_partner(case):
    if case.mask.place != INPUT or case.mask.pattern.scored:
        pytest.skip("needs a model with places or scores: tests/test_places.py")
    changes = data_for(case.mask) | {"corruptions": {}, "test_rates": []}

    def at(rate: float) -> Mask:
        return replace(case.mask, rate=rate)

    masked, partner, at_0 = (run_experiment(experiment(mask, **changes)) for mask in (at(0.6), None, at(0.0)))
    assert masked.hashes == partner.hashes
    assert numbers(at_0) == numbers(partner)
    assert masked.metrics["train/nll"] != partner.metrics["train/nll"]


def test_every_seed_moves_split_weights_and_batches():
    records = [run_experiment(experiment(seed=seed, split_seed=seed)) for seed in (0, 1, 2)]
    for name in ("split", "init", "batches"):
        assert len({record.hashes[name] for record in records}) == 3
    assert set(records[0].hashes) == {"split", "init", "batches"}


def test_a_fixed_split_stays_when_the_seed_moves():
    one, two = (run_experiment(experiment(seed=seed, split_seed=9)) for seed in (0, 1))
    assert one.hashes["split"] == two.hashes["split"]
    assert one.hashes["init"] != two.hashes["init"]
    assert one.hashes["batches"] != two.hashes["batches"]


class Listener(torch.nn.Module):
    """A model that hears what it is asked outside of training."""

    def __init__(self, inner: torch.nn.Module, heard: list[bytes]) -> None:
        super().__init__()
        self.inner, self.heard = inner, heard

    def forward(self, inputs):
        if not self.training and len(inputs) == 18:
            self.heard.append(inputs.numpy().tobytes())
        return self.inner(inputs)


def test_runs_of_one_split_meet_the_same_corrupted_test_inputs():
    heard: dict[object, list[bytes]] = {}
    for label, mask, seed in (("partner", None, 0), ("masked", MASK, 0), ("other seed", MASK, 7)):
        heard[label] = []
        run_experiment(
            experiment(
                mask,
                seed=seed,
                split_seed=3,
                model=lambda description, label=label: Listener(small_mlp(description), heard[label]),
            )
        )
    assert heard["partner"] == heard["masked"] == heard["other seed"]
    assert len(set(heard["partner"])) == 1 + 1 + 2 * 2  # validation, clean test, two corruptions at two rates


def test_what_the_corruptions_know_was_fitted_on_train():
    """Everything hidden behind the mean: the model meets the train mean, not that of the test rows."""
    heard: list[bytes] = []
    dataset = tiny_data()
    run_experiment(
        experiment(
            None,
            dataset=dataset,
            steps=[],
            model=lambda description: Listener(small_mlp(description), heard),
            corruptions={"mean": Mask(Bernoulli(), Mean(), 0.5)},
            test_rates=[1.0],
        )
    )
    train = dataset.inputs[split_rows(dataset, Streams(0)).train]
    expected = np.broadcast_to(train.astype(np.float64).mean(0), (18, 6))
    np.testing.assert_allclose(np.frombuffer(heard[-1], np.float32).reshape(18, 6), expected, atol=1e-6)


class Ones(torch.nn.Module):
    """Predicts 1 and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs):
        return torch.ones(len(inputs), 1) + 0 * self.idle


def test_the_scale_of_targets_was_fitted_on_train():
    """A prediction of 1 means: the train mean and one train standard deviation more."""
    dataset = tiny_data("regression")
    split = split_rows(dataset, Streams(0))
    train, test = (dataset.targets[rows].astype(np.float64) for rows in (split.train, split.test))
    metrics = run_experiment(experiment(None, dataset=dataset, model=lambda _: Ones())).metrics
    expected = np.sqrt(np.mean((test - train.mean() - train.std()) ** 2))
    assert metrics["test/rmse"] == pytest.approx(expected, rel=1e-5)


def test_what_a_record_holds():
    record = run_experiment(experiment())
    groups = {name.split("/")[0] for name in record.metrics}
    assert groups == {"train", "val", "test", "gap", "robust", "mask", "fit", "split", "cost"}
    assert record.metrics["mask/nominal_rate"] == 0.3
    assert record.metrics["mask/realised_rate"] == pytest.approx(0.3, abs=0.08)
    assert record.metrics["mask/realised_rate"] != 0.3
    assert record.metrics["fit/epochs"] == 2
    assert record.metrics["fit/steps"] == 2 * 4  # 54 train rows in batches of 16
    assert record.metrics["fit/best_epoch"] in (1, 2)
    assert record.metrics["cost/seconds"] > 0
    assert record.metrics["cost/peak_memory_mib"] > 10
    assert record.hardware
    assert all(isinstance(value, float) for value in record.metrics.values())
    assert {p.name.split("/")[-1] for p in record.curves} <= set(METRICS)
    unmasked = run_experiment(experiment(None)).metrics
    assert unmasked["mask/nominal_rate"] == unmasked["mask/realised_rate"] == 0


def test_epochs_are_told_as_they_come():
    seen = []
    record = run_experiment(experiment(), seen.append)
    assert [epoch.number for epoch in seen] == [1, 2]
    assert record.metrics["fit/best_epoch"] == min(seen, key=lambda epoch: epoch.val_loss).number


def test_a_regression_is_scored_in_its_own_units_and_trained_without_them():
    """Targets in thousandths: the same fit, and errors a thousand times smaller."""
    dataset = tiny_data("regression")
    in_thousands = replace(dataset, targets=(dataset.targets / 1024).astype(np.float32))
    settings = replace(SHORT, epochs=40)
    one, two = (
        run_experiment(experiment(None, dataset=data, train=settings, model=linear)).metrics
        for data in (dataset, in_thousands)
    )
    assert one["test/r2"] > 0.7
    assert one["test/r2"] == pytest.approx(two["test/r2"], abs=1e-4)
    assert one["test/rmse"] == pytest.approx(1024 * two["test/rmse"], rel=1e-3)
    assert 0.2 * 15 < one["test/rmse"] < 0.8 * 15 * 1.2


def test_a_model_learns():
    metrics = run_experiment(experiment(None, train=replace(SHORT, epochs=60))).metrics
    assert metrics["train/accuracy"] > 0.75
    assert metrics["test/accuracy"] > 0.5


def test_the_digest_sees_every_weight_and_buffer():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    digest = weights_digest(model)
    assert digest == weights_digest(model)
    for value in model.state_dict().values():
        kept = value.clone()
        value.add_(1)
        assert weights_digest(model) != digest
        value.copy_(kept)
    assert weights_digest(model) == digest
    renamed = torch.nn.ModuleDict({"0": model[0], "2": model[1]})
    assert weights_digest(renamed) != digest
