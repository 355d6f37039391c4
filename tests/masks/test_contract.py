"""What is asked of every mask, over the whole catalogue: a new mask is covered by its YAML."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.masks.mask import Context
from tests.helpers import (
    Case,
    catalogue,
    default_fill,
    generator,
    globals_as_found,
    options,
    random_context,
    random_inputs,
    same_bits,
)

RATES = (0.0, 1e-3, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
HIDING = RATES[1:]
BATCHES = (1, 2, 3, 31, 256)
STRANGE = (float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1e-45, 3.4e38)
SAMPLES = 4096

every_case = pytest.mark.parametrize("case", catalogue(), ids=str)
every_pattern = pytest.mark.parametrize(
    "case", [case for case in catalogue() if case.fill_name == default_fill(case.mask_name)], ids=str
)
rescalable = pytest.mark.parametrize(
    "case", [case for case in catalogue() if case.mask.fill.expected_scale(0.5) is not None], ids=str
)
few = settings(max_examples=10, deadline=None, derandomize=True, database=None)


class Situation(NamedTuple):
    """Inputs (B, *shape), their context and a stream's seed."""

    inputs: torch.Tensor
    context: Context
    seed: int


def situation(data: st.DataObject, case: Case, batches: tuple[int, ...] = BATCHES) -> Situation:
    shape = data.draw(st.sampled_from(case.shapes))
    seed = data.draw(st.integers(0, 2**32))
    return Situation(
        random_inputs(data.draw(st.sampled_from(batches)), shape, seed), random_context(shape, seed=seed + 1), seed
    )


def poisoned(inputs: torch.Tensor) -> torch.Tensor:
    """The same inputs with NaN, infinities, -0.0 and extremes among them."""
    flat = inputs.clone().flatten()
    flat[::2] = torch.tensor(STRANGE).repeat(len(flat))[: len(flat[::2])]
    return flat.view_as(inputs)


def shares(case: Case, rate: float, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Hidden shares of independent draws: one per sample, or one per batch where samples share it."""
    stream, mask = generator(seed), case.at(rate)
    if mask.pattern.scope == "sample":
        return mask.pattern.sample((SAMPLES, *shape), rate, stream).flatten(1).double().mean(1).numpy()
    return np.array([mask.pattern.sample((2, *shape), rate, stream).double().mean().item() for _ in range(SAMPLES)])


def test_the_catalogue_holds_every_mask_and_every_fill():
    assert {case.mask_name for case in catalogue()} == set(options("mask")) - {"none"}
    assert {case.fill_name for case in catalogue()} == set(options("mask/fill"))
    usual = {(name, default_fill(name)) for name in options("mask") if name != "none"}
    assert usual <= {(case.mask_name, case.fill_name) for case in catalogue()}
    assert all(case.mask.pattern.scope in ("sample", "batch") for case in catalogue())


@every_case
@few
@given(data=st.data())
def test_rate_0_is_the_identity_and_draws_nothing(case, data):
    inputs, context, seed = situation(data, case)
    inputs = poisoned(inputs)
    stream = generator(seed)
    for rescale in ("none", "inverted"):
        masked = case.at(0.0, rescale)(inputs, stream, context)
        assert same_bits(masked.inputs, inputs)
        assert not masked.hidden.any()
        assert masked.hidden.dtype == torch.bool
    assert torch.equal(stream.get_state(), generator(seed).get_state())


@every_case
@few
@given(data=st.data())
def test_visible_cells_keep_every_bit_and_hidden_is_bool_and_broadcasts(case, data):
    inputs, context, seed = situation(data, case)
    inputs = poisoned(inputs)
    rate = data.draw(st.sampled_from(HIDING))
    masked = case.at(rate)(inputs, generator(seed), context)
    visible = ~masked.hidden.expand_as(inputs)
    assert masked.hidden.dtype == torch.bool
    assert same_bits(masked.inputs[visible], inputs[visible])
    assert masked.inputs.shape == inputs.shape


@every_pattern
@pytest.mark.parametrize("rate", RATES)
def test_the_realised_rate_is_the_nominal_rate(case, rate):
    for shape in case.shapes:
        found = shares(case, rate, shape)
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert abs(found.mean() - rate) <= 5 * error + 1e-7, f"{shape}: {found.mean()} for {rate}"


@every_pattern
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_samples_are_hidden_independently(case, rate):
    """Neighbouring rows agree as often as chance has it; under one draw for the batch they would always."""
    for shape in case.shapes[-2:]:
        stream, mask = generator(3), case.at(rate)
        if mask.pattern.scope == "batch":
            assert mask.pattern.sample((5, *shape), rate, stream).shape[0] == 1
            rows = torch.cat([mask.pattern.sample((5, *shape), rate, stream) for _ in range(SAMPLES)])
        else:
            rows = mask.pattern.sample((SAMPLES, *shape), rate, stream)
            assert rows.shape[0] == SAMPLES
        rows = rows.flatten(1).double()
        off = rows - rows.mean(0)
        products = (off[::2] * off[1::2]).sum(1)
        assert abs(products.mean()) < 5 * products.std() / len(products) ** 0.5
        assert (off[::2] * off[::2]).sum(1).mean() > 5 * products.std() / len(products) ** 0.5  # it would be seen


@every_case
@few
@given(data=st.data())
def test_cells_hidden_at_a_low_rate_stay_hidden_at_a_higher_one_with_the_same_filling(case, data):
    inputs, context, seed = situation(data, case)
    low, high = sorted(data.draw(st.tuples(st.floats(1e-3, 1), st.floats(1e-3, 1))))
    less, more = (case.at(rate)(inputs, generator(seed), context) for rate in (low, high))
    assert not (less.hidden & ~more.hidden).any()
    both = less.hidden.expand_as(inputs)
    assert same_bits(less.inputs[both], more.inputs[both])


@every_case
@few
@given(data=st.data())
def test_never_in_place_and_no_shared_memory(case, data):
    inputs, context, seed = situation(data, case)
    rate = data.draw(st.sampled_from(HIDING))
    before, rows = inputs.clone(), context.rows.clone()
    masked = case.at(rate)(inputs, generator(seed), context)
    masked.inputs.fill_(-7)
    assert same_bits(inputs, before)
    assert same_bits(context.rows, rows)


@every_case
def test_global_generators_are_left_alone(case):
    inputs, context = random_inputs(64, case.shapes[-1]), random_context(case.shapes[-1])
    with globals_as_found():
        case.at(0.5)(inputs, generator(0), context)


@every_case
@few
@given(data=st.data())
def test_the_generator_decides_everything(case, data):
    inputs, context, seed = situation(data, case)
    rate = data.draw(st.sampled_from(HIDING))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    one = case.at(rate)(inputs, generator(seed), context)
    torch.manual_seed(100)
    two = case.at(rate)(inputs, generator(seed), context)
    assert torch.equal(one.hidden, two.hidden)
    assert same_bits(one.inputs, two.inputs)


@every_case
def test_seeds_0_and_1_and_the_next_draw_differ(case):
    inputs, context = random_inputs(64, case.shapes[-1]), random_context(case.shapes[-1])
    stream = generator(0)
    first, second = (case.at(0.5)(inputs, stream, context).hidden for _ in range(2))
    other = case.at(0.5)(inputs, generator(1), context).hidden
    assert not torch.equal(first, other)
    assert not torch.equal(first, second)
    assert torch.equal(first, case.at(0.5)(inputs, generator(0), context).hidden)


@every_case
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_is_kept_and_changes_no_draw(case, dtype):
    for rate in (1e-3, 0.15, 1.0):
        inputs, context = random_inputs(64, case.shapes[-1]), random_context(case.shapes[-1])
        single = case.at(rate)(inputs, generator(2), context)
        other = case.at(rate)(inputs.to(dtype), generator(2), context)
        assert other.inputs.dtype == dtype
        assert torch.equal(single.hidden, other.hidden)
        assert torch.allclose(single.inputs, other.inputs.float(), rtol=0.03, atol=0.1)


@every_case
def test_rate_1_hides_everything_and_gives_finite_outputs_and_gradients(case):
    allowed = ["none"] if case.mask.fill.expected_scale(1.0) is None else ["none", "inverted"]
    for shape, rescale in itertools.product(case.shapes, allowed):
        inputs = random_inputs(33, shape).requires_grad_()
        masked = case.at(1.0, rescale)(inputs, generator(0), random_context(shape))
        masked.inputs.square().sum().backward()
        assert masked.hidden.all()
        assert masked.inputs.isfinite().all()
        assert inputs.grad.isfinite().all()


@pytest.mark.parametrize("case", [case for case in catalogue() if case.fill_name == "zero"], ids=str)
def test_a_zero_fill_wipes_out_nan_and_infinity(case):
    inputs = torch.full((64, *case.shapes[-1]), float("nan"))
    inputs[::2] = float("inf")
    for rescale in ("none", "inverted"):
        masked = case.at(0.5, rescale)(inputs, generator(0), random_context(case.shapes[-1]))
        assert (masked.inputs[masked.hidden.expand_as(inputs)] == 0).all()
        assert not masked.inputs[~masked.hidden.expand_as(inputs)].isfinite().any()


@rescalable
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_inverted_keeps_the_expected_input(case, rate):
    shape = case.shapes[-2]
    example = random_inputs(1, shape)
    repeats = SAMPLES if case.mask.pattern.scope == "batch" else 1
    inputs = example.expand(SAMPLES // repeats, *shape)
    stream, context, mask = generator(4), random_context(shape), case.at(rate, "inverted")
    outputs = torch.cat([mask(inputs, stream, context).inputs for _ in range(repeats)]).double()
    means = (outputs / example).flatten(1).mean(1)  # the cells of one sample hang together
    assert abs(means.mean() - 1) < 5 * means.std() / len(means) ** 0.5 + 1e-6
    raw = torch.cat([case.at(rate)(inputs, stream, context).inputs for _ in range(repeats)]).double()
    assert (raw / example).mean() < 1 - 0.2 * rate  # without rescaling the inputs shrink


@every_case
def test_a_batch_of_one_of_none_and_a_strided_one(case):
    for shape in case.shapes:
        context = random_context(shape)
        one = case.at(0.5)(random_inputs(1, shape), generator(0), context)
        assert one.inputs.shape == (1, *shape)
        empty = case.at(0.5)(random_inputs(0, shape), generator(0), context)
        assert empty.inputs.shape == (0, *shape)
        strided = random_inputs(40, shape)[::2].transpose(0, -1).contiguous().transpose(0, -1)
        loose, tight = (case.at(0.5)(batch, generator(0), context) for batch in (strided, strided.contiguous()))
        assert same_bits(loose.inputs.contiguous(), tight.inputs)


@every_case
@few
@given(data=st.data())
def test_a_stored_hidden_can_be_filled_again(case, data):
    inputs, context, seed = situation(data, case)
    rate = data.draw(st.sampled_from(HIDING))
    stream = generator(seed)
    hidden = case.mask.pattern.sample(tuple(inputs.shape), rate, stream)
    replayed = case.mask.fill.apply(inputs, hidden, stream, context)
    masked = case.at(rate)(inputs, generator(seed), context)
    assert torch.equal(masked.hidden, hidden)
    assert same_bits(masked.inputs, replayed)


@every_case
def test_every_fill_changes_what_is_hidden(case):
    inputs, context = random_inputs(64, case.shapes[-1]), random_context(case.shapes[-1])
    masked = case.at(0.5)(inputs, generator(0), context)
    assert torch.equal(masked.inputs != inputs, masked.hidden.expand_as(inputs))


@pytest.mark.parametrize("case", [case for case in catalogue() if case.kind == "image"], ids=str)
def test_the_channels_of_a_pixel_are_hidden_together(case):
    inputs = random_inputs(16, (3, 5, 7))
    masked = case.at(0.5)(inputs, generator(0), random_context((3, 5, 7)))
    changed = masked.inputs != inputs
    assert (changed.any(1) == changed.all(1)).all()
