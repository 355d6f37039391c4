"""Transformer: every kind of data, and steps that are not there have no say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from maskbench.description import Description, Features, Vocabulary
from maskbench.models.transformer import Encoder, transformer
from maskbench.seeding import Streams
from tests.helpers import random_inputs

WORDS = Vocabulary(20, pad=7, mask=1, unknown=2, special=(3,))
KINDS = {
    "columns": Features("columns", (7,)),
    "image": Features("image", (3, 4, 8)),
    "sequence": Features("sequence", (9, 2)),
    "tokens": Features("tokens", (9,), WORDS),
}
STEPS = {"columns": 7, "image": 8, "sequence": 9, "tokens": 9}
kinds = pytest.mark.parametrize("kind", KINDS)


def built(kind: str, seed: int = 0, **sizes: float) -> Encoder:
    with Streams(seed).as_global("init"):
        settings = {"width": 12, "depth": 2, "heads": 3, "patch": 2} | sizes
        model = transformer(Description("x", KINDS[kind], "classification", 4), **settings)
    assert isinstance(model, Encoder)
    return model.eval()


def data(kind: str, rows: int = 11) -> Tensor:
    """Inputs of which some are not there: columns, ends of sequences and of texts."""
    stream = torch.Generator().manual_seed(1)
    if kind == "tokens":
        tokens = torch.randint(8, 20, (rows, 9), generator=stream)
        return tokens.where(torch.arange(9) < torch.arange(rows)[:, None] + 1, WORDS.pad)
    inputs = random_inputs(rows, KINDS[kind].shape) - 5
    if kind == "columns":
        inputs = inputs.where(torch.rand(inputs.shape, generator=stream) < 0.7, math.nan)
    if kind == "sequence":
        inputs = inputs.where((torch.arange(9) < torch.arange(rows)[:, None] + 1)[..., None], math.nan)
        inputs[3:, 1, 0] = math.nan  # one channel of a step that is there
    return inputs


def by_hand(model: Encoder, kind: str, example: Tensor) -> Tensor:
    """One example by the steps that are there only: no padding, no masks, layers written out."""
    front, features = model.front, KINDS[kind]
    if kind == "columns":
        there = [column for column in range(7) if not example[column].isnan()]
        steps = [
            example[column] * front.embed.vectors.weight[column] + front.positions.weight[column] for column in there
        ]
    elif kind == "image":
        patches = [(row, column) for row in range(0, 4, 2) for column in range(0, 8, 2)]
        weights, bias = front.embed.weight, front.embed.bias
        steps = [
            (weights * example[:, row : row + 2, column : column + 2]).sum((1, 2, 3))
            + bias
            + front.positions.weight[number]
            for number, (row, column) in enumerate(patches)
        ]
    elif kind == "sequence":
        there = [step for step in range(9) if not example[step].isnan().all()]
        steps = [front.embed(example[step].nan_to_num(0)) + front.positions.weight[step] for step in there]
    else:
        there = [step for step in range(9) if example[step] != features.vocabulary.pad]
        steps = [front.embed.weight[example[step]] + front.positions.weight[step] for step in there]
    values = torch.stack(steps)
    for layer in model.encoder.layers:
        values = values + attended(layer.self_attn, layer.norm1(values))
        values = values + layer.linear2(nn.functional.gelu(layer.linear1(layer.norm2(values))))
    return model.head(values.mean(0))


def attended(attention: nn.MultiheadAttention, steps: Tensor) -> Tensor:
    """Attention of steps (N, D), head by head."""
    queries, keys, values = (steps @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, 1)
    size = steps.shape[1] // attention.num_heads
    heads = []
    for start in range(0, steps.shape[1], size):
        part = slice(start, start + size)
        weights = (queries[:, part] @ keys[:, part].T / size**0.5).softmax(1)
        heads.append(weights @ values[:, part])
    return attention.out_proj(torch.cat(heads, 1))


@kinds
@pytest.mark.parametrize("training", [True, False])
def test_it_is_what_one_computes_from_the_steps_that_are_there(kind, training):
    model, inputs = built(kind).train(training), data(kind)
    with torch.no_grad():
        expected = torch.stack([by_hand(model, kind, example) for example in inputs])
        torch.testing.assert_close(model(inputs), expected, rtol=1e-4, atol=1e-5)


@kinds
def test_shapes(kind):
    model = built(kind)
    for rows in (1, 5):
        outputs = model(data(kind, rows))
        assert (outputs.shape, outputs.dtype) == ((rows, 4), torch.float32)
    assert model.front(data(kind)).shape == (11, STEPS[kind], 12)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_outputs_follow_the_task(task):
    description = Description("x", KINDS["columns"], task, 1 if task == "regression" else 5)
    assert transformer(description, 8, 1, 2)(data("columns")).shape == (11, description.outputs)


@kinds
def test_steps_that_are_not_there_are_nan_behind_the_front(kind):
    inputs = data(kind)
    found = built(kind).front(inputs).isnan()
    assert torch.equal(found.any(2), found.all(2))
    absent = {
        "columns": inputs.isnan(),
        "image": torch.zeros(11, 8, dtype=torch.bool),
        "sequence": inputs.isnan().all(-1),
        "tokens": inputs == WORDS.pad,
    }
    assert torch.equal(found.any(2), absent[kind])


def test_what_the_padding_means_has_no_say():
    """Neither in the outputs nor in the gradients."""
    model, inputs = built("tokens"), data("tokens")
    before = model(inputs)
    before.sum().backward()
    assert not model.front.embed.weight.grad[WORDS.pad].any()
    assert not model.front.positions.weight.grad.isnan().any()
    with torch.no_grad():
        model.front.embed.weight[WORDS.pad] = 1e3
        torch.testing.assert_close(model(inputs), before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["columns", "sequence", "tokens"])
def test_an_example_of_nothing_has_finite_outputs_and_leaves_the_others_alone(kind):
    model, inputs = built(kind), data(kind)
    expected = model(inputs).detach()
    inputs[3] = WORDS.pad if kind == "tokens" else math.nan
    outputs = model(inputs)
    assert outputs.isfinite().all()
    others = torch.arange(11) != 3
    torch.testing.assert_close(outputs[others], expected[others])
    outputs.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@kinds
def test_gradients_reach_every_weight(kind):
    model = built(kind).train()
    model(data(kind)).square().sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad.isfinite().all(), name
        if not name.endswith("bias"):  # that of the keys has no effect
            assert weight.grad.any(), name


@kinds
def test_a_sample_does_not_depend_on_its_batch(kind):
    model, inputs = built(kind), data(kind)
    torch.testing.assert_close(model(inputs)[4:5], model(inputs[4:5]), rtol=1e-4, atol=1e-5)


def permuted(kind: str, inputs: Tensor, order: Tensor) -> Tensor:
    """The same steps in another order: patches for an image."""
    if kind != "image":
        return inputs[:, order]
    patches = inputs.unfold(2, 2, 2).unfold(3, 2, 2).flatten(2, 3)[:, :, order]  # (B, C, N, 2, 2)
    return patches.unflatten(2, (2, 4)).transpose(3, 4).reshape(inputs.shape)


@pytest.mark.parametrize("kind", ["image", "sequence", "tokens"])
def test_the_order_of_steps_is_told_by_their_positions_only(kind):
    model, inputs = built(kind), data(kind)
    order = torch.randperm(STEPS[kind], generator=torch.Generator().manual_seed(0))
    moved = permuted(kind, inputs, order)
    with torch.no_grad():
        assert (model(moved) - model(inputs)).abs().amax(1)[1:].min() > 1e-3  # one step has a place too
        model.front.positions.weight.zero_()
        torch.testing.assert_close(model(moved), model(inputs), rtol=1e-4, atol=1e-5)


def test_columns_are_told_apart_by_their_vectors():
    model = built("columns")
    inputs = random_inputs(11, (7,))
    with torch.no_grad():
        model.front.positions.weight.zero_()
        assert (model(inputs.flip(1)) - model(inputs)).abs().max() > 1e-2
        model.front.embed.vectors.weight[:] = model.front.embed.vectors.weight[0]
        torch.testing.assert_close(model(inputs.flip(1)), model(inputs), rtol=1e-4, atol=1e-5)


def test_columns_of_one_cell_are_one_step():
    """A category of three columns looks up its own vector; one that is missing is no step."""
    description = Description("x", Features("columns", (5,), blocks=(1, 3, 1)), "classification", 2)
    front = transformer(description, 8, 1, 2).front
    found = front(torch.tensor([[2.0, 0.0, 1.0, 0.0, 3.0], [2.0, math.nan, math.nan, math.nan, 3.0]]))
    vectors, places = front.embed.vectors.weight, front.positions.weight
    expected = torch.stack([2 * vectors[0], vectors[2], 3 * vectors[4]]) + places
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[1, [0, 2]], expected[[0, 2]])
    assert found[1, 1].isnan().all()


@kinds
def test_the_same_seed_gives_the_same_weights(kind):
    one, two, other = built(kind).state_dict(), built(kind).state_dict(), built(kind, seed=1).state_dict()
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert not torch.equal(one["front.positions.weight"], other["front.positions.weight"])


@kinds
def test_layers_share_no_weights(kind):
    model = built(kind)
    assert len(model.encoder.layers) == 2
    assert len({weight.data_ptr() for weight in model.parameters()}) == len(list(model.parameters()))


@kinds
def test_dropout_works_in_training_only(kind):
    model, inputs = built(kind, dropout=0.5), data(kind)
    with torch.no_grad():
        assert torch.equal(model(inputs), model(inputs))
        assert torch.equal(model(inputs), built(kind)(inputs))
        model.train()
        assert not torch.equal(model(inputs), model(inputs))


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("width", "heads"), [(8, 1), (8, 8), (12, 4)])
def test_sizes_are_those_asked_for(width, heads, depth):
    model = built("image", width=width, heads=heads, depth=depth)
    assert len(model.encoder.layers) == depth
    assert model.encoder.layers[0].self_attn.num_heads == heads
    assert model.encoder.layers[0].linear1.out_features == 2 * width
    assert model.front.positions.weight.shape == (8, width)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"heads": 5}, "heads that divide width, not 2, 5, 12"),
        ({"heads": 0}, "heads that divide width, not 2, 0, 12"),
        ({"depth": 0}, "depth >= 1 and heads that divide width, not 0, 3, 12"),
        ({"width": 0}, "heads that divide width, not 2, 3, 0"),
        ({"width": -12}, "heads that divide width, not 2, 3, -12"),
        ({"patch": 3}, r"patches of 3 pixels do not divide an image of 4 x 8; set model\.patch"),
        ({"patch": 8}, "patches of 8 pixels do not divide an image of 4 x 8"),
        ({"patch": 0}, "patches of 0 pixels do not divide an image of 4 x 8"),
        ({"patch": -2}, "patches of -2 pixels do not divide an image of 4 x 8"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        built("image", **sizes)


def test_a_patch_is_asked_of_images_only():
    assert built("sequence", patch=100)(data("sequence")).isfinite().all()
