"""Training: the plain loop, its pairing over every mask, early stopping and divergence."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from maskbench.description import Description, Features
from maskbench.errors import Diverged
from maskbench.experiment import ignore
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.cells import coins
from maskbench.masks.contract import Context
from maskbench.masks.fills import Zero
from maskbench.masks.mask import INPUT, Mask
from maskbench.masks.situations import examples as situation_examples
from maskbench.masks.situations import situations
from maskbench.metrics import loss
from maskbench.models.mlp import mlp
from maskbench.models.transformer import transformer
from maskbench.seeding import Streams
from maskbench.training import Best, Clock, Epoch, Examples, Fit, TrainSettings, fit, predict, validation_loss
from tests.helpers import KIND, catalogue, globals_as_found, random_inputs

CROSS_ENTROPY = loss("classification")
SETTINGS = TrainSettings(epochs=3, batch_size=16, lr=1e-2, weight_decay=0.1, patience=None)


def examples(rows: int = 50, shape: tuple[int, ...] = (6,), seed: int = 0) -> Examples:
    inputs = random_inputs(rows, shape, seed) - 5
    return Examples(inputs, (inputs.flatten(1)[:, :2].sum(1) > 0).long())


def network(shape: tuple[int, ...] = (6,), seed: int = 0, dropout: float = 0.0) -> nn.Module:
    with Streams(seed).as_global("init"):
        return mlp(Description("x", Features("columns", shape), "classification", 2), 8, 1, dropout)


def train(
    model: nn.Module,
    mask: Mask | None = None,
    settings: TrainSettings = SETTINGS,
    seed: int = 0,
    shape: tuple[int, ...] = (6,),
    val: Examples | None = None,
    place: str = "",
) -> tuple[Fit, list[Epoch]]:
    seen: list[Epoch] = []
    parts = examples(shape=shape), val or examples(20, shape, seed=1)
    with Streams(seed).as_global("model"):
        masking = mask and mask.fit(Context(parts[0].inputs, Features(KIND[len(shape) + 1], shape)))
        fitted = fit(model, CROSS_ENTROPY, *parts, masking, settings, Streams(seed), seen.append, place)
    return fitted, seen


def by_hand(model: nn.Module, settings: TrainSettings, seed: int, rate: float | None) -> list[float]:
    """The loop everyone writes; `rate` masks by Bernoulli with zeros."""
    part = examples()
    shuffle, masking = Streams(seed).generator("batches"), Streams(seed).generator("mask/train")
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
    means = []
    for _ in range(settings.epochs):
        total = 0.0
        for rows in torch.randperm(50, generator=shuffle).split(settings.batch_size):
            inputs = part.inputs[rows].clone()
            if rate is not None:
                inputs[coins(tuple(inputs.shape), torch.tensor([rate], dtype=torch.float64), masking)] = 0
            value = nn.functional.cross_entropy(model(inputs), part.targets[rows])
            model.zero_grad()
            value.backward()
            optimiser.step()
            total += value.item() * len(rows)
        means.append(total / 50)
    return means


def same_weights(left: nn.Module, right: nn.Module) -> bool:
    one, two = left.state_dict(), right.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("rate", [None, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_training_is_the_loop_everyone_writes(rate, seed):
    ours, theirs = network(seed=seed), network(seed=seed)
    fitted, _ = train(ours, rate and Mask(Bernoulli(), Zero(), rate), seed=seed)
    means = by_hand(theirs, SETTINGS, seed, rate)
    assert same_weights(ours, theirs)
    assert not same_weights(ours, network(seed=seed))
    assert [epoch.train_loss for epoch in fitted.epochs] == pytest.approx(means, rel=1e-5)


@pytest.mark.parametrize("case", catalogue(), ids=str)
def test_rate_0_through_every_mask_gives_the_very_weights_of_no_mask(case):
    """The pairing test: with dropout, so that the model's own stream is watched too."""
    if case.mask.place != INPUT:
        pytest.skip("inside a model: tests/test_places.py")
    features = min((place.features for place in situations(case.mask, 1)), key=lambda found: abs(found.size - 40))
    context = Context(situation_examples(features, 60, 0, ragged=False), features)
    train_part = Examples(context.rows[:40], torch.arange(40) % 3)
    val_part = Examples(context.rows[40:], torch.arange(20) % 3)

    def trained(mask: Mask | None) -> tuple[nn.Module, Fit]:
        with Streams(0).as_global("init"):
            model = transformer(Description("x", features, "classification", 3), 8, 1, 2, patch=1, dropout=0.2)
        with Streams(0).as_global("model"):
            masking = mask and mask.fit(context)
            fitted = fit(model, CROSS_ENTROPY, train_part, val_part, masking, SETTINGS, Streams(0), ignore)
        return model, fitted

    plain, one = trained(None)
    masked, two = trained(replace(case.mask, rate=0.0))
    assert same_weights(plain, masked)
    assert one.epochs == two.epochs
    assert two.mask_facts == one.mask_facts
    really, three = trained(replace(case.mask, rate=0.5))
    assert not same_weights(plain, really)
    assert one.batches_digest == two.batches_digest == three.batches_digest
    assert three.mask_facts["realised_rate"] == pytest.approx(0.5, abs=0.25)


def test_a_mask_moves_neither_batches_nor_dropout():
    """A mask that draws but changes nothing: only a shifted stream could move the weights."""

    class Nothing(Zero):
        def apply(self, inputs, hidden, generator, context):
            torch.rand(7, generator=generator)
            return inputs.clone()

    plain, masked = network(dropout=0.2), network(dropout=0.2)
    train(plain)
    train(masked, Mask(Bernoulli(), Nothing(), 0.5))
    assert same_weights(plain, masked)


def test_validation_rows_are_never_masked():
    fitted, seen = train(network(), Mask(Bernoulli(), Zero(), 1.0))
    model = network()
    train(model, Mask(Bernoulli(), Zero(), 1.0))
    assert seen[-1].val_loss == CROSS_ENTROPY(model(examples(20, seed=1).inputs), examples(20, seed=1).targets).item()
    assert fitted.mask_facts["realised_rate"] == 1


def test_the_realised_rate_is_the_mean_over_all_samples():
    calls = []

    class Watched(Bernoulli):
        def sample(self, batch, rates, generator):
            hidden = super().sample(batch, rates, generator)
            calls.append(hidden)
            return hidden

    fitted, _ = train(network(), Mask(Watched(), Zero(), 0.3))
    hidden = torch.cat(calls)
    assert len(hidden) == 3 * 50
    assert fitted.mask_facts["realised_rate"] == pytest.approx(hidden.double().mean().item(), rel=1e-5)


def test_masks_are_drawn_anew_at_every_step():
    calls = []

    class Watched(Bernoulli):
        def sample(self, batch, rates, generator):
            calls.append(super().sample(batch, rates, generator))
            return calls[-1]

    train(network(), Mask(Watched(), Zero(), 0.5))
    assert len({call[:2].numpy().tobytes() for call in calls}) == len(calls) == 3 * 4


def test_every_epoch_shuffles_anew_and_meets_every_row_once():
    batches = []

    class Listener(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(6, 2))

        def forward(self, inputs):
            if self.training:
                batches.append(inputs)
            return inputs @ self.weight

    fitted, seen = train(Listener())
    assert [len(batch) for batch in batches] == 3 * [16, 16, 16, 2]
    epochs = [torch.cat(batches[start : start + 4]) for start in (0, 4, 8)]
    everything = sorted(examples().inputs.tolist())
    assert all(sorted(epoch.tolist()) == everything for epoch in epochs)
    assert len({epoch.numpy().tobytes() for epoch in epochs}) == 3
    assert fitted.steps == 12
    assert [epoch.number for epoch in seen] == [1, 2, 3]
    assert tuple(seen) == fitted.epochs


def test_the_batches_digest_follows_the_seed_and_the_rows_only():
    digests = {
        (seed, batch): train(network(), None, replace(SETTINGS, batch_size=batch), seed)[0].batches_digest
        for seed in (0, 1)
        for batch in (8, 16)
    }
    assert digests[0, 8] == digests[0, 16] != digests[1, 8] == digests[1, 16]


def test_partners_that_stop_at_other_epochs_share_their_batches_digest():
    short, long = (train(network(), None, replace(SETTINGS, epochs=epochs))[0] for epochs in (1, 5))
    assert short.batches_digest == long.batches_digest


def rising() -> Examples:
    """Validation rows with the wrong answers: their loss is lowest at an early epoch and then rises."""
    part = examples(20, seed=1)
    wrong = torch.where(torch.arange(20) < 8, 1 - part.targets, part.targets)
    return Examples(part.inputs, wrong)


@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping_gives_the_best_weights_back(patience):
    settings = TrainSettings(epochs=60, batch_size=16, lr=0.1, weight_decay=0.0, patience=patience)
    stopped = network()
    fitted, seen = train(stopped, None, settings, val=rising())
    losses = [epoch.val_loss for epoch in seen]
    assert fitted.best_epoch == losses.index(min(losses)) + 1
    assert len(losses) == fitted.best_epoch + patience < 60
    fresh = network()
    train(fresh, None, replace(settings, epochs=fitted.best_epoch, patience=None), val=rising())
    assert same_weights(stopped, fresh)
    assert validation_loss(stopped, CROSS_ENTROPY, rising()) == min(losses)


def test_without_patience_the_last_weights_stay():
    settings = TrainSettings(epochs=12, batch_size=16, lr=0.1, weight_decay=0.0, patience=None)
    model = network()
    fitted, seen = train(model, None, settings, val=rising())
    assert len(seen) == 12
    assert fitted.best_epoch < 12
    assert validation_loss(model, CROSS_ENTROPY, rising()) == seen[-1].val_loss
    assert fitted.best_epoch == min(seen, key=lambda epoch: epoch.val_loss).number


def test_watching_changes_nothing():
    watched, stopped = network(dropout=0.2), network(dropout=0.2)
    train(watched, None, replace(SETTINGS, patience=50))
    train(stopped)
    assert not watched.training
    # with patience the best epoch's weights return; here the last one is the best
    assert same_weights(watched, stopped)


def test_an_equal_loss_is_not_better():
    best, model = Best(2), network()
    for number, value in enumerate((0.5, 0.5, 0.5), 1):
        best.update(Epoch(number, 0.0, value), model)
    assert best.epoch == 1
    assert best.exhausted


@pytest.mark.parametrize("patience", [None, 5])
def test_a_diverged_training_says_so(patience):
    with pytest.raises(Diverged, match=r"loss became (nan|inf) in epoch \d+; a smaller train\.lr may help"):
        train(network(), None, TrainSettings(20, 16, 1e30, 0.0, patience))


@pytest.mark.parametrize(("part", "spoiled"), [("train", 0), ("validation", 1)])
def test_the_reason_names_the_part(part, spoiled):
    parts = [examples(), examples(20, seed=1)]
    parts[spoiled].inputs[3, 2] = math.inf
    with pytest.raises(Diverged, match=f"the {part} loss became nan in epoch 1"):
        fit(network(), CROSS_ENTROPY, *parts, None, SETTINGS, Streams(0), ignore)


def test_a_training_leaves_inputs_and_global_generators_alone():
    part, kept = examples(), examples()
    with globals_as_found():
        fit(
            network(),
            CROSS_ENTROPY,
            part,
            part,
            Mask(Bernoulli(), Zero(), 0.5).fit(Context(part.inputs, Features("columns", (6,)))),
            SETTINGS,
            Streams(0),
            ignore,
        )
    assert torch.equal(part.inputs, kept.inputs)


def test_predictions_are_made_in_parts_that_do_not_show():
    model, inputs = network().eval(), examples(11).inputs
    whole = predict(model, inputs)
    assert whole.shape == (11, 2)
    torch.testing.assert_close(predict(model, inputs, rows_at_once=3), whole)
    assert not whole.requires_grad


def test_the_clock_counts_inside_its_blocks_only(monkeypatch):
    ticks = iter([1.0, 3.0, 10.0, 10.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    spent = iter([0.0, 1.0, 5.0, 5.25])
    monkeypatch.setattr("time.process_time", lambda: next(spent))
    clock = Clock()
    for _ in range(2):
        with clock:
            pass
    assert (clock.seconds, clock.cpu_seconds) == (2.5, 1.25)


def test_best_keeps_a_copy():
    model, best = network(), Best(3)
    best.update(Epoch(1, 0.0, 1.0), model)
    kept = copy.deepcopy(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1)
    best.restore(model)
    assert same_weights(model, kept)
