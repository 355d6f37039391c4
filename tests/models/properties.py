"""What every model owes, whatever it is made of: each property takes a factory and a kind of data."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import yaml
from torch import Tensor, nn

from maskbench.config.build import mask_of
from maskbench.config.compose import typed
from maskbench.description import Description, Features, Kind, Vocabulary
from maskbench.experiment import ignore
from maskbench.masks.contract import Context
from maskbench.masks.mask import Masking
from maskbench.metrics import loss
from maskbench.places import modules_at
from maskbench.seeding import Streams
from maskbench.training import Examples, TrainSettings, fit, predict
from tests.helpers import CONF, globals_as_found, stock

WORDS = Vocabulary(20, pad=7, mask=1, unknown=2, special=(3,))
FEATURES: dict[Kind, Features] = {
    "columns": Features("columns", (6,)),
    "image": Features("image", (2, 7, 8)),
    "sequence": Features("sequence", (9, 3)),
    "tokens": Features("tokens", (9,), WORDS),
}
AXES = {"columns": 2, "sequence": 3, "image": 4}
MASKS = {"hidden": "hidden_dropout", "tokens": "token_drop"}
Factory = Callable[[Description], nn.Module]


def built(factory: Factory, kind: Kind, outputs: int = 3, seed: int = 0) -> nn.Module:
    """A model in evaluation mode, the same at every call."""
    with Streams(seed).as_global("init"):
        return factory(Description("x", FEATURES[kind], "classification", outputs)).eval()


def weights(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(weight.numel() for weight in model.parameters())


def task(kind: Kind, rows: int = 97, seed: int = 1) -> Examples:
    """Two classes that differ in level, or in their words; sequences and texts have 3 to 9 steps."""
    stream, features = torch.Generator().manual_seed(seed), FEATURES[kind]
    classes = torch.randint(0, 2, (rows,), generator=stream)
    there = torch.arange(9) < torch.randint(3, 10, (rows, 1), generator=stream)
    if kind == "tokens":
        words = torch.randint(8, 14, (rows, 9), generator=stream) + 6 * classes[:, None]
        return Examples(words.where(there, WORDS.pad), classes)
    level = (2.0 * classes - 1).view(-1, *[1] * len(features.shape))
    inputs = torch.randn((rows, *features.shape), generator=stream) + level
    return Examples(inputs.where(there[..., None], math.nan) if kind == "sequence" else inputs, classes)


def trained(
    model: nn.Module, kind: Kind, epochs: int = 6, masking: Masking | None = None, place: str = ""
) -> nn.Module:
    """The model after a training as runs do it; the last batch of an epoch has one row."""
    settings = TrainSettings(epochs, batch_size=16, lr=1e-2, weight_decay=0.0, patience=None)
    with Streams(0).as_global("model"):
        measure = loss("classification")
        fit(model, measure, task(kind), task(kind, 50, 2), masking, settings, Streams(0), ignore, place)
    return model


def gives_finite_outputs_for_every_batch(factory: Factory, kind: Kind) -> None:
    for outputs in (1, 5):
        model = built(factory, kind, outputs)
        for rows in (1, 6):
            found = model(task(kind, rows).inputs)
            assert (found.shape, found.dtype) == ((rows, outputs), torch.float32)
            assert found.isfinite().all()


def treats_every_row_alone(factory: Factory, kind: Kind) -> None:
    model, inputs = built(factory, kind), task(kind, 12).inputs
    alone = torch.cat([model(inputs[row : row + 1]) for row in range(12)])
    torch.testing.assert_close(model(inputs), alone, rtol=1e-4, atol=1e-5)
    assert alone.std(0).min() > 0


def reaches_every_weight_with_its_gradients(factory: Factory, kind: Kind) -> None:
    model = built(factory, kind).train()
    model(task(kind, 40).inputs).square().sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert name.endswith("bias") or weight.grad.any(), name  # a bias before a normalisation has no effect


def comes_back_from_its_state(factory: Factory, kind: Kind) -> None:
    model, fresh, inputs = built(factory, kind), built(factory, kind, seed=1), task(kind).inputs
    trained(model, kind, epochs=1)
    assert not torch.equal(predict(fresh, inputs), predict(model, inputs))
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(predict(fresh, inputs), predict(model, inputs))


def draws_nothing_in_evaluation(factory: Factory, kind: Kind) -> None:
    model, inputs = built(factory, kind), task(kind).inputs
    with globals_as_found():
        assert torch.equal(model(inputs), model(inputs))


def learns(factory: Factory, kind: Kind) -> None:
    model = built(factory, kind)
    trained(model, kind)
    test = task(kind, 200, 3)
    assert (predict(model, test.inputs).argmax(1) == test.targets).float().mean() > 0.9


def survives_an_example_of_nothing(factory: Factory, kind: Kind) -> None:
    model, inputs = built(factory, kind), task(kind, 11).inputs
    before = model(inputs).detach()
    inputs[3] = WORDS.pad if kind == "tokens" else math.nan
    outputs = model(inputs)
    others = torch.arange(11) != 3
    torch.testing.assert_close(outputs[others], before[others], rtol=1e-4, atol=1e-5)
    model.train()(inputs).sum().backward()
    assert outputs.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)
    assert all(value.isfinite().all() for value in model.state_dict().values())


PROPERTIES = (
    gives_finite_outputs_for_every_batch,
    treats_every_row_alone,
    reaches_every_weight_with_its_gradients,
    comes_back_from_its_state,
    draws_nothing_in_evaluation,
    learns,
    survives_an_example_of_nothing,
)


def longer(kind: Kind, inputs: Tensor, steps: int = 4) -> Tensor:
    """The same examples with more padding."""
    shape = (len(inputs), steps, *inputs.shape[2:])
    return torch.cat([inputs, inputs.new_full(shape, WORDS.pad if kind == "tokens" else math.nan)], 1)


def more_padding_changes_nothing(factory: Factory, kind: Kind) -> None:
    """Neither outputs nor what training keeps about the data."""
    inputs = task(kind, 20).inputs
    for mode in (False, True):
        one, two = built(factory, kind).train(mode), built(factory, kind).train(mode)
        torch.testing.assert_close(one(inputs), two(longer(kind, inputs)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(dict(one.named_buffers()), dict(two.named_buffers()))


def a_missing_number_counts_as_0(factory: Factory, kind: Kind) -> None:
    """In a sequence, one of a step that is there."""
    model, inputs = built(factory, kind), task(kind, 20).inputs
    cell = {"columns": (..., 1), "image": (..., 0, 3, 4), "sequence": (..., 1, 0)}[kind]
    missing, zero = inputs.clone(), inputs.clone()
    missing[cell], zero[cell] = math.nan, 0
    assert torch.equal(model(missing), model(zero))
    assert not torch.equal(model(zero), model(inputs))


def masks_work_at_its_places(factory: Factory, kind: Kind, name: str) -> None:
    """Each place of the YAML exists, puts out what it says, and takes the mask made for it, at its rate."""
    places = yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text())["places"]
    for place, node in places.items():
        model = built(factory, kind)
        seen: set[int] = set()
        for module in modules_at(model, node["module"]):
            module.register_forward_hook(lambda _, __, output, seen=seen: seen.add(output.ndim))
        mask = mask_of(typed(stock([f"mask={MASKS[place]}", f"model={name}"])).mask)
        assert mask is not None
        masking = mask.fit(Context(task(kind).inputs, FEATURES[kind]))
        model.train()(task(kind, 5).inputs)
        assert seen == {AXES[node["kind"]]}
        masked = trained(model, kind, 2, masking, node["module"])
        plain = trained(built(factory, kind), kind, 2)
        inputs = task(kind).inputs
        assert predict(masked, inputs).isfinite().all()
        assert not torch.equal(predict(plain, inputs), predict(masked, inputs))
