"""Spans: chains of two states, and starts that grow to spans and blocks of one size."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Pattern
from maskbench.masks.spans import BlockSeeds, DropBlock, FixedSpans, MarkovSpans, follow, grown

RATES = (1e-3, 0.05, 0.15, 0.3, 0.5, 0.7, 0.75, 0.9, 0.99)
WORDS = Vocabulary(size=50, pad=0, mask=1, unknown=2, special=(3,))
PATTERNS: tuple[tuple[Pattern, tuple[int, ...]], ...] = (
    (MarkovSpans(), (7, 3)),
    (MarkovSpans(), (1, 1)),
    (MarkovSpans(), (13,)),
    (MarkovSpans(length=1, separate=False), (11, 2)),
    (MarkovSpans(length=20), (31, 1)),
    (FixedSpans(), (3, 2)),
    (FixedSpans(length=10), (17, 2)),
    (FixedSpans(length=4, separate=True), (11, 3)),
    (FixedSpans(length=2), (5,)),
    (BlockSeeds(), (7, 5)),
    (BlockSeeds(time_cells=2, channel_cells=1), (2, 1)),
    (BlockSeeds(time_cells=1, channel_cells=3), (4, 3)),
    (DropBlock(), (1, 8, 8)),
    (DropBlock(side=2), (3, 5, 7)),
    (DropBlock(side=1), (1, 1, 1)),
)
every_pattern = pytest.mark.parametrize(("pattern", "shape"), PATTERNS, ids=str)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tensor(*rates: float) -> torch.Tensor:
    return torch.tensor(rates, dtype=torch.float64)


def batch_of(samples: int, shape: tuple[int, ...], seed: int = 0) -> Batch:
    """A batch of images, of sequences, or of tokens where the shape has one axis."""
    if len(shape) == 1:
        tokens = torch.randint(4, 50, (samples, *shape), generator=generator(seed))
        return Batch.of(tokens, Features("tokens", shape, WORDS))
    kind = "image" if len(shape) == 3 else "sequence"
    return Batch.of(torch.randn((samples, *shape), generator=generator(seed)), Features(kind, shape))


def ragged(samples: int, steps: int, channels: int, seed: int = 0) -> Batch:
    """Sequences of 0 to `steps` steps, padded with NaN, and some single values missing."""
    stream = generator(seed)
    inputs = torch.randn((samples, steps, channels), generator=stream)
    lengths = torch.randint(0, steps + 1, (samples,), generator=stream)
    inputs[torch.arange(steps) >= lengths[:, None]] = float("nan")
    inputs[torch.rand(inputs.shape, generator=stream) < 0.1] = float("nan")
    return Batch.of(inputs, Features("sequence", (steps, channels)))


def shares(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The hidden share of each sample that has eligible cells."""
    hidden = hidden.expand(batch.cells)
    eligible = torch.ones(batch.cells, dtype=torch.bool) if batch.eligible is None else batch.eligible
    counts = eligible.flatten(1).sum(1)
    return ((hidden & eligible).flatten(1).sum(1) / counts.double())[counts > 0]


def close(found: torch.Tensor, rate: float) -> bool:
    """Within 5 standard errors: of the sample, or of a coin where the sample holds too few events to tell."""
    events = min(rate, 1 - rate) * len(found)
    spread = found.std().item() if events > 30 else math.sqrt(rate * (1 - rate))
    return bool(abs(found.mean() - rate) <= 5 * spread / len(found) ** 0.5 + 1e-12)


def runs(row: list[bool], value: bool) -> list[int]:
    """Lengths of the runs of a value that neither begin nor end at the border."""
    edges = [0, *(i for i in range(1, len(row)) if row[i] != row[i - 1]), len(row)]
    return [stop - start for start, stop in itertools.pairwise(edges[1:-1]) if row[start] is value]


@every_pattern
@pytest.mark.parametrize("rate", RATES)
def test_the_realised_share_is_the_rate(pattern, shape, rate):
    batch = batch_of(8192, shape)
    pattern.check(batch.features, rate)
    assert close(shares(pattern.sample(batch, tensor(rate), generator(1)), batch), rate)


@every_pattern
@pytest.mark.parametrize("samples", [0, 1, 64])
def test_nothing_at_rate_0_everything_at_rate_1(pattern, shape, samples):
    batch = batch_of(samples, shape)
    for rates in (lambda rate: tensor(rate), lambda rate: tensor(rate).expand(samples)):
        assert not pattern.sample(batch, rates(0.0), generator(0)).any()
        assert pattern.sample(batch, rates(1.0), generator(0)).all()


@every_pattern
def test_rates_per_sample_are_kept_apart(pattern, shape):
    batch = batch_of(4 * 4096, shape)
    rates = tensor(0.0, 0.3, 0.8, 1.0).repeat(4096)
    found = shares(pattern.sample(batch, rates, generator(2)), batch).view(-1, 4)
    assert not found[:, 0].any()
    assert found[:, 3].min() == 1
    assert close(found[:, 1], 0.3)
    assert close(found[:, 2], 0.8)


@every_pattern
def test_samples_differ_and_the_stream_alone_decides(pattern, shape):
    batch = batch_of(4096, shape)
    hidden = pattern.sample(batch, tensor(0.5), generator(3)).expand(batch.cells).flatten(1)
    assert torch.equal(hidden, pattern.sample(batch, tensor(0.5), generator(3)).expand(batch.cells).flatten(1))
    covariance = (hidden[::2].double() - 0.5) * (hidden[1::2].double() - 0.5)
    assert abs(covariance.mean()) <= 5 * covariance.mean(1).std() / len(covariance) ** 0.5


@every_pattern
def test_how_much_is_drawn_does_not_depend_on_the_rate(pattern, shape):
    batch, after = batch_of(9, shape), set()
    for rate in (0.0, 0.2, 0.8, 1.0):
        stream = generator(4)
        pattern.sample(batch, tensor(rate), stream)
        after.add(torch.rand(1, generator=stream).item())
    assert len(after) == 1


@every_pattern
def test_low_rates_hide_a_part_of_what_high_ones_hide(pattern, shape):
    if not pattern.nested:
        return
    batch, before = batch_of(64, shape), None
    for rate in RATES:
        hidden = pattern.sample(batch, tensor(rate), generator(5))
        assert before is None or not (before & ~hidden).any()
        before = hidden


@pytest.mark.parametrize("pattern", [MarkovSpans(), FixedSpans(length=5), BlockSeeds()], ids=str)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_padding_and_missing_values_do_not_move_the_share(pattern, rate):
    batch = ragged(8192, 9, 3)
    assert close(shares(pattern.sample(batch, tensor(rate), generator(6)), batch), rate)


@pytest.mark.parametrize(("rate", "length"), [(0.15, 3.0), (0.5, 3.0), (0.7, 3.0), (0.75, 3.0), (0.3, 1.5), (0.9, 3.0)])
def test_hidden_and_visible_runs_are_geometric(rate, length):
    """Against a chain stepped in plain Python; above length / (length + 1) runs of rate / (1 - rate) on average."""
    mean = max(length, rate / (1 - rate))
    batch = batch_of(40, (2000, 1))
    hidden = MarkovSpans(length=length).sample(batch, tensor(rate), generator(7))[:, :, 0].tolist()
    stepped, random = [], np.random.default_rng(0)
    for _ in range(40):
        state = random.random() < rate
        row = []
        for _ in range(2000):
            row.append(bool(state))
            state = random.random() >= 1 / mean if state else random.random() < rate / (mean * (1 - rate))
        stepped.append(row)
    for value, expected in ((True, mean), (False, mean * (1 - rate) / rate)):
        for rows in (hidden, stepped):
            found = np.array([run for row in rows for run in runs(row, value)])
            error = max(math.sqrt(expected * (expected - 1)), 1e-9) / math.sqrt(len(found))
            assert abs(found.mean() - expected) <= 5 * error + 4 * expected**2 / 2000  # long runs meet the border
            once, chance = (found == 1).mean(), 1 / expected
            assert abs(once - chance) <= 5 * math.sqrt(chance * (1 - chance) / len(found)) + 4 * expected / 2000


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_following_the_last_settled_state_is_stepping(steps, seed, enter, stay):
    draws = np.random.default_rng(seed).random((5, steps))
    if_visible, if_hidden = draws < enter, draws < stay
    if_hidden[:, 0] = if_visible[:, 0]
    found = follow(torch.from_numpy(if_visible), torch.from_numpy(if_hidden))
    for row in range(5):
        state = False
        for step in range(steps):
            state = bool(if_hidden[row, step] if state else if_visible[row, step])
            assert found[row, step] == state


def test_chains_of_channels_are_separate_or_one():
    batch = batch_of(4096, (5, 2))
    one = MarkovSpans(separate=False).sample(batch, tensor(0.4), generator(8))
    assert one.shape == (4096, 5, 1)
    apart = MarkovSpans().sample(batch, tensor(0.4), generator(8)).double() - 0.4
    product = apart[:, :, 0] * apart[:, :, 1]
    assert abs(product.mean()) <= 5 * product.mean(1).std() / 64
    assert FixedSpans().sample(batch, tensor(0.4), generator(8)).shape == (4096, 5, 1)
    assert FixedSpans(separate=True).sample(batch, tensor(0.4), generator(8)).shape == (4096, 5, 2)


def test_spans_have_their_length():
    """Runs inside a window are at least one span long; at a low rate nearly all are exactly one span."""
    hidden = FixedSpans(length=4).sample(batch_of(300, (200, 1)), tensor(0.05), generator(9))[:, :, 0].tolist()
    found = np.array([run for row in hidden for run in runs(row, True)])
    assert found.min() == 4
    start = 1 - 0.95**0.25
    chance = (1 - start) ** 4  # no other start within a span or right behind it
    assert abs((found == 4).mean() - chance) <= 5 * math.sqrt(chance * (1 - chance) / len(found))


@pytest.mark.parametrize(("shape", "sizes"), [((6,), (1,)), ((6,), (4,)), ((3, 4), (2, 3)), ((2, 3, 4), (1, 2, 2))])
def test_blocks_grow_from_their_starts(shape, sizes, monkeypatch):
    """Against blocks painted one by one."""
    starts = []

    def kept(field, rates, stream):
        starts.append(torch.rand(field, generator=stream) < 0.1)
        return starts[-1]

    monkeypatch.setattr("maskbench.masks.spans.coins", kept)
    hidden = grown((50, *shape), sizes, tensor(0.3), generator(10))
    expected = np.zeros((50, *(cells + size - 1 for cells, size in zip(shape, sizes, strict=True))), dtype=bool)
    for sample, *corner in starts[0].nonzero().tolist():
        area = tuple(slice(max(at - size + 1, 0), at + 1) for at, size in zip(corner, sizes, strict=True))
        expected[(sample, *area)] = True
    inside = tuple(slice(0, cells) for cells in shape)
    assert torch.equal(hidden, torch.from_numpy(expected[(slice(None), *inside)]))


def test_every_place_is_hidden_as_often_the_border_too():
    hidden = BlockSeeds(time_cells=3, channel_cells=2).sample(batch_of(20_000, (5, 3)), tensor(0.3), generator(11))
    assert (hidden.double().mean(0) - 0.3).abs().max() <= 5 * math.sqrt(0.3 * 0.7 / 20_000)


@pytest.mark.parametrize(
    ("pattern", "shape", "cells"),
    [
        (FixedSpans(length=10, starts=0.065), (49, 2), 10),
        (BlockSeeds(starts=0.1), (9, 4), 6),
        (DropBlock(side=2, starts=0.0), (1, 4, 4), 4),
        (DropBlock(side=2, starts=1.0), (1, 4, 4), 4),
    ],
    ids=str,
)
def test_given_starts_amount_to_a_rate(pattern, shape, cells):
    batch = batch_of(8192, shape)
    rate = pattern.implied_rate(batch.features)
    assert rate == pytest.approx(1 - (1 - pattern.starts) ** cells, abs=1e-12)
    assert close(shares(pattern.sample(batch, tensor(rate), generator(12)), batch), rate)
    assert FixedSpans().implied_rate(batch.features) is None


@pytest.mark.parametrize(
    ("pattern", "shape", "message"),
    [
        (MarkovSpans(length=0.5), (9, 2), "pattern.length is the mean run in steps, at least 1, not 0.5"),
        (MarkovSpans(length=math.inf), (9, 2), "at least 1, not inf"),
        (MarkovSpans(), (1, 9, 2), "MarkovSpans hides cells of sequence or tokens, and these data are image"),
        (FixedSpans(length=10), (9, 2), "pattern.length=10 is not a whole number from 1 to 9, the steps of these data"),
        (FixedSpans(length=0), (9, 2), "pattern.length=0 is not"),
        (FixedSpans(length=2.5), (9, 2), "pattern.length=2.5 is not"),  # type: ignore[arg-type]
        (FixedSpans(length=True), (9, 2), "pattern.length=True is not"),
        (BlockSeeds(time_cells=10), (9, 2), "pattern.time_cells=10 is not a whole number from 1 to 9, the steps"),
        (BlockSeeds(), (9, 1), "pattern.channel_cells=2 is not a whole number from 1 to 1, the channels of these data"),
        (BlockSeeds(), (9,), "BlockSeeds hides cells of sequence, and these data are tokens"),
        (DropBlock(), (1, 9, 6), "pattern.side=7 is not a whole number from 1 to 6, the pixels of these data"),
    ],
    ids=str,
)
def test_refusals(pattern, shape, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(batch_of(1, shape).features, 0.3)


def test_starts_that_are_no_probability_are_refused():
    with pytest.raises(ConfigError, match=r"pattern.starts is a probability from 0 to 1, not 1.5"):
        FixedSpans(starts=1.5).implied_rate(batch_of(1, (9, 2)).features)
