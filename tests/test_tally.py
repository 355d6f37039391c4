"""The tally: what a mask did, against counts made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from maskbench.description import Features, Vocabulary
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Context
from maskbench.masks.fills import Scale, Swap, Zero
from maskbench.masks.mask import Mask, Masked
from maskbench.masks.schedules import Uniform
from maskbench.masks.token_fills import Drop
from maskbench.tally import NAMES, Tally, changed_shares
from tests.helpers import generator, random_context, random_inputs

NAN = math.nan
COLUMNS = Features("columns", (4,))
YES, NO = True, False


def masked(
    before: Tensor, hidden: Tensor, after: Tensor, rates: tuple[float, ...] = (0.5,), features: Features = COLUMNS
) -> Masked:
    return Masked(after, hidden, before, after, torch.tensor(rates, dtype=torch.float64), Batch.of(before, features))


def facts(*batches: Masked, changed: bool = True) -> dict[str, float]:
    tally = Tally()
    for batch in batches:
        tally.add(batch, changed)
    return tally.facts()


BEFORE = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 0.0], [1.0, 1.0, 1.0, 1.0], [8.0, 8.0, 8.0, 8.0]])
HIDDEN = torch.tensor([[YES, YES, NO, NO], [NO, NO, YES, YES], [NO, NO, NO, NO], [YES, YES, YES, YES]])


def test_a_batch_counted_by_hand():
    """Shares 1/2, 1/2, 0 and 1; the 0 that is filled with 0 does not change."""
    found = facts(masked(BEFORE, HIDDEN, BEFORE.masked_fill(HIDDEN, 0), (0.2, 0.4, 0.6, 0.4)))
    assert found == pytest.approx(
        {
            "realised_rate": 0.5,
            "changed_rate": (2 / 4 + 1 / 4 + 0 + 1) / 4,
            "empty_share": 1 / 4,
            "full_share": 1 / 4,
            "scheduled_rate": 0.4,
        }
    )


def test_the_mean_is_over_samples_not_over_batches():
    """A last batch of one sample weighs as one sample; the rate asked for is the mean over the batches."""
    large = masked(BEFORE, HIDDEN, BEFORE.masked_fill(HIDDEN, 0), (0.2,))
    small = masked(BEFORE[3:], HIDDEN[3:], BEFORE[3:] * 0, (0.6,))
    found = facts(large, small)
    assert found["realised_rate"] == pytest.approx((0.5 + 0.5 + 0 + 1 + 1) / 5)
    assert found["empty_share"] == pytest.approx(1 / 5)
    assert found["full_share"] == pytest.approx(2 / 5)
    assert found["scheduled_rate"] == pytest.approx(0.4)


def test_changes_are_counted_where_they_are_asked_for():
    tally = Tally()
    tally.add(masked(BEFORE, HIDDEN, BEFORE - 1), changed=True)
    tally.add(masked(BEFORE, HIDDEN, BEFORE), changed=False)
    assert tally.facts()["changed_rate"] == 1
    assert tally.facts()["realised_rate"] == 0.5


def test_without_a_mask_every_sample_is_an_empty_one():
    assert Tally().facts() == dict.fromkeys(NAMES, 0.0) | {"empty_share": 1.0}


def test_samples_without_eligible_cells_are_left_out():
    """Two of four cells, none of none, all of one."""
    before = torch.tensor([[1.0, 2.0, 3.0, 4.0], [NAN] * 4, [NAN, NAN, 1.0, NAN]])
    hidden = torch.tensor([[YES, YES, NO, NO], [NO] * 4, [NO, NO, YES, NO]])
    found = facts(masked(before, hidden, torch.where(hidden, 9.0, before)))
    assert found["realised_rate"] == found["changed_rate"] == pytest.approx((1 / 2 + 1) / 2)
    assert (found["empty_share"], found["full_share"]) == (0, 0.5)


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], 0),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 9.0, 3.0, 9.0], 1 / 2),
        ([1.0, NAN, 3.0, 4.0], [1.0, NAN, 3.0, 9.0], 1 / 3),  # a NaN that stays has not changed
        ([1.0, NAN, NAN, 4.0], [1.0, 7.0, NAN, 4.0], 1 / 2),  # a NaN that is filled has
        ([1.0, 2.0, 3.0, 4.0], [NAN, 2.0, 3.0, 4.0], 1 / 4),  # and so has a number that is gone
        ([0.0, 2.0, 3.0, 4.0], [-0.0, 2.0, 3.0, 4.0], 0),
        ([math.inf, 2.0, 3.0, 4.0], [math.inf, -math.inf, 3.0, 4.0], 1 / 4),
    ],
)
def test_what_has_changed(before, after, share):
    found = changed_shares(masked(torch.tensor([before]), torch.zeros(1, 4, dtype=torch.bool), torch.tensor([after])))
    assert found.tolist() == pytest.approx([share])


def test_changes_are_counted_before_rescaling():
    """Rescaling moves every cell that is left, and hides none."""
    mask = Mask(Bernoulli(), Zero(), 0.25, "inverted").fit(random_context((9,)))
    found = facts(mask(random_inputs(500, (9,)), generator(0)))
    assert found["changed_rate"] == found["realised_rate"] == pytest.approx(0.25, abs=0.05)


def test_ties_are_no_changes():
    """Swapped cells of a column of two values: half of them meet their own."""
    rows = (torch.rand(4000, 5, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    mask = Mask(Bernoulli(), Swap(), 0.4).fit(Context(rows, Features("columns", (5,))))
    found = facts(mask(rows, generator(0)))
    assert abs(found["realised_rate"] - 0.4) <= 5 * (0.4 * 0.6 / 20_000) ** 0.5
    assert abs(found["changed_rate"] - 0.2) <= 5 * (0.2 * 0.8 / 20_000) ** 0.5


def test_a_pixel_is_changed_once_whatever_its_channels():
    image = torch.zeros(2, 3, 2, 2)
    hidden = torch.zeros(2, 1, 2, 2, dtype=torch.bool)
    hidden[0, 0, 0, 0] = hidden[1] = True
    after = image.clone()
    after[0, 1, 0, 0] = 5  # one channel of the only hidden pixel
    after[1, :, 0] = 5  # all channels of two of four hidden pixels
    found = facts(masked(image, hidden, after, features=Features("image", (3, 2, 2))))
    assert found["realised_rate"] == pytest.approx((1 / 4 + 1) / 2)
    assert found["changed_rate"] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert (found["empty_share"], found["full_share"]) == (0, 0.5)


def test_hidden_channels_are_counted_by_channel():
    """One of two channels of 6 pixels is half of 12 cells, and one of its pixels was 0 before."""
    image = torch.ones(1, 2, 2, 3)
    image[0, 1, 0, 0] = 0
    hidden = torch.tensor([NO, YES]).view(1, 2, 1, 1)
    found = facts(masked(image, hidden, image.masked_fill(hidden, 0), features=Features("image", (2, 2, 3))))
    assert found["realised_rate"] == pytest.approx(6 / 12)
    assert found["changed_rate"] == pytest.approx(5 / 12)


def test_hidden_steps_count_with_all_their_channels():
    steps = torch.ones(2, 3, 2)
    hidden = torch.tensor([[YES, NO, NO], [YES, YES, YES]])[..., None]
    found = facts(masked(steps, hidden, steps.masked_fill(hidden, 0), features=Features("sequence", (3, 2))))
    assert found["realised_rate"] == found["changed_rate"] == pytest.approx((1 / 3 + 1) / 2)
    assert found["full_share"] == 0.5


def test_tokens_of_the_begin_and_the_padding_are_no_cells():
    words = Vocabulary(9, pad=0, mask=1, unknown=2, special=(3,))
    tokens = torch.tensor([[3, 5, 6, 0], [3, 0, 0, 0]])
    hidden = torch.tensor([[NO, YES, NO, NO], [NO] * 4])
    found = facts(masked(tokens, hidden, tokens.masked_fill(hidden, 1), features=Features("tokens", (4,), words)))
    assert found["realised_rate"] == found["changed_rate"] == pytest.approx(1 / 2)
    assert (found["empty_share"], found["full_share"]) == (0, 0)


def test_where_cells_leave_the_hidden_ones_have_changed():
    """Of 5 steps, 2 of three samples leave, so 3 are left; a fourth sample has none and is left out."""
    features = Features("sequence", (5, 2))
    steps = random_inputs(4, (5, 2))
    steps[3] = NAN
    hidden = torch.zeros(4, 5, 1, dtype=torch.bool)
    hidden[:3, 1:3] = True
    short = Drop().apply(steps, hidden, generator(0), Context(steps, features))
    assert short.shape == (4, 3, 2)
    found = facts(masked(steps, hidden, short, features=features))
    assert found["changed_rate"] == found["realised_rate"] == pytest.approx(2 / 5)
    assert (found["empty_share"], found["full_share"]) == (0, 0)


def test_nothing_hidden_as_one_entry_for_all():
    """What a mask at rate 0 returns."""
    nothing = Mask(Bernoulli(), Zero(), 0.0).fit(random_context((4,)))(BEFORE, generator(0))
    assert nothing.hidden.shape == ()
    assert facts(nothing) == Tally().facts()


def test_an_empty_batch_changes_nothing():
    batch = masked(BEFORE, HIDDEN, BEFORE * 0 - 1)
    none = masked(BEFORE[:0], HIDDEN[:0], BEFORE[:0])
    assert facts(batch, none) == facts(batch)


def test_rates_drawn_per_sample_are_averaged():
    mask = Mask(Bernoulli(), Scale(), 0.3, schedule=Uniform()).fit(random_context((16,)))
    one = mask(random_inputs(4096, (16,)), generator(0))
    found = facts(one)
    assert found["scheduled_rate"] == pytest.approx(one.rates.mean().item())
    assert abs(found["scheduled_rate"] - 0.3) <= 5 * 0.6 / 12**0.5 / 4096**0.5
    assert abs(found["realised_rate"] - found["scheduled_rate"]) <= 5 * (0.25 / (16 * 4096)) ** 0.5


def test_facts_are_plain_numbers_in_a_known_order():
    found = facts(masked(BEFORE, HIDDEN, BEFORE))
    assert tuple(found) == NAMES
    assert {type(value) for value in found.values()} == {float}


def test_seconds_are_those_of_the_mask(monkeypatch):
    ticks = iter([1.0, 3.0, 10.0, 10.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    tally, batch = Tally(), masked(BEFORE, HIDDEN, BEFORE)
    assert tally.timed(lambda: batch) is batch
    assert tally.timed(lambda: batch) is batch
    assert tally.seconds == 2.5
