"""Masks inside a model: only while it trains, only there, and gone afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from maskbench.config.build import mask_of, place_of
from maskbench.config.compose import typed
from maskbench.description import Description, Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.experiment import ignore
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.contract import Context
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask, Masked, counted
from maskbench.masks.schedules import Uniform
from maskbench.metrics import loss
from maskbench.models.cnn import cnn
from maskbench.models.mlp import mlp
from maskbench.models.transformer import transformer
from maskbench.places import masked_at, modules_at
from maskbench.seeding import Streams
from maskbench.training import Examples, Fit, TrainSettings, fit, predict
from tests.helpers import generator, globals_as_found, random_inputs, stock

SETTINGS = TrainSettings(epochs=2, batch_size=16, lr=1e-2, weight_decay=0.1, patience=None)
WORDS = Vocabulary(20, pad=0, mask=1, unknown=2, special=(3,))
COLUMNS, IMAGE = Features("columns", (6,)), Features("image", (1, 8, 8))
SEQUENCE, TOKENS = Features("sequence", (8, 3)), Features("tokens", (9,), WORDS)
CASES = [
    ("hidden_dropout", "mlp", COLUMNS),
    ("hidden_dropout", "cnn", IMAGE),
    ("key_mask", "transformer", COLUMNS),
    ("key_mask", "transformer", TOKENS),
    ("patch_drop", "transformer", IMAGE),
    ("patch_drop", "transformer", SEQUENCE),
    ("token_drop", "transformer", TOKENS),
]
every_place = pytest.mark.parametrize(
    ("name", "network", "features"), CASES, ids=[f"{name}-{network}-{data.kind}" for name, network, data in CASES]
)


def shipped(name: str, network: str) -> tuple[Mask, str]:
    """A mask of the menu, and the modules of its place in a model of the menu."""
    config = typed(stock([f"mask={name}", f"model={network}"]))
    mask = mask_of(config.mask)
    assert mask is not None
    return mask, place_of(config, mask.place)["module"]


def built(network: str, features: Features, dropout: float = 0.0) -> nn.Module:
    """A small model, the same at every call."""
    description = Description("x", features, "classification", 3)
    with Streams(0).as_global("init"):
        if network == "transformer":
            return transformer(description, 8, 2, 2, patch=2, dropout=dropout)
        return mlp(description, 16, 2, dropout) if network == "mlp" else cnn(description, 4, 2)


def data(features: Features, rows: int = 40, seed: int = 0) -> Tensor:
    if features.vocabulary is None:
        return random_inputs(rows, features.shape, seed) - 5
    stream = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, 20, (rows, *features.shape), generator=stream)
    tokens[:, 0] = 3
    lengths = torch.randint(3, features.shape[0] + 1, (rows, 1), generator=stream)
    return tokens.where(torch.arange(features.shape[0]) < lengths, 0)


def trained(model: nn.Module, features: Features, mask: Mask | None, place: str) -> Fit:
    parts = [Examples(data(features, rows, rows), torch.arange(rows) % 3) for rows in (40, 20)]
    with Streams(0).as_global("model"):
        masking = mask and mask.fit(Context(parts[0].inputs, features))
        return fit(model, loss("classification"), *parts, masking, SETTINGS, Streams(0), ignore, place)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def same_weights(left: nn.Module, right: nn.Module) -> bool:
    one, two = left.state_dict(), right.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


class At:
    """A mask at its place in a model: `calls` are what it returned."""

    def __init__(self, model: nn.Module, features: Features, mask: Mask, place: str, seed: int = 0) -> None:
        self.calls: list[Masked] = []
        masking, stream = mask.fit(Context(data(features), features)), generator(seed)

        def mask_it(values: Tensor) -> Masked:
            self.calls.append(masking(values, stream))
            return self.calls[-1]

        self.there = masked_at(model, place, mask.fill, mask_it)


# Only in training, and gone afterwards


@every_place
def test_it_works_in_training_mode_only(name, network, features):
    model, (mask, place) = built(network, features), shipped(name, network)
    inputs = data(features)
    with torch.no_grad():
        plain, at_work = model.eval()(inputs), model.train()(inputs)
    at = At(model, features, mask, place)
    with at.there, torch.no_grad():
        assert hooks(model) > 0
        assert torch.equal(model.eval()(inputs), plain)
        assert not at.calls
        assert not torch.equal(model.train()(inputs), at_work)
        assert len(at.calls) == len(modules_at(model, place))
        assert torch.equal(model.eval()(inputs), plain)
    assert hooks(model) == 0
    with torch.no_grad():
        assert torch.equal(model.train()(inputs), at_work)


def stop(there: int) -> None:
    assert there > 0
    raise RuntimeError("stop")


@every_place
def test_it_is_gone_after_an_error(name, network, features):
    model, (mask, place) = built(network, features), shipped(name, network)
    at = At(model, features, mask, place)
    with pytest.raises(RuntimeError, match="stop"), at.there:
        stop(hooks(model))
    assert hooks(model) == 0


def test_a_training_that_fails_leaves_no_hooks():
    model, (mask, place) = built("mlp", COLUMNS), shipped("hidden_dropout", "mlp")
    stopped = loss("classification")

    def failing(outputs: Tensor, targets: Tensor) -> Tensor:
        if len(outputs) < 16:
            stop(hooks(model))
        return stopped(outputs, targets)

    part = Examples(data(COLUMNS), torch.arange(40) % 3)
    masking = mask.fit(Context(part.inputs, COLUMNS))
    with pytest.raises(RuntimeError, match="stop"):
        fit(model, failing, part, part, masking, SETTINGS, Streams(0), ignore, place)
    assert hooks(model) == 0


@every_place
def test_predictions_of_a_trained_model_are_those_of_its_weights(name, network, features):
    """Bit by bit, with the mask still there and in a fresh model without it."""
    model, (mask, place) = built(network, features), shipped(name, network)
    trained(model, features, mask, place)
    assert not model.training
    assert hooks(model) == 0
    fresh = built(network, features).eval()
    fresh.load_state_dict(model.state_dict())
    expected = predict(fresh, data(features))
    assert torch.equal(predict(model, data(features)), expected)
    with At(model, features, mask, place).there:
        assert torch.equal(predict(model, data(features)), expected)


@every_place
def test_validation_rows_are_never_masked(name, network, features):
    model, (mask, place) = built(network, features), shipped(name, network)
    fitted = trained(model, features, mask, place)
    rows = data(features, 20, 20)
    expected = loss("classification")(predict(model, rows), torch.arange(20) % 3).item()
    assert fitted.epochs[-1].val_loss == expected


# The pairing


@every_place
def test_rate_0_gives_the_very_weights_of_no_mask(name, network, features):
    (mask, place) = shipped(name, network)
    plain, masked, really = (built(network, features, dropout=0.2) for _ in range(3))
    one = trained(plain, features, None, "")
    two = trained(masked, features, replace(mask, rate=0.0), place)
    three = trained(really, features, replace(mask, rate=0.5), place)
    assert same_weights(plain, masked)
    assert one.epochs == two.epochs
    assert one.mask_facts == two.mask_facts
    assert not same_weights(plain, really)
    assert one.batches_digest == two.batches_digest == three.batches_digest


@pytest.mark.parametrize(
    ("network", "features", "module"),
    [("mlp", COLUMNS, "ReLU"), ("transformer", TOKENS, "Front"), ("transformer", SEQUENCE, "Front")],
    ids=["mlp", "tokens", "sequence"],
)
def test_its_draws_move_neither_batches_nor_dropout(network, features, module):
    """A mask that draws but changes nothing: only a shifted stream could move the weights."""

    class Nothing(Zero):
        def apply(self, inputs, hidden, generator, context):
            torch.rand(7, generator=generator)
            return inputs.clone()

    plain, masked = (built(network, features, dropout=0.2) for _ in range(2))
    one = trained(plain, features, None, "")
    two = trained(masked, features, Mask(Bernoulli(), Nothing(), 0.5, place="hidden"), module)
    assert same_weights(plain, masked)
    assert one.batches_digest == two.batches_digest
    assert two.mask_facts["realised_rate"] == pytest.approx(0.5, abs=0.1)


@every_place
def test_the_same_seed_gives_the_same_weights_and_nothing_global_is_drawn(name, network, features):
    mask, place = shipped(name, network)
    first, second = (built(network, features) for _ in range(2))
    trained(first, features, mask, place)
    with globals_as_found():
        trained(second, features, mask, place)
    assert same_weights(first, second)


# What it does


@every_place
def test_the_realised_rate_is_the_rate(name, network, features):
    """Over 256 batches, as equal counts share their rounding; where all of a sample would go, one step is kept."""
    model, (mask, place) = built(network, features), shipped(name, network)
    at = At(model, features, mask, place)
    with at.there, torch.no_grad():
        for _ in range(256):
            model.train()(data(features, 16))
    calls = at.calls[:: len(modules_at(model, place))]
    shares = torch.stack([torch.div(*counted(call.hidden, call.batch)).mean() for call in calls]).double()
    lengths = (
        (data(features, 16) != 0).sum(1) if features == TOKENS else torch.full((16,), calls[0].batch.inputs.shape[1])
    )
    kept = 0.3**lengths / lengths if name == "key_mask" else torch.zeros(1)
    expected = (mask.rate or 0) - kept.double().mean()
    assert abs(shares.mean() - expected) <= 5 * shares.std() / 256**0.5 + 1e-6


@every_place
def test_the_realised_rate_of_a_training_is_noted(name, network, features):
    model, (mask, place) = built(network, features), shipped(name, network)
    found = trained(model, features, mask, place).mask_facts
    assert found["realised_rate"] == pytest.approx(mask.rate, abs=0.07)
    assert found["scheduled_rate"] == pytest.approx(mask.rate)


@every_place
def test_gradients_are_finite_and_reach_every_weight(name, network, features):
    model, (mask, place) = built(network, features), shipped(name, network)
    with At(model, features, mask, place).there:
        model.train()(data(features)).square().sum().backward()
    gradients = [weight.grad for weight in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert all(gradient.any() for gradient in gradients if gradient is not None and gradient.ndim > 1)


def test_hidden_dropout_zeroes_units_and_scales_up_the_rest():
    model, (mask, place) = built("mlp", COLUMNS), shipped("hidden_dropout", "mlp")
    seen: list[tuple[Tensor, Tensor]] = []
    at = At(model, COLUMNS, mask, place)
    inputs = data(COLUMNS, 300)
    with at.there, torch.no_grad():
        for layer in (module for module in model if isinstance(module, nn.Linear)):
            layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        model.train()(inputs)
        first = torch.relu(model[1](inputs))
    assert torch.equal(at.calls[0].batch.inputs, first)
    assert torch.equal(seen[1], torch.where(at.calls[0].hidden, 0, first * 2))
    assert not torch.equal(at.calls[0].hidden, at.calls[1].hidden)


def test_dropped_patches_are_not_computed():
    """Of 16 patches the layers meet the 8 that stay, as they were and in their order."""
    model, (mask, place) = built("transformer", IMAGE), shipped("patch_drop", "transformer")
    met: list[Tensor] = []
    model.get_submodule("encoder").register_forward_pre_hook(lambda _, args: met.append(args[0]))
    at = At(model, IMAGE, mask, place)
    with at.there, torch.no_grad():
        model.train()(data(IMAGE))
    hidden = at.calls[0].hidden[..., 0]
    assert hidden.sum(1).tolist() == [8] * 40
    assert met[0].shape == (40, 8, 8)
    assert torch.equal(met[0], at.calls[0].batch.inputs[~hidden].view(40, 8, 8))


def test_padding_is_not_among_the_dropped_tokens():
    model, (mask, place) = built("transformer", TOKENS), shipped("token_drop", "transformer")
    at = At(model, TOKENS, mask, place)
    inputs = data(TOKENS, 400)
    with at.there, torch.no_grad():
        outputs = model.train()(inputs)
    assert outputs.isfinite().all()
    lengths, hidden = (inputs != WORDS.pad).sum(1), at.calls[0].hidden[..., 0]
    assert not (hidden & (inputs == WORDS.pad)).any()
    assert ((hidden.sum(1) - lengths / 2).abs() < 1).all()


@pytest.mark.parametrize("rate", [0.3, 0.9, 1.0])
def test_masked_keys_join_those_that_are_absent(rate):
    """Of the tokens that are there one is always attended to, also where a rate leaves none."""
    model, (mask, place) = built("transformer", TOKENS), shipped("key_mask", "transformer")
    at, given = At(model, TOKENS, replace(mask, rate=rate), place), []
    layer = model.get_submodule("encoder.layers.0")
    layer.register_forward_pre_hook(
        lambda _, __, kwargs: given.append(kwargs["src_key_padding_mask"]), with_kwargs=True
    )
    inputs = data(TOKENS, 200)
    padding = inputs == WORDS.pad
    with at.there, torch.no_grad():
        assert model.train()(inputs).isfinite().all()
    unattended = given[0].isinf()  # the encoder makes numbers of them: 0 and -inf
    assert torch.equal(unattended, at.calls[0].hidden[..., 0] | padding)
    assert not (at.calls[0].hidden[..., 0] & padding).any()
    assert not unattended.all(1).any()
    if rate == 1:
        assert set((~unattended).sum(1).tolist()) == {1}


def test_keys_of_an_encoder_that_was_given_no_mask():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    steps = random_inputs(50, (7, 8))
    mask = Mask(Bernoulli("step"), shipped("key_mask", "transformer")[0].fill, 0.4, place="attention")
    at = At(encoder, Features("sequence", (7, 8)), mask, "TransformerEncoder")
    with at.there, torch.no_grad():
        found = encoder.train()(steps)
    expected = encoder(steps, src_key_padding_mask=at.calls[0].hidden[..., 0])
    assert torch.equal(found, expected)
    assert not torch.equal(found, encoder(steps))


def test_a_schedule_and_one_draw_for_the_batch_work_inside_too():
    model = built("mlp", COLUMNS)
    mask = Mask(Bernoulli(shared=True), Zero(), 0.5, schedule=Uniform(per="batch"), place="hidden")
    at = At(model, COLUMNS, mask, "ReLU")
    with at.there, torch.no_grad():
        model.train()(data(COLUMNS))
        model.train()(data(COLUMNS))
    assert len({call.rates.item() for call in at.calls}) == 4
    assert all(call.hidden.shape == (1, 16) for call in at.calls)


# Which modules


def test_modules_go_by_their_class_or_by_their_name():
    model = built("mlp", COLUMNS)
    assert modules_at(model, "ReLU") == [model[2], model[4]]
    assert modules_at(model, "4") == [model[4]]
    deep = built("transformer", COLUMNS)
    assert modules_at(deep, "encoder.layers.1") == [deep.get_submodule("encoder.layers.1")]
    assert modules_at(deep, "TransformerEncoder") == [deep.get_submodule("encoder")]


@pytest.mark.parametrize("place", ["relu", "ReL", "", "9", "encoder"])
def test_an_unknown_module_is_refused(place):
    model = built("mlp", COLUMNS)
    with pytest.raises(ConfigError, match=rf"the model has no module '{place}'; mend model\.places"):
        trained(model, COLUMNS, Mask(Bernoulli(), Zero(), 0.5, place="hidden"), place)
    assert hooks(model) == 0
