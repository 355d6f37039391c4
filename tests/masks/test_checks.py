"""Every check catches what breaks it: a pattern, a fill or the machinery, each wrong in one way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from maskbench.masks import checks
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.cells import Batch, along, uniform
from maskbench.masks.checks import EXACT, STATISTICAL, Broken, same_bits, shares
from maskbench.masks.contract import Fill, Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask, Masked
from maskbench.masks.situations import Situation, situations
from maskbench.masks.token_fills import Unknown

Hide = Callable[[Batch, torch.Tensor, torch.Generator], torch.Tensor]
Write = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
COUNTER = iter(range(10**9))
NAMES = [check.__name__ for check in EXACT + STATISTICAL]


@dataclass(frozen=True)
class Hides(Pattern):
    """A pattern from a function."""

    hide: Hide

    def sample(self, batch, rates, generator):
        return self.hide(batch, rates, generator)


@dataclass(frozen=True)
class Shared(Hides):
    """One that says all samples of a batch share a draw."""

    @property
    def scope(self):
        return "batch"


@dataclass(frozen=True)
class Writes(Fill):
    """A fill from a function."""

    write: Write

    def apply(self, inputs, hidden, generator, context):
        return self.write(inputs, hidden)


@dataclass(frozen=True)
class Zeros(Writes):
    """One that says it leaves zeros."""

    sparse: ClassVar[bool] = True


@dataclass(frozen=True)
class Keeps(Zero):
    """One that says it keeps one cell."""

    keeps_one: ClassVar[bool] = True


def honest(batch, rates, generator):
    return uniform(batch.cells, generator) < along(rates, len(batch.cells))


def spoilt(masked: Callable[[Masked], Masked]) -> type[Situation]:
    """A situation in which masking itself is wrong: what a pattern or a fill cannot break."""

    @dataclass(frozen=True)
    class Spoilt(Situation):
        def masked(self, inputs=None, stream=None):
            return masked(super().masked(inputs, stream))

    return Spoilt


def broken_by(check, found: Situation, rates=(0.1, 0.3, 0.5, 1.0), ragged=(False, True)) -> str:
    """How the check finds it broken on the kinds of data it accepts, empty where it does not."""
    size = found.samples
    for place in situations(found.mask, size):
        for rate in rates:
            for rough in ragged:
                if rough and place.features.kind == "image":
                    continue
                here = type(found)(found.mask, place.features, size, 0, rough).at(rate)
                try:
                    if here.accepted:
                        check(here)
                except Broken as broken:
                    return str(broken)
    return ""


def situation(part: Pattern | Fill | None = None, kind: type[Situation] = Situation, samples: int = 31) -> Situation:
    """The part in a mask that is honest otherwise."""
    pattern = part if isinstance(part, Pattern) else Hides(honest)
    fill = part if isinstance(part, Fill) else Zero()
    first = next(situations(Mask(pattern, fill, 0.5), samples))
    return kind(first.mask, first.features, samples, 0)


def draws_from_torch(batch, rates, generator):
    torch.rand(1)
    return honest(batch, rates, generator)


def draws_from_numpy(batch, rates, generator):
    np.random.rand()  # noqa: NPY002
    return honest(batch, rates, generator)


def draws_from_python(batch, rates, generator):
    random.random()
    return honest(batch, rates, generator)


def draws_once_more_each_time(batch, rates, generator):
    uniform((next(COUNTER) + 1,), generator)
    return honest(batch, rates, generator)


def draws_as_much_as_the_rate(batch, rates, generator):
    uniform((int(rates[0] * 100),), generator)
    return honest(batch, rates, generator)


def looks_at_the_digits(batch, rates, generator):
    values = batch.inputs.double()
    single = values == values.half().double()
    return honest(batch, rates, generator) ^ (single.any(1, keepdim=True) if values.ndim == 4 else single)


def low_and_high_ends(batch, rates, generator):
    draws, rates = uniform(batch.cells, generator), along(rates, len(batch.cells))
    return torch.where(rates < 0.2, draws < rates, draws >= 1 - rates)


def one_rate_for_all(batch, rates, generator):
    return honest(batch, rates.mean(0, keepdim=True).float(), generator)


def never_quite_all(batch, rates, generator):
    return honest(batch, rates, generator) & (uniform(batch.cells, generator) < 0.99)


def a_little_too_few(batch, rates, generator):
    return honest(batch, rates * 0.97, generator) | along(rates == 1, len(batch.cells))


def pairs_alike(batch, rates, generator):
    half = uniform((-(-len(batch) // 2), *batch.cells[1:]), generator)
    return half.repeat_interleave(2, 0)[: len(batch)] < along(rates, len(batch.cells))


def pairs_opposed(batch, rates, generator):
    half = uniform((-(-len(batch) // 2), *batch.cells[1:]), generator)
    return torch.stack([half, 1 - half], 1).flatten(0, 1)[: len(batch)] < along(rates, len(batch.cells))


def add_in_place(inputs, hidden):
    inputs[hidden.expand(inputs.shape)] = 0
    return inputs


def forget_the_dtype(inputs, hidden):
    return inputs.masked_fill(hidden, 0).float()


def roll(inputs, hidden):
    filled = inputs.masked_fill(hidden, 0)
    return filled.roll(1, -1)


def last_bit(inputs, hidden):
    return inputs.masked_fill(hidden, 0).nextafter(torch.tensor(100.0, dtype=inputs.dtype)).masked_fill(hidden, 0)


CATCHES: list[tuple[str, Situation, str]] = [
    (
        "rate_0_is_the_identity",
        situation(kind=spoilt(lambda m: m._replace(inputs=m.inputs + 0.0))),
        "came back changed",
    ),
    (
        "rate_0_is_the_identity",
        situation(kind=spoilt(lambda m: m._replace(hidden=torch.ones((), dtype=torch.bool)))),
        "came back changed",
    ),
    (
        "hidden_is_bool_and_broadcasts",
        situation(Hides(lambda b, r, g: honest(b, r, g).to(torch.int8))),
        "dtype torch.int8",
    ),
    ("hidden_is_bool_and_broadcasts", situation(Hides(lambda b, r, g: honest(b, r, g).to(torch.uint8))), "torch.uint8"),
    (
        "only_eligible_cells_are_hidden",
        situation(kind=spoilt(lambda m: m._replace(hidden=torch.ones_like(m.hidden)))),
        "not eligible",
    ),
    ("visible_cells_keep_every_bit", situation(Writes(roll)), "a visible cell was changed"),
    ("visible_cells_keep_every_bit", situation(Writes(last_bit)), "a visible cell was changed"),
    ("hidden_numbers_are_wiped_out", situation(Zeros(lambda x, hidden: x * ~hidden)), "infinity is still there"),
    ("nothing_is_changed_in_place", situation(Writes(add_in_place)), "were changed, or the result shares"),
    ("nothing_is_changed_in_place", situation(Writes(lambda x, _: x)), "shares their memory"),
    ("global_generators_are_left_alone", situation(Hides(draws_from_torch)), "global random generator"),
    ("global_generators_are_left_alone", situation(Hides(draws_from_numpy)), "global random generator"),
    ("global_generators_are_left_alone", situation(Hides(draws_from_python)), "global random generator"),
    (
        "the_generator_decides_everything",
        situation(Hides(lambda b, *_: torch.rand(b.cells) < 0.5)),
        "equal seeds gave different results",
    ),
    ("the_generator_decides_everything", situation(Hides(draws_once_more_each_time)), "equal seeds gave different"),
    ("the_generator_decides_everything", situation(Hides(draws_as_much_as_the_rate)), "decides how much is drawn"),
    ("the_dtype_changes_no_draw", situation(Writes(forget_the_dtype)), "inputs came back as torch.float32"),
    ("the_dtype_changes_no_draw", situation(Hides(looks_at_the_digits)), "are hidden differently"),
    ("a_low_rate_hides_part_of_a_higher_one", situation(Hides(low_and_high_ends)), "hidden at half the rate"),
    ("rates_may_differ_between_samples", situation(Hides(one_rate_for_all)), "a sample at rate 0 has hidden cells"),
    ("rates_may_differ_between_samples", situation(Hides(never_quite_all)), "a sample at rate 1 has visible cells"),
    ("rate_1_hides_everything_and_stays_finite", situation(Hides(never_quite_all)), "visible at rate 1"),
    (
        "rate_1_hides_everything_and_stays_finite",
        situation(Writes(lambda x, hidden: x.masked_fill(hidden, torch.nan))),
        "not finite",
    ),
    (
        "rate_1_hides_everything_and_stays_finite",
        situation(Keeps(), spoilt(lambda m: m._replace(hidden=torch.ones_like(m.hidden)))),
        "nothing was kept",
    ),
    ("the_realised_rate_is_the_nominal_one", situation(Hides(a_little_too_few), samples=4096), "at rate 0.5"),
    (
        "the_realised_rate_is_the_nominal_one",
        situation(Hides(lambda b, r, g: honest(b, r**2, g)), samples=4096),
        "at rate 0.1",
    ),
    (
        "the_realised_rate_is_the_nominal_one",
        situation(Shared(lambda b, r, g: honest(b, r**2, g)[:1]), samples=256),
        "at rate 0.1",
    ),
    ("samples_are_hidden_independently", situation(Hides(pairs_alike), samples=4096), "hidden alike"),
    ("samples_are_hidden_independently", situation(Hides(pairs_opposed), samples=4096), "hidden alike"),
    ("samples_are_hidden_independently", situation(Shared(honest), samples=256), "one draw per sample, not per batch"),
]


@pytest.mark.parametrize(
    ("name", "found", "how"), CATCHES, ids=[f"{number}-{c[0]}" for number, c in enumerate(CATCHES)]
)
def test_a_check_catches(name, found, how):
    assert how in broken_by(getattr(checks, name), found)


def test_every_check_is_seen_to_catch_something():
    assert {name for name, _, _ in CATCHES} == set(NAMES)


def test_a_number_drawn_at_rate_0_is_caught():
    @dataclass(frozen=True)
    class Drawing(Situation):
        def masked(self, inputs=None, stream=None):
            uniform((1,), self.stream() if stream is None else stream)
            return super().masked(inputs, stream)

    assert broken_by(checks.rate_0_is_the_identity, situation(kind=Drawing)) == "random numbers were drawn"


def test_rows_of_the_train_part_are_watched_too():
    @dataclass(frozen=True)
    class Learns(Zero):
        def apply(self, inputs, hidden, generator, context):
            context.rows[0] = 0
            return super().apply(inputs, hidden, generator, context)

    found = situation(Learns())
    assert "changed" in broken_by(checks.nothing_is_changed_in_place, found)


@pytest.mark.parametrize("check", EXACT + STATISTICAL, ids=NAMES)
@pytest.mark.parametrize("fill", [Zero(), Unknown(), Keeps()], ids=["zero", "unknown", "keeps_one"])
@pytest.mark.parametrize("pattern", [Bernoulli(), Hides(honest)], ids=["bernoulli", "plain"])
def test_the_honest_pass(check, pattern, fill):
    mask = Mask(pattern, fill, 0.5)
    for samples in (1, 31) if check in EXACT else (4096,):
        first = next(situations(mask, samples))
        assert broken_by(check, Situation(mask, first.features, samples, 0)) == ""


@pytest.mark.parametrize("check", EXACT + STATISTICAL, ids=NAMES)
def test_a_mask_whose_own_parameters_fix_its_rate_passes(check):
    mask = Mask(Block(side=1), Zero(), None)
    first = next(situations(mask, 256))
    assert broken_by(check, Situation(mask, first.features, 256, 0)) == ""


@pytest.mark.parametrize("check", EXACT, ids=[check.__name__ for check in EXACT])
def test_a_pattern_that_says_it_is_not_nested_may_be_so(check):
    @dataclass(frozen=True)
    class Ends(Hides):
        nested: ClassVar[bool] = False

    found = situation(Ends(low_and_high_ends))
    assert broken_by(check, found) == ""


def test_a_bias_of_a_standard_error_is_not_called_broken():
    found = replace(situation(Hides(honest), samples=4096), seed=0)
    for seed in range(20):
        for check in STATISTICAL:
            check(replace(found, seed=seed))


def test_bits_are_compared():
    zero, nan = torch.tensor([0.0]), torch.tensor([float("nan")])
    assert same_bits(zero, zero.clone())
    assert same_bits(nan, nan.clone())
    assert not same_bits(zero, -zero)
    assert not same_bits(zero, zero.double())
    assert not same_bits(zero, zero[None])
    assert same_bits(torch.ones(3, 2).T, torch.ones(2, 3))


def test_shares_leave_out_samples_with_nothing_to_hide():
    inputs = torch.tensor([[1.0, 2.0], [float("nan")] * 2, [1.0, float("nan")]])
    batch = Batch.of(inputs, next(situations(Mask(Bernoulli(), Zero(), 0.5), 1)).features)
    hidden = torch.tensor([[True, False], [False, False], [True, False]])
    found = shares(Masked(inputs, hidden, inputs, inputs, torch.ones(1), batch))
    assert found.dtype == torch.float64
    assert found.tolist() == [0.5, 1.0]
