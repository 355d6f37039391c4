"""Token spans: geometric lengths until a budget is spent, and exact counts in a set number of spans."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.token_spans import ExactSpans, GeometricSpans
from tests.masks.test_spans import batch_of, close, generator, ragged, shares, tensor

RATES = (1e-3, 0.05, 0.15, 0.3, 0.5, 0.75, 0.9, 0.99)
WORDS = Vocabulary(size=60, pad=0, mask=1, unknown=2, special=(3, 4), continues=tuple(range(40, 60)))
PATTERNS = (
    GeometricSpans(),
    GeometricSpans(whole_words=False),
    GeometricSpans(end=1.0, longest=1, whole_words=False),
    ExactSpans(),
    ExactSpans(mean_length=1),
    ExactSpans(mean_length=50),
)
EXACT = tuple(pattern for pattern in PATTERNS if pattern != GeometricSpans())
every_pattern = pytest.mark.parametrize("pattern", PATTERNS, ids=str)


def texts(samples: int, length: int, seed: int = 0) -> Batch:
    """Texts of 0 to `length` tokens: begin, pieces of words, now and then a separator, padding."""
    stream = generator(seed)
    tokens = torch.randint(5, 60, (samples, length), generator=stream)
    tokens[torch.rand(tokens.shape, generator=stream) < 0.1] = 4
    tokens[:, 0] = 3
    lengths = torch.randint(0, length + 1, (samples,), generator=stream)
    tokens[torch.arange(length) >= lengths[:, None]] = 0
    return Batch.of(tokens, Features("tokens", (length,), WORDS))


def plain(samples: int, length: int) -> Batch:
    """Texts of one token a word, all of full length."""
    return Batch.of(torch.full((samples, length), 7), Features("tokens", (length,), WORDS))


def word_lists(batch: Batch) -> list[list[list[int]]]:
    """Places of the tokens of each word of each text, found token by token."""
    found = []
    for row in batch.inputs.tolist():
        text: list[list[int]] = []
        before = False
        for place, token in enumerate(row):
            ordinary = token not in WORDS.reserved
            if ordinary and before and token in WORDS.continues:
                text[-1].append(place)
            elif ordinary:
                text.append([place])
            before = ordinary
        found.append(text)
    return found


@every_pattern
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("length", [1, 2, 7, 30])
def test_the_realised_share_is_the_rate(pattern, rate, length):
    for batch in (plain(4096, length), texts(4096, length)):
        found = shares(pattern.sample(batch, tensor(rate), generator(1)), batch)
        assert not len(found) or close(found, rate)


@pytest.mark.parametrize("pattern", EXACT, ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.04, 0.15, 0.5, 0.93, 1.0])
def test_the_count_is_exact_in_every_text(pattern, rate):
    for batch in (plain(2000, 23), texts(2000, 23)):
        hidden = pattern.sample(batch, tensor(rate), generator(2))
        assert not (hidden & ~batch.eligible).any()
        excess = (hidden.sum(1) - rate * batch.counts).abs()
        assert excess.max() < 1


def test_no_word_is_hidden_in_part_and_their_count_is_exact():
    batch = texts(500, 40)
    hidden = GeometricSpans().sample(batch, tensor(0.3), generator(3)).tolist()
    some = False
    for row, text in zip(hidden, word_lists(batch), strict=True):
        states = [{row[place] for place in word} for word in text]
        assert all(len(state) == 1 for state in states)
        count = sum(state == {True} for state in states)
        assert abs(count - 0.3 * len(text)) < 1
        assert sum(row) == sum(len(word) for word, state in zip(text, states, strict=True) if state == {True})
        some |= count > 0
    assert some


def test_every_place_is_hidden_as_often():
    for pattern in PATTERNS:
        hidden = pattern.sample(plain(20_000, 11), tensor(0.3), generator(4)).double().mean(0)
        assert (hidden - 0.3).abs().max() <= 5 * math.sqrt(0.3 * 0.7 / 20_000)


def circular_runs(row: list[bool]) -> list[int]:
    """Lengths of the hidden runs of a text whose end is followed by its beginning."""
    first = row.index(False)
    return [len(list(run)) for state, run in itertools.groupby(row[first:] + row[:first]) if state]


@pytest.mark.parametrize(("end", "longest", "mean"), [(0.2, 10, 3.80), (0.3, 10, 3.04), (1.0, 10, 1.0), (0.5, 1, 1.0)])
def test_lengths_are_geometric_and_cut_off(end, longest, mean):
    """At a rate so low that spans hardly touch; 3.80 and 3.04 are the published mean lengths."""
    pattern = GeometricSpans(end=end, longest=longest)
    chances = np.array([(1 - end) ** (step - 1) * end for step in range(1, longest + 1)])
    chances /= chances.sum()
    assert chances @ np.arange(1, longest + 1) == pytest.approx(mean, abs=5e-3)
    hidden = pattern.sample(plain(3000, 2000), tensor(10 / 2000), generator(5)).tolist()
    lengths = np.array([run for row in hidden for run in circular_runs(row)])
    expected = dict.fromkeys(range(1, longest + 1), 0.0)
    for spent, weight in sequences(tuple(chances), 10):
        for length in spent:
            expected[length] += weight
    found = np.bincount(lengths, minlength=longest + 1)[1 : longest + 1]
    for length, count in expected.items():
        wanted = 3000 * count
        touching = 3000 * 10 * 10 / 2000  # pairs of spans that lie side by side
        assert abs(found[length - 1] - wanted) <= 5 * math.sqrt(wanted + 1) + touching


def sequences(chances: tuple[float, ...], budget: int) -> list[tuple[tuple[int, ...], float]]:
    """All ways to spend a budget on spans in order, the last one cut, with their probabilities."""
    if budget == 0:
        return [((), 1.0)]
    found = []
    for length, chance in enumerate(chances, 1):
        used = min(length, budget)
        found += [((used, *rest), chance * weight) for rest, weight in sequences(chances, budget - used) if chance]
    return found


@pytest.mark.parametrize(("cells", "rate", "mean"), [(12, 0.5, 3.0), (12, 0.25, 3.0), (20, 0.15, 1.0), (9, 8 / 9, 2.0)])
def test_spans_are_as_many_as_told(cells, rate, mean):
    count = round(cells * rate)
    spans = min(max(round(count / mean), 1), cells - count)
    hidden = ExactSpans(mean_length=mean).sample(plain(500, cells), tensor(rate), generator(6)).tolist()
    assert {sum(row) for row in hidden} <= {count, count + 1, count - 1}
    assert {len(circular_runs(row)) for row in hidden if sum(row) == count} == {spans}


def test_every_way_of_cutting_is_equally_likely():
    """6 of 10 tokens in 2 spans: 5 ways to cut the hidden, 3 the visible, 10 turns, of which pairs look the same."""
    hidden = ExactSpans().sample(plain(60_000, 10), tensor(0.6), generator(7)).tolist()
    found: dict[tuple[bool, ...], int] = {}
    for row in hidden:
        found[tuple(row)] = found.get(tuple(row), 0) + 1
    expected: dict[tuple[bool, ...], float] = {}
    for cut, gap, turn in itertools.product(range(1, 6), range(1, 4), range(10)):
        row = [True] * cut + [False] * gap + [True] * (6 - cut) + [False] * (4 - gap)
        key = tuple(row[turn:] + row[:turn])
        expected[key] = expected.get(key, 0) + 60_000 / 150
    assert set(found) == set(expected)
    for key, count in expected.items():
        assert abs(found[key] - count) <= 5 * math.sqrt(count)


def test_every_order_of_spans_and_gaps_is_equally_likely():
    """2 of 6 words in one span of 2 or two spans of 1, in any order with 4 visible words, and 6 turns."""
    pattern = GeometricSpans(end=1e-9, longest=2)  # lengths 1 and 2, equally likely
    hidden = pattern.sample(plain(70_000, 6), tensor(1 / 3), generator(8)).tolist()
    expected: dict[tuple[bool, ...], float] = {}
    for lengths, weight in (((2,), 0.5), ((1, 1), 0.5)):
        items = [[False]] * 4 + [[True] * length for length in lengths]
        orders = set(itertools.permutations(map(tuple, items)))
        for order, turn in itertools.product(orders, range(6)):
            row = list(itertools.chain(*order))
            key = tuple(row[turn:] + row[:turn])
            expected[key] = expected.get(key, 0) + 70_000 * weight / len(orders) / 6
    found: dict[tuple[bool, ...], int] = {}
    for row in hidden:
        found[tuple(row)] = found.get(tuple(row), 0) + 1
    assert set(found) == set(expected)
    for key, count in expected.items():
        assert abs(found[key] - count) <= 5 * math.sqrt(count)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 14), st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(0, 10**6), st.sampled_from(EXACT)
)
def test_any_mixture_of_lengths_and_rates(length, rates, seed, pattern):
    batch = texts(len(rates), length, seed)
    hidden = pattern.sample(batch, tensor(*rates), generator(seed))
    assert not (hidden & ~batch.eligible).any()
    expected = tensor(*rates) * batch.counts
    assert (hidden.sum(1) >= expected.floor()).all()
    assert (hidden.sum(1) <= expected.ceil()).all()


@every_pattern
@pytest.mark.parametrize("samples", [0, 1, 64])
def test_nothing_at_rate_0_everything_at_rate_1(pattern, samples):
    for batch in (texts(samples, 13), plain(samples, 13)):
        assert not pattern.sample(batch, tensor(0.0), generator(0)).any()
        assert torch.equal(pattern.sample(batch, tensor(1.0), generator(0)), batch.eligible)


@every_pattern
def test_rates_per_sample_are_kept_apart(pattern):
    batch = texts(4 * 4096, 12)
    rates = tensor(0.0, 0.3, 0.8, 1.0)
    hidden = pattern.sample(batch, rates.repeat(4096), generator(9))
    for index, rate in enumerate(rates.tolist()):
        part = Batch(batch.inputs[index::4], batch.features, batch.eligible[index::4])
        found = shares(hidden[index::4], part)
        assert close(found, rate) if 0 < rate < 1 else (found == rate).all()


@every_pattern
@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_sequences_lose_whole_steps(pattern, rate):
    for batch in (batch_of(4096, (9, 2)), ragged(4096, 9, 2)):
        hidden = pattern.sample(batch, tensor(rate), generator(10))
        assert hidden.shape == (4096, 9, 1)
        assert close(shares(hidden, batch), rate)


@every_pattern
def test_samples_differ_and_the_stream_alone_decides(pattern):
    hidden = pattern.sample(plain(4096, 16), tensor(0.5), generator(11))
    assert torch.equal(hidden, pattern.sample(plain(4096, 16), tensor(0.5), generator(11)))
    covariance = (hidden[::2].double() - 0.5) * (hidden[1::2].double() - 0.5)
    assert abs(covariance.mean()) <= 5 * covariance.std() / 2048**0.5


@every_pattern
def test_how_much_is_drawn_does_not_depend_on_rates_or_tokens(pattern):
    after = set()
    for rate, seed in ((0.0, 0), (0.2, 1), (0.8, 2), (1.0, 3)):
        stream = generator(12)
        pattern.sample(texts(9, 11, seed), tensor(rate), stream)
        after.add(torch.rand(1, generator=stream).item())
    assert len(after) == 1


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (GeometricSpans(end=0), "pattern.end is the chance that a span ends at a word, above 0 up to 1, not 0"),
        (GeometricSpans(end=1.1), "above 0 up to 1, not 1.1"),
        (GeometricSpans(longest=0), "pattern.longest is a whole number of words from 1 to 127, not 0"),
        (GeometricSpans(longest=2.5), "from 1 to 127, not 2.5"),  # type: ignore[arg-type]
        (GeometricSpans(longest=128), "from 1 to 127, not 128"),
        (ExactSpans(mean_length=0.9), "pattern.mean_length is in tokens, at least 1, not 0.9"),
        (ExactSpans(mean_length=math.inf), "at least 1, not inf"),
    ],
    ids=str,
)
def test_refusals(pattern, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(plain(1, 9).features, 0.3)


@pytest.mark.parametrize("pattern", [GeometricSpans(), ExactSpans()], ids=str)
def test_columns_are_refused(pattern):
    with pytest.raises(ConfigError, match="hides cells of tokens or sequence, and these data are columns"):
        pattern.check(Features("columns", (9,)), 0.3)


def test_words_need_a_vocabulary_that_knows_them():
    """Without continuing tokens every token is a word, so the setting changes nothing."""
    batch = plain(64, 20)
    single = replace(batch, features=Features("tokens", (20,), replace(WORDS, continues=())))
    words, tokens = GeometricSpans(), GeometricSpans(whole_words=False)
    assert torch.equal(
        words.sample(single, tensor(0.4), generator(13)), tokens.sample(batch, tensor(0.4), generator(13))
    )
