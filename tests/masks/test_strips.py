"""Strips: stretches of time and bands of channels, their greatest width solved from the rate."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.strips import Axis, Strips, covered, reaches
from tests.masks.test_spans import batch_of, close, generator, ragged, shares, tensor

RATES = (1e-3, 0.05, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 0.99)
PATTERNS = tuple(Strips(axis, strips) for axis in ("time", "channel", "both") for strips in (1, 2, 5))
every_pattern = pytest.mark.parametrize("pattern", PATTERNS, ids=str)


def widths_of(reach: int, cells: int) -> range:
    return range(max(reach - cells, 0), min(reach, cells) + 1)


def enumerated(reach: int, cells: int, strips: int) -> float:
    """The mean share over all widths and starts of all strips, painted one by one."""
    single = []
    for width in widths_of(reach, cells):
        for start in range(cells - width + 1):
            weight = 1 / len(widths_of(reach, cells)) / (cells - width + 1)
            single.append((weight, {*range(start, start + width)}))
    total = 0.0
    for choice in itertools.product(single, repeat=strips):
        union = set().union(*(places for _, places in choice))
        total += math.prod(weight for weight, _ in choice) * len(union) / cells
    return total


@pytest.mark.parametrize(("cells", "strips"), [(1, 1), (1, 3), (2, 2), (5, 1), (6, 2), (3, 3)])
def test_covered_is_the_mean_over_all_strips(cells, strips):
    table = covered(cells, strips)
    assert len(table) == 2 * cells + 1
    for reach in range(2 * cells + 1):
        assert table[reach] == pytest.approx(enumerated(reach, cells, strips), abs=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 80), st.integers(1, 6))
def test_every_rate_is_reached(cells, strips):
    table = covered(cells, strips)
    assert table[0] == 0
    assert table[-1] == 1
    assert (table.diff() > 0).all()


def test_the_share_of_published_settings():
    """The LD policy on 80 channels and 1000 steps hides 37.3 %; one strip hides half its greatest width."""
    channels, steps = covered(80, 2)[27], covered(1000, 2)[100]
    assert 1 - (1 - channels) * (1 - steps) == pytest.approx(0.373, abs=5e-4)
    assert covered(400, 1)[100] == 0.125


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=8), st.integers(1, 3))
def test_the_solved_widths_cover_exactly_the_rate(samples, strips):
    """Also where lengths differ within a batch: the share of draws that round up is taken from a fine grid."""
    grid = torch.linspace(0, 1, 4001)[:-1] + 1 / 8000
    for cells, rate in samples:
        lengths = torch.tensor([*(n for n, _ in samples), *[cells] * len(grid)])
        rates = torch.cat([tensor(*(r for _, r in samples)), tensor(rate).expand(len(grid))])
        found = reaches(lengths, strips, rates, torch.cat([torch.zeros(len(samples)), grid]))[len(samples) :]
        assert found.unique().diff().tolist() in ([], [1])
        assert covered(max(cells, 1), strips)[found].mean() == pytest.approx(rate, abs=1 / 2000)


@every_pattern
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", [(1, 2), (7, 3), (31, 5)], ids=str)
def test_the_realised_share_is_the_rate(pattern, shape, rate):
    batch = batch_of(8192, shape)
    pattern.check(batch.features, rate)
    assert close(shares(pattern.sample(batch, tensor(rate), generator(1)), batch), rate)


@every_pattern
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_padded_series_lose_the_share_of_their_own_length(pattern, rate):
    batch = padded(8192, 11, 3)
    hidden = pattern.sample(batch, tensor(rate), generator(2))
    assert close(shares(hidden, batch), rate)
    for length in (1, 2, 6):
        own = batch.eligible[:, :, 0].sum(1) == length
        short = Batch(batch.inputs[own], batch.features, batch.eligible[own])
        assert close(shares(hidden[own], short), rate)


def padded(samples: int, steps: int, channels: int) -> Batch:
    inputs = batch_of(samples, (steps, channels)).inputs.clone()
    lengths = torch.randint(0, steps + 1, (samples,), generator=generator(3))
    inputs[torch.arange(steps) >= lengths[:, None]] = float("nan")
    return Batch.of(inputs, Features("sequence", (steps, channels)))


def test_an_axis_counts_only_what_is_left():
    eligible = torch.tensor([[0, 1, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    axis = Axis.of(eligible, 3, 5)
    assert axis.counts.tolist() == [3, 0, 5]
    compact = torch.tensor([[1, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0]], dtype=torch.bool)
    assert axis.spread(compact).int().tolist() == [[0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0]]
    whole = Axis.of(None, 3, 5)
    assert whole.counts.tolist() == [5, 5, 5]
    assert torch.equal(whole.spread(compact), compact)


def test_steps_and_channels_count_where_any_value_is_there():
    inputs = torch.zeros(1, 3, 2)
    inputs[0, 0], inputs[0, 1, 1] = float("nan"), float("nan")
    batch = Batch.of(inputs, Features("sequence", (3, 2)))
    assert Axis.of_steps(batch).eligible.tolist() == [[False, True, True]]
    inputs[0, :, 1] = float("nan")
    assert Axis.of_channels(Batch.of(inputs, batch.features)).eligible.tolist() == [[True, False]]


@every_pattern
@pytest.mark.parametrize("samples", [0, 1, 64])
def test_nothing_at_rate_0_everything_at_rate_1(pattern, samples):
    for batch in (batch_of(samples, (7, 3)), ragged(samples, 7, 3)):
        eligible = torch.ones(batch.cells, dtype=torch.bool) if batch.eligible is None else batch.eligible
        assert not (pattern.sample(batch, tensor(0.0), generator(0)) & eligible).any()
        assert (pattern.sample(batch, tensor(1.0), generator(0)) | ~eligible).all()


@every_pattern
def test_rates_per_sample_are_kept_apart(pattern):
    for batch in (batch_of(4 * 4096, (9, 4)), padded(4 * 4096, 9, 4)):
        rates = tensor(0.0, 0.3, 0.8, 1.0)
        hidden = pattern.sample(batch, rates.repeat(4096), generator(4))
        for index, rate in enumerate(rates.tolist()):
            rows = None if batch.eligible is None else batch.eligible[index::4]
            found = shares(hidden[index::4], Batch(batch.inputs[index::4], batch.features, rows))
            assert close(found, rate) if 0 < rate < 1 else (found == rate).all()


@every_pattern
def test_low_rates_hide_a_part_of_what_high_ones_hide(pattern):
    for batch in (batch_of(256, (23, 7)), ragged(256, 23, 7)):
        before = torch.zeros((), dtype=torch.bool)
        for rate in (0.0, *RATES, 1.0):
            hidden = pattern.sample(batch, tensor(rate), generator(5))
            assert not (before & ~hidden).any()
            before = hidden


@every_pattern
def test_how_much_is_drawn_does_not_depend_on_the_rate(pattern):
    after = set()
    for rate in (0.0, 0.2, 0.8, 1.0):
        stream = generator(6)
        pattern.sample(batch_of(9, (7, 3)), tensor(rate), stream)
        after.add(torch.rand(1, generator=stream).item())
    assert len(after) == 1


def test_strips_are_as_many_and_as_wide_as_told():
    rate = float(covered(40, 2)[12])
    hidden = Strips(strips=2).sample(batch_of(20_000, (40, 1)), tensor(rate), generator(7))[:, :, 0]
    begins = (hidden[:, 1:] & ~hidden[:, :-1]).sum(1) + hidden[:, 0]
    assert begins.max() == 2
    one = Strips().sample(batch_of(20_000, (40, 1)), covered(40, 1)[12:13], generator(7))[:, :, 0].sum(1)
    assert one.max() == 12
    counts = torch.bincount(one, minlength=13).double()
    assert (counts - 20_000 / 13).abs().max() <= 5 * math.sqrt(20_000 / 13)


def test_starts_are_uniform_and_do_not_depend_on_the_width():
    hidden = Strips().sample(batch_of(60_000, (6, 1)), tensor(1 / 3), generator(8))[:, :, 0].numpy()
    for width in range(1, 5):
        rows = hidden[hidden.sum(1) == width]
        starts = np.bincount(rows.argmax(1), minlength=7 - width)
        expected = len(rows) / (7 - width)
        assert np.abs(starts - expected).max() <= 5 * math.sqrt(expected)


def test_time_and_channels_hide_whole_steps_and_whole_channels():
    batch = batch_of(512, (7, 3))
    assert Strips("time").sample(batch, tensor(0.5), generator(9)).shape == (512, 7, 1)
    assert Strips("channel").sample(batch, tensor(0.5), generator(9)).shape == (512, 1, 3)
    both = Strips("both").sample(batch, tensor(0.5), generator(9))
    steps, channels = both.all(2, keepdim=True), both.all(1, keepdim=True)
    assert torch.equal(both, steps | channels)
    wide = Strips("both").sample(batch_of(8192, (7, 50)), tensor(0.5), generator(10))  # bands of at most 30 channels
    assert close(wide.all(2).double().mean(1), 1 - math.sqrt(0.5))


@pytest.mark.parametrize("pattern", [Strips(width=4), Strips("channel", 2, width=3), Strips(width=0), Strips(width=9)])
def test_a_given_width_amounts_to_a_rate(pattern):
    batch = batch_of(8192, (9, 5))
    rate = pattern.implied_rate(batch.features)
    cells = 9 if pattern.axis == "time" else 5
    assert rate == pytest.approx(enumerated(pattern.width, cells, pattern.strips), abs=1e-12)
    hidden = pattern.sample(batch, tensor(rate), generator(11))
    assert hidden.flatten(1).sum(1).max() <= pattern.width * pattern.strips
    assert close(shares(hidden, batch), rate)
    assert Strips().implied_rate(batch.features) is None


@pytest.mark.parametrize(
    ("pattern", "shape", "message"),
    [
        (Strips("frequency"), (9, 2), "pattern.axis is one of time, channel, both, not 'frequency'"),
        (Strips(strips=0), (9, 2), "pattern.strips is a whole number from 1, not 0"),
        (Strips(strips=1.5), (9, 2), "pattern.strips is a whole number from 1, not 1.5"),  # type: ignore[arg-type]
        (Strips("channel"), (9, 1), "hides some channels and keeps others, and these data have one; use spec_time"),
        (Strips("both"), (9, 1), "these data have one; use spec_time"),
        (Strips(), (9,), "Strips hides cells of sequence, and these data are tokens"),
    ],
    ids=str,
)
def test_refusals(pattern, shape, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(batch_of(1, shape).features, 0.3)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (Strips(width=10), "pattern.width=10 is not between 0 and 9, the length of the axis"),
        (Strips("channel", width=3), "pattern.width=3 is not between 0 and 2"),
        (Strips("both", width=2), "pattern.width is a width on one axis, and pattern.axis is both; set mask.rate"),
    ],
    ids=str,
)
def test_refusals_of_widths(pattern, message):
    with pytest.raises(ConfigError, match=message):
        pattern.implied_rate(batch_of(1, (9, 2)).features)
