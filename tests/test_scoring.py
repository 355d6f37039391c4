"""Scores of a model in training, against loops and differences; trainings that hide what is hard."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from maskbench.description import Description, Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.experiment import ignore
from maskbench.masks.contract import Context
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.masks.schedules import Cyclic
from maskbench.masks.scored import HardestFirst
from maskbench.masks.token_fills import MaskToken
from maskbench.metrics import loss
from maskbench.models.cnn import cnn
from maskbench.models.mlp import mlp
from maskbench.models.transformer import transformer
from maskbench.scoring import scores
from maskbench.seeding import Streams
from maskbench.training import Examples, Fit, TrainSettings, fit
from tests.helpers import globals_as_found, random_inputs

WORDS = Vocabulary(12, pad=0, mask=1, unknown=2, special=(3,))
KINDS = {
    "columns": Features("columns", (5,)),
    "image": Features("image", (2, 4, 4)),
    "sequence": Features("sequence", (4, 3)),
    "tokens": Features("tokens", (6,), WORDS),
}
CROSS_ENTROPY, SQUARED = loss("classification"), loss("regression")
SETTINGS = TrainSettings(epochs=4, batch_size=16, lr=1e-2, weight_decay=0.1, patience=None)
kinds = pytest.mark.parametrize("kind", KINDS)


def built(features: Features, task: str = "classification", dropout: float = 0.5) -> nn.Module:
    """A small model, the same at every call, with dropout and in float64 for the sake of differences."""
    description = Description("x", features, task, 3 if task == "classification" else 1)
    with Streams(0).as_global("init"):
        return transformer(description, 8, 1, 2, patch=2, dropout=dropout).double()


def data(features: Features, rows: int = 7) -> tuple[Tensor, Tensor]:
    targets = torch.arange(rows) % 3
    if features.vocabulary is None:
        return random_inputs(rows, features.shape).double() - 5, targets
    tokens = torch.randint(4, 12, (rows, *features.shape), generator=torch.Generator().manual_seed(0))
    tokens[:, 0] = 3
    tokens[::2, 4:] = 0
    return tokens, targets


# Losses


@kinds
def test_losses_are_those_of_a_loop(kind):
    model, (inputs, targets) = built(KINDS[kind]), data(KINDS[kind])
    found = scores(model.train(), CROSS_ENTROPY, inputs, targets, "sample")
    model.eval()
    expected = [
        nn.functional.cross_entropy(model(inputs[row : row + 1]), targets[row : row + 1]).item() for row in range(7)
    ]
    assert found.shape == (7,)
    assert found.tolist() == pytest.approx(expected)
    assert not found.requires_grad


def test_losses_of_a_regression_are_squared_errors():
    model, (inputs, _) = built(KINDS["columns"], "regression"), data(KINDS["columns"])
    targets = torch.linspace(-2, 2, 7, dtype=torch.float64)
    found = scores(model, SQUARED, inputs, targets, "sample")
    expected = (model.eval()(inputs).squeeze(1) - targets).square()
    torch.testing.assert_close(found, expected.detach())


def test_losses_are_not_weighed_by_the_batch():
    """A sample's loss is its own, whatever stands beside it."""
    model, (inputs, targets) = built(KINDS["columns"]), data(KINDS["columns"])
    one = scores(model, CROSS_ENTROPY, inputs, targets, "sample")
    torch.testing.assert_close(scores(model, CROSS_ENTROPY, inputs[2:4], targets[2:4], "sample"), one[2:4])


# Saliency


def slopes(at: Tensor, value: Callable[[Tensor], float], step: float = 1e-5) -> Tensor:
    """The slope of `value` along every entry of `at`, each moved up and down by itself."""
    moves = torch.eye(at.numel(), dtype=at.dtype).view(-1, *at.shape) * step
    found = [(value(at + move) - value(at - move)) / (2 * step) for move in moves]
    return torch.tensor(found, dtype=at.dtype).view(at.shape)


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_cells_score_is_value_times_slope(kind, task):
    features = KINDS[kind]
    model, (inputs, targets) = built(features, task), data(features)
    of = CROSS_ENTROPY if task == "classification" else SQUARED
    targets = targets if task == "classification" else targets.double()
    found = scores(model.train(), of, inputs, targets, "cell")
    model.eval()
    with torch.no_grad():
        expected = (inputs * slopes(inputs, lambda moved: of(model(moved), targets).item())).abs()
    if kind == "image":
        expected = expected.sum(1, keepdim=True)
    assert found.shape == expected.shape
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)


def test_a_tokens_score_is_that_of_its_embedding():
    features = KINDS["tokens"]
    model, (inputs, targets) = built(features), data(features)
    found = scores(model.train(), CROSS_ENTROPY, inputs, targets, "cell")
    model.eval()
    embedding = next(module for module in model.modules() if isinstance(module, nn.Embedding))

    def with_steps(moved: Tensor) -> float:
        handle = embedding.register_forward_hook(lambda *_: moved)
        value = CROSS_ENTROPY(model(inputs), targets).item()
        handle.remove()
        return value

    with torch.no_grad():
        steps = embedding(inputs)
        expected = (steps * slopes(steps, with_steps)).abs().sum(-1)
    assert found.shape == inputs.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)
    assert (found[inputs == 0] == 0).all()  # padding has no part in the outputs
    assert (found[inputs != 0] > 0).all()


def test_a_linear_model_has_scores_one_can_write_down():
    """Squared error of x w: the slope along x_i is 2 (x w - y) w_i over the batch size."""
    model = nn.Linear(3, 1, bias=False)
    inputs, targets = torch.tensor([[1.0, -2.0, 0.0], [3.0, 0.5, 2.0]]), torch.tensor([1.0, -1.0])
    found = scores(model, SQUARED, inputs, targets, "cell")
    with torch.no_grad():
        errors = (inputs @ model.weight.T).squeeze(1) - targets
        expected = (inputs * 2 * errors[:, None] * model.weight / 2).abs()
    torch.testing.assert_close(found, expected)
    assert found[0, 2] == 0


def test_scores_are_found_where_gradients_are_switched_off():
    model, (inputs, targets) = built(KINDS["columns"]), data(KINDS["columns"])
    expected = scores(model, CROSS_ENTROPY, inputs, targets, "cell")
    with torch.no_grad():
        assert torch.equal(scores(model, CROSS_ENTROPY, inputs, targets, "cell"), expected)


def test_tokens_without_an_embedding_are_refused():
    with pytest.raises(ConfigError, match=r"tokens are scored through a torch\.nn\.Embedding, and the model has none"):
        scores(nn.Flatten(), CROSS_ENTROPY, *data(KINDS["tokens"]), "cell")


# What is left as found


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("of", ["cell", "sample"])
@kinds
def test_model_inputs_and_generators_are_left_as_found(kind, of, training):
    model, (inputs, targets) = built(KINDS[kind]).train(training), data(KINDS[kind])
    kept, weights = inputs.clone(), copy.deepcopy(model.state_dict())
    with globals_as_found():
        first = scores(model, CROSS_ENTROPY, inputs, targets, of)
    assert torch.equal(first, scores(model, CROSS_ENTROPY, inputs, targets, of))  # dropout is off
    assert all(module.training == training for module in model.modules())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
    assert sum(len(module._forward_hooks) for module in model.modules()) == 0
    assert torch.equal(inputs, kept)
    assert not inputs.requires_grad


@pytest.mark.parametrize("of", ["cell", "sample"])
def test_running_statistics_and_gradients_stay(of):
    """Gradients of a step under way too."""
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double().train()
    inputs, targets = data(KINDS["columns"])
    CROSS_ENTROPY(model(inputs), targets).backward()
    kept = copy.deepcopy(model.state_dict()), [weight.grad.clone() for weight in model.parameters()]
    scores(model, CROSS_ENTROPY, inputs, targets, of)
    assert all(torch.equal(kept[0][name], value) for name, value in model.state_dict().items())
    assert all(torch.equal(one, weight.grad) for one, weight in zip(kept[1], model.parameters(), strict=True))


@pytest.mark.parametrize("of", ["cell", "sample"])
@pytest.mark.parametrize("kind", ["columns", "tokens"])
def test_the_mode_returns_after_an_error(of, kind):
    def failing(outputs: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("stop")

    model = built(KINDS[kind]).train()
    with pytest.raises(RuntimeError, match="stop"):
        scores(model, failing, *data(KINDS[kind]), of)
    assert model.training
    assert sum(len(module._forward_hooks) for module in model.modules()) == 0


# Trainings


def trained(
    features: Features, mask: Mask | None, network: str = "transformer", rows: int = 48
) -> tuple[Fit, nn.Module]:
    parts = []
    for count in (rows, 20):
        inputs, targets = data(features, count)
        parts.append(Examples(inputs.float() if features.vocabulary is None else inputs, targets))
    description = Description("x", features, "classification", 3)
    with Streams(0).as_global("init"):
        model = {
            "transformer": lambda: transformer(description, 8, 1, 2, patch=2, dropout=0.2),
            "mlp": lambda: mlp(description, 8, 1, 0.2),
            "cnn": lambda: cnn(description, 4, 2),
        }[network]()
    with Streams(0).as_global("model"):
        masking = mask and mask.fit(Context(parts[0].inputs, features))
        return fit(model, CROSS_ENTROPY, *parts, masking, SETTINGS, Streams(0), ignore), model


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("columns", "mlp"),
        ("image", "cnn"),
        ("sequence", "transformer"),
        ("image", "transformer"),
        ("columns", "transformer"),
    ],
)
@pytest.mark.parametrize("order", ["hardest", "easiest"])
def test_a_training_that_hides_cells_has_exactly_the_rate(kind, network, order):
    """A count of every sample within one of the rate; the mean over 4 x 48 samples within its rounding."""
    fitted, _ = trained(KINDS[kind], Mask(HardestFirst(order=order), Zero(), 0.3), network)
    cells = KINDS[kind].size // (2 if kind == "image" else 1)
    fraction = 0.3 * cells % 1
    error = 5 * (fraction * (1 - fraction) / 192) ** 0.5 / cells + 1e-6
    assert fitted.mask_facts["realised_rate"] == pytest.approx(0.3, abs=error)
    assert fitted.mask_facts["scheduled_rate"] == pytest.approx(0.3)


@pytest.mark.parametrize(("kind", "network"), [("columns", "mlp"), ("image", "cnn"), ("tokens", "transformer")])
def test_a_training_that_hides_in_hard_samples_has_the_rate_on_average(kind, network):
    fill = MaskToken() if kind == "tokens" else Zero()
    fitted, _ = trained(KINDS[kind], Mask(HardestFirst("sample", hard_share=1.0), fill, 0.3), network)
    cells = {"columns": 5, "image": 16, "tokens": 3}[kind]
    assert fitted.mask_facts["realised_rate"] == pytest.approx(0.3, abs=5 * (0.25 / cells / 192) ** 0.5)


def test_a_training_on_hard_tokens_has_the_rate_of_its_cycle():
    """Four epochs are one cycle of rates 0.6, 0.4, 0.2 and 0."""
    fitted, _ = trained(KINDS["tokens"], Mask(HardestFirst(hard_share=1.0), MaskToken(1, 0, 0), 0.3, schedule=Cyclic()))
    assert fitted.mask_facts["scheduled_rate"] == pytest.approx(0.3)
    assert fitted.mask_facts["realised_rate"] == pytest.approx(0.3, abs=5 * (0.25 / 192) ** 0.5 / 3)


class Asked(HardestFirst):
    """Keeps what it is told."""

    def sample(self, batch, rates, generator):
        self.met.append((batch, super().sample(batch, rates, generator)))
        return self.met[-1][1]


@pytest.mark.parametrize("unit", ["cell", "sample"])
def test_the_pattern_is_told_the_scores_of_the_model_at_that_step(unit):
    """The first batch by hand; progress grows from 0 to 1."""
    met: list = []
    object.__setattr__(pattern := Asked(unit, 1.0), "met", met)
    trained(KINDS["columns"], Mask(pattern, Zero(), 0.4), "mlp")
    assert [batch.progress for batch, _ in met] == pytest.approx([step / 11 for step in range(12)])
    with Streams(0).as_global("init"):
        start = mlp(Description("x", KINDS["columns"], "classification", 3), 8, 1, 0.2)
    rows = torch.randperm(48, generator=Streams(0).generator("batches"))[:16]
    inputs, targets = data(KINDS["columns"], 48)
    expected = scores(start, CROSS_ENTROPY, inputs.float()[rows], targets[rows], unit)
    assert torch.equal(met[0][0].inputs, inputs.float()[rows])
    torch.testing.assert_close(met[0][0].scores, expected)
    batch, hidden = met[-1]
    if unit == "cell":  # two of five, and at the end those with the highest scores
        ranks = batch.scores.argsort(1, descending=True)
        assert hidden.gather(1, ranks).tolist() == [[True, True, False, False, False]] * 16


def test_scoring_moves_neither_batches_nor_dropout():
    """A mask that asks for scores and hides nothing: only a shifted stream could move the weights."""

    class Nothing(Zero):
        def apply(self, inputs, hidden, generator, context):
            return inputs.clone()

    (one, plain), (two, scored) = (
        trained(KINDS["columns"], mask, "mlp") for mask in (None, Mask(HardestFirst(), Nothing(), 0.5))
    )
    assert all(torch.equal(value, scored.state_dict()[name]) for name, value in plain.state_dict().items())
    assert one.batches_digest == two.batches_digest
