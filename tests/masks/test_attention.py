"""Keys that are not attended to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.attention import Unattended
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.contract import Context
from maskbench.masks.exact_count import ExactCount
from maskbench.masks.mask import Mask, Masked
from maskbench.places import masked_at
from tests.helpers import generator, random_inputs

STEPS = Features("sequence", (6, 8))


def encoder(depth: int = 1) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)


def masked(inputs: Tensor, rate: float, pattern: Bernoulli | ExactCount | None = None, seed: int = 0) -> Masked:
    mask = Mask(pattern or Bernoulli("step"), Unattended(), rate, place="attention")
    mask.check(STEPS)
    return mask.fit(Context(inputs, STEPS))(inputs, generator(seed))


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_hidden_steps_stay_as_they_are(rate):
    inputs = random_inputs(50, (6, 8))
    found = masked(inputs, rate)
    assert found.hidden.any()
    assert torch.equal(found.inputs, inputs)
    assert found.inputs is not inputs


def test_what_comes_back_is_a_copy():
    inputs = random_inputs(3, (6, 8))
    copy = Unattended().apply(inputs, torch.ones(3, 6, 1, dtype=torch.bool), generator(0), Context(inputs, STEPS))
    copy.zero_()
    assert (inputs != 0).all()


def test_one_of_every_sample_is_kept_and_any_may_be():
    kept = ~masked(random_inputs(6000, (6, 8)), 1.0).hidden[..., 0]
    assert kept.sum(1).eq(1).all()
    assert ((kept.double().mean(0) - 1 / 6).abs() < 5 * (1 / 6 * 5 / 6 / 6000) ** 0.5).all()


def test_the_one_that_is_kept_is_there():
    """Steps of NaN are padding: none of them is the one."""
    inputs = random_inputs(40, (6, 8))
    inputs[:, 2:] = math.nan
    inputs[0] = math.nan
    hidden = masked(inputs, 1.0).hidden.expand(40, 6, 8)[..., 0]
    assert hidden[1:, :2].sum(1).eq(1).all()
    assert not hidden[:, 2:].any()
    assert not hidden[0].any()


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("pattern", [Bernoulli("step"), ExactCount("step")], ids=["bernoulli", "exact_count"])
def test_what_a_hidden_step_holds_reaches_no_other_step(depth, pattern):
    """Its own output still follows from it."""
    inputs, model = random_inputs(30, (6, 8)), encoder(depth)
    calls: list[Masked] = []
    stream = generator(1)
    masking = Mask(pattern, Unattended(), 0.5, place="attention").fit(Context(inputs, STEPS))
    with masked_at(
        model, "TransformerEncoder", Unattended(), lambda steps: calls.append(masking(steps, stream)) or calls[-1]
    ):
        stream.manual_seed(1)
        one = model.train()(inputs)
        hidden = calls[0].hidden.expand(30, 6, 1)[..., 0]
        other = torch.where(hidden[..., None], random_inputs(30, (6, 8), seed=5) * 3, inputs)
        stream.manual_seed(1)
        two = model(other)
    assert torch.equal(calls[0].hidden, calls[1].hidden)
    torch.testing.assert_close(one[~hidden], two[~hidden])
    assert (one[hidden] - two[hidden]).abs().amax(-1).min() > 1e-3
    assert (model(other) - model(inputs)).abs()[~hidden].max() > 1e-3  # without the mask it does


@pytest.mark.parametrize(
    "features", [Features("columns", (5,)), Features("image", (1, 4, 4))], ids=["columns", "image"]
)
def test_it_is_for_steps_only(features):
    with pytest.raises(ConfigError, match="fill Unattended writes into sequence, and these data are"):
        Mask(Bernoulli(), Unattended(), 0.3, place="attention").check(features)


def test_it_is_for_the_inside_of_a_model_only():
    with pytest.raises(ConfigError, match=r"fill Unattended works inside a model only; set mask\.place to a place"):
        Mask(Bernoulli("step"), Unattended(), 0.3).check(STEPS)


def test_there_is_nothing_to_rescale():
    for rescale in ("inverted", "sparsity"):
        with pytest.raises(ConfigError, match=f"rescale={rescale}"):
            Mask(Bernoulli("step"), Unattended(), 0.3, rescale, place="attention").check(STEPS)
