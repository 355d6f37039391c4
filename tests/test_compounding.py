"""The article's program: training inputs overwritten epoch by epoch with what was masked."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from maskbench.config.build import mask_of
from maskbench.config.compose import typed
from maskbench.description import Description, Features
from maskbench.errors import ConfigError
from maskbench.experiment import ignore, run_experiment
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.contract import Context
from maskbench.masks.fills import Scale, Zero
from maskbench.masks.mask import Mask
from maskbench.masks.scored import HardestFirst
from maskbench.metrics import loss
from maskbench.models.mlp import mlp
from maskbench.seeding import Streams
from maskbench.training import Examples, Fit, TrainSettings, fit, predict
from tests.helpers import globals_as_found, random_inputs, stock, tiny_experiment

COLUMNS = 40
CROSS_ENTROPY = loss("classification")
ARTICLE = Mask(Bernoulli(), Scale(), 1.0, compounding=True)


class Listener(nn.Module):
    """A linear model that keeps the batches it is trained on."""

    def __init__(self, columns: int = COLUMNS) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(columns, 2))
        self.heard: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.heard.append(inputs.clone())
        return inputs @ self.weight


def settings(epochs: int, lr: float = 1e-2, decay: float = 0.0) -> TrainSettings:
    return TrainSettings(epochs=epochs, batch_size=64, lr=lr, weight_decay=decay, patience=None)


def examples(rows: int, columns: int = COLUMNS, seed: int = 0) -> Examples:
    inputs = random_inputs(rows, (columns,), seed) - 5
    return Examples(inputs, (inputs[:, 0] + inputs[:, 1] > 0.8).long())


def train(model: nn.Module, mask: Mask | None, how: TrainSettings, part: Examples, val: Examples, seed: int = 0) -> Fit:
    with Streams(seed).as_global("model"):
        masking = mask and mask.fit(Context(part.inputs, Features("columns", tuple(part.inputs.shape[1:]))))
        return fit(model, CROSS_ENTROPY, part, val, masking, how, Streams(seed), ignore)


def multipliers(mask: Mask, epochs: int, rows: int = 200, seed: int = 0) -> list[Tensor]:
    """What each epoch's training inputs are of the original, row by row: all of them are 1."""
    ones = Examples(torch.ones(rows, COLUMNS), torch.arange(rows) % 2)
    model = Listener()
    train(model, mask, settings(epochs), ones, examples(30), seed)
    heard = torch.cat(model.heard)
    assert heard.shape == (epochs * rows, COLUMNS)
    return list(heard.double().view(epochs, rows, COLUMNS))


def shipped(name: str) -> Mask:
    mask = mask_of(typed(stock([f"mask={name}"])).mask)
    assert mask is not None
    return mask


def test_the_menu_has_the_articles_form():
    assert shipped("uniform_scale_compounding") == ARTICLE


# How the inputs shrink


@pytest.mark.parametrize("seed", [0, 1])
def test_after_e_overwrites_a_cell_is_a_product_of_e_uniform_draws(seed):
    """Mean 2^-e, variance 3^-e - 4^-e."""
    found = multipliers(ARTICLE, 6, seed=seed)
    assert (found[0] == 1).all()
    for overwrites, values in enumerate(found[1:], start=1):
        error = ((3.0**-overwrites - 4.0**-overwrites) / values.numel()) ** 0.5
        assert abs(values.mean().item() - 2.0**-overwrites) <= 5 * error
        assert (values >= 0).all()
        assert (values <= 1).all()


@pytest.mark.parametrize(
    ("overwrites", "mean", "below"), [(1, 0.5, 0.01), (3, 0.125, 0.16), (5, 0.031, 0.51), (10, 0.00098, 0.98)]
)
def test_the_numbers_of_the_table(overwrites, mean, below):
    """The share below x after e draws is x (1 + l + ... + l^(e-1) / (e-1)!) with l = -ln x."""
    x = 0.01
    expected = x * sum((-math.log(x)) ** k / math.factorial(k) for k in range(overwrites))
    assert expected == pytest.approx(below, abs=0.005)
    assert 2.0**-overwrites == pytest.approx(mean, rel=0.02)
    values = multipliers(ARTICLE, overwrites + 1, rows=500)[overwrites]
    share = (values < x).double().mean().item()
    assert abs(share - expected) <= 5 * (expected * (1 - expected) / values.numel()) ** 0.5


def test_every_epoch_shrinks_what_the_last_one_left():
    """Row by row: no epoch starts from the originals. Columns stay in their place."""
    part, model = examples(200), Listener()
    train(model, ARTICLE, settings(4), part, examples(30))
    shuffle = Streams(0).generator("batches")
    epochs = torch.cat(model.heard).view(4, 200, COLUMNS)
    by_row = []
    for heard in epochs:
        order = torch.randperm(200, generator=shuffle)
        by_row.append(heard[order.argsort()])
    assert torch.equal(by_row[0], part.inputs)
    for before, after in itertools.pairwise(by_row):
        factors = (after / before).double()
        assert (factors <= 1).all()
        assert (factors >= 0).all()
        assert abs(factors.mean() - 0.5) <= 5 * (1 / 12 / factors.numel()) ** 0.5
    first, second = by_row[1] / by_row[0], by_row[2] / by_row[1]
    assert abs(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]) < 5 / first.numel() ** 0.5


def test_within_an_epoch_the_inputs_stay():
    """The first epoch trains as if there were no mask at all."""
    part, val = examples(200), examples(30, seed=1)
    masked, plain = Listener(), Listener()
    one, two = train(masked, ARTICLE, settings(1), part, val), train(plain, None, settings(1), part, val)
    assert torch.equal(masked.weight, plain.weight)
    assert one.epochs == two.epochs
    assert one.batches_digest == two.batches_digest


@pytest.mark.parametrize("rate", [0.3, 0.8])
def test_a_share_of_the_cells_shrinks_each_time(rate):
    """Mean (1 - r/2)^e; the mean square of one draw is 1 - r + r/3."""
    found = multipliers(Mask(Bernoulli(), Scale(), rate, compounding=True), 4)
    for overwrites, values in enumerate(found):
        mean, square = (1 - rate / 2) ** overwrites, (1 - 2 * rate / 3) ** overwrites
        assert abs(values.mean().item() - mean) <= 5 * ((square - mean**2) / values.numel()) ** 0.5 + 1e-9
    assert (found[1] == 1).double().mean().item() == pytest.approx(1 - rate, abs=0.03)


def test_zeros_pile_up_too():
    found = multipliers(Mask(Bernoulli(), Zero(), 0.3, compounding=True), 4)
    for overwrites, values in enumerate(found):
        assert values.mean().item() == pytest.approx(0.7**overwrites, abs=5 * (0.25 / values.numel()) ** 0.5)


# The repaired form


def test_the_rescaled_form_keeps_the_mean():
    """Mean 1 and variance 1/3 at every epoch, as it starts from the originals."""
    mask = shipped("uniform_scale_rescaled")
    assert not mask.compounding
    for values in multipliers(mask, 5):
        assert abs(values.mean().item() - 1) <= 5 * (1 / 3 / values.numel()) ** 0.5
        assert values.var().item() == pytest.approx(1 / 3, rel=0.05)
        assert (values < 1).any()
        assert (values > 1).any()


def test_rescaling_keeps_the_mean_of_what_compounds_as_well():
    """And not the variance: (4/3)^e - 1."""
    found = multipliers(Mask(Bernoulli(), Scale(), 1.0, "inverted", compounding=True), 5, rows=2000)
    for overwrites, values in enumerate(found):
        variance = (4 / 3) ** overwrites - 1
        assert abs(values.mean().item() - 1) <= 5 * (variance / values.numel()) ** 0.5 + 1e-9
        assert values.var().item() == pytest.approx(variance, rel=0.1, abs=1e-9)


# Whose inputs


def test_the_callers_tensors_are_left_alone():
    part, val = examples(200), examples(30, seed=1)
    kept = part.inputs.clone(), part.targets.clone(), val.inputs.clone()
    with globals_as_found():
        train(Listener(), ARTICLE, settings(3), part, val)
    assert torch.equal(part.inputs, kept[0])
    assert torch.equal(part.targets, kept[1])
    assert torch.equal(val.inputs, kept[2])


def test_a_run_starts_from_the_data_and_leaves_them():
    """The second of two runs, on the very same data set, gives the numbers of the first."""
    experiment = tiny_experiment(ARTICLE)
    fingerprint = experiment.dataset.fingerprint
    kept = experiment.dataset.inputs.copy()
    first, second = run_experiment(experiment), run_experiment(experiment)
    assert (experiment.dataset.inputs == kept).all()
    assert experiment.dataset.fingerprint == fingerprint
    same = {name for name in first.metrics if not name.startswith("cost/")}
    assert {name: first.metrics[name] for name in same} == {name: second.metrics[name] for name in same}


def test_validation_rows_are_not_shrunk():
    part, val = examples(200), examples(30, seed=1)
    model = Listener()
    fitted = train(model, ARTICLE, settings(3), part, val)
    assert fitted.epochs[-1].val_loss == CROSS_ENTROPY(predict(model, val.inputs), val.targets).item()


def test_what_was_done_is_noted():
    """One overwriting an epoch of every row; the time is the mask's."""
    fitted = train(Listener(), ARTICLE, settings(3), examples(200), examples(30))
    assert fitted.mask_facts["realised_rate"] == fitted.mask_facts["scheduled_rate"] == 1
    assert fitted.mask_facts["changed_rate"] == pytest.approx(1, abs=1e-3)
    assert fitted.mask_seconds > 0


def test_rate_0_compounds_nothing():
    part, val = examples(200), examples(30)
    plain, masked = Listener(), Listener()
    train(plain, None, settings(3), part, val)
    train(masked, Mask(Bernoulli(), Scale(), 0.0, compounding=True), settings(3), part, val)
    assert torch.equal(plain.weight, masked.weight)


def test_a_mask_that_needs_the_model_cannot_compound():
    with pytest.raises(ConfigError, match="compounding overwrites the inputs without a model"):
        Mask(HardestFirst(), Zero(), 0.3, compounding=True).check(Features("columns", (5,)))


# What is learnt


class Remembering(nn.Module):
    """A network that keeps its last training batches."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.last = inner, torch.empty(0)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.last = inputs.clone()
        out: Tensor = self.inner(inputs)
        return out


def trained(epochs: int, decay: float) -> tuple[Remembering, Fit, Examples]:
    part = examples(256, 6)
    with Streams(0).as_global("init"):
        model = Remembering(mlp(Description("x", Features("columns", (6,)), "classification", 2), 16, 1))
    return model, train(model, ARTICLE, settings(epochs, 0.02, decay), part, examples(64, 6, 1)), part


def test_a_long_training_ends_at_the_shares_of_the_classes():
    """Inputs of almost 0 tell nothing: the outputs are one constant, the loss the entropy of the classes."""
    model, fitted, part = trained(60, 0.0)
    share = part.targets.double().mean().item()
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert fitted.epochs[1].val_loss < entropy - 0.05  # it had begun to learn
    assert fitted.epochs[-1].train_loss == pytest.approx(entropy, rel=0.02)
    chances = predict(model, model.last).softmax(1)[:, 1]
    assert chances.std() < 1e-4
    assert chances.mean().item() == pytest.approx(share, abs=0.03)


def test_it_keeps_what_it_learnt_in_the_first_epochs():
    """Constant outputs on what it is trained on, and still better than the most frequent class on clean inputs."""
    model, _, part = trained(60, 0.01)
    outputs = predict(model, part.inputs)
    accuracy = (outputs.argmax(1) == part.targets).double().mean().item()
    assert accuracy > part.targets.bincount().max().item() / len(part.targets) + 0.05
    assert outputs.softmax(1)[:, 1].std() > 0.1


def test_with_weight_decay_it_forgets_what_it_learnt_before():
    """On the clean inputs too it then says the same of every row: the most frequent class."""
    model, _, part = trained(200, 1.0)
    chances = predict(model, part.inputs).softmax(1)[:, 1]
    assert chances.std() < 0.02
    assert chances.mean().item() == pytest.approx(part.targets.double().mean().item(), abs=0.03)
