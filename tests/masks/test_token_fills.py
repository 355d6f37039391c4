"""What becomes of hidden tokens and steps, against plain Python loops."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Context
from maskbench.masks.exact_count import ExactCount
from maskbench.masks.mask import Mask
from maskbench.masks.token_fills import Drop, MaskToken, Remove, Sentinel, Unknown
from tests.helpers import generator

PAD, MASK, UNKNOWN, BEGIN, END = 0, 1, 2, 3, 4
VOCABULARY = Vocabulary(40, pad=PAD, mask=MASK, unknown=UNKNOWN, special=(BEGIN, END))
ORDINARY = [UNKNOWN, *range(5, 40)]
FILLS = [
    MaskToken(), MaskToken(1.0, 0.0, 0.0), MaskToken(0.0, 1.0, 0.0), MaskToken(per_span=True), Unknown(), Remove(),
    Sentinel(),
]  # fmt: skip
every_fill = pytest.mark.parametrize("fill", FILLS, ids=str)
few = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def features_of(length: int) -> Features:
    return Features("tokens", (length,), VOCABULARY)


def context_of(length: int) -> Context:
    return Context(torch.zeros(1, length, dtype=torch.long), features_of(length))


def texts(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    """Begin, ordinary tokens, end, padding; of all lengths."""
    rng = random.Random(seed)
    rows = []
    for _ in range(batch):
        words = [rng.choice(ORDINARY) for _ in range(rng.randint(0, length - 2))]
        rows.append(([BEGIN, *words, END] + [PAD] * length)[:length])
    return torch.tensor(rows, dtype=torch.long).view(batch, length)


def some_hidden(tokens: torch.Tensor, seed: int = 0, rate: float = 0.4) -> torch.Tensor:
    """Ordinary tokens hidden by coins."""
    text = ~torch.isin(tokens, torch.tensor([PAD, MASK, BEGIN, END]))
    return text & (torch.rand(tokens.shape, generator=generator(seed)) < rate)


def applied(fill, tokens: torch.Tensor, hidden: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return fill.apply(tokens, hidden, generator(seed), context_of(tokens.shape[1]))


class TestMaskToken:
    @pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.0, 0.5, 0.5), (0.3, 0.0, 0.7), (0.0, 1.0, 0.0)])
    @pytest.mark.parametrize("per_span", [False, True])
    def test_hidden_tokens_are_masked_replaced_and_kept_in_their_shares(self, shares, per_span):
        tokens = torch.full((400, 60), 7)
        hidden = (torch.arange(60) % 2 == 0).expand(400, 60)  # single tokens: each a run of its own
        found = applied(MaskToken(*shares, per_span=per_span), tokens, hidden)
        assert (found[~hidden] == 7).all()
        count, own = hidden.sum().item(), shares[1] / len(ORDINARY)
        for share, seen in (
            (shares[0], found == MASK),
            (shares[1] - own, (found != MASK) & (found != 7)),
            (shares[2] + own, found == 7),
        ):
            error = math.sqrt(share * (1 - share) / count)
            assert abs(seen[hidden].double().mean().item() - share) <= 5 * error + 1e-12

    def test_random_ids_are_uniform_over_the_ordinary_ones_the_own_id_among_them(self):
        tokens = torch.full((300, 200), 7)
        found = applied(MaskToken(0.0, 1.0, 0.0), tokens, tokens == 7)
        counts = np.bincount(found.flatten(), minlength=40)
        assert counts[[PAD, MASK, BEGIN, END]].sum() == 0
        assert stats.chisquare(counts[ORDINARY]).pvalue > 1e-6

    def test_which_id_is_independent_of_the_choice_and_of_the_neighbour(self):
        tokens = torch.full((400, 100), 7)
        found = applied(MaskToken(0.5, 0.5, 0.0), tokens, tokens == 7).double()
        drawn = (found[:, :-1] != MASK) & (found[:, 1:] != MASK)
        pairs = torch.stack([found[:, :-1][drawn], found[:, 1:][drawn]])
        assert torch.corrcoef(pairs)[0, 1].abs() < 5 / math.sqrt(pairs.shape[1])
        rates = (
            torch.stack(
                [
                    (found[:, 1:][found[:, :-1] == MASK] == MASK),
                ]
            )
            .double()
            .mean()
        )
        assert abs(rates.item() - 0.5) < 5 * math.sqrt(0.25 / 19_000)

    def test_runs_of_hidden_tokens_share_the_choice_but_not_the_id(self):
        tokens = torch.full((3000, 9), 7)
        hidden = torch.tensor([True, True, True, False, True, True, False, False, True]).expand(3000, 9)
        found = applied(MaskToken(0.4, 0.6, 0.0, per_span=True), tokens, hidden)
        masked = found == MASK
        for run in (slice(0, 3), slice(4, 6)):
            assert (masked[:, run] == masked[:, run][:, :1]).all()
        firsts = masked[:, [0, 4, 8]].double()
        assert (torch.corrcoef(firsts.T) - torch.eye(3)).abs().max() < 5 / 3000**0.5
        assert ((firsts.mean(0) - 0.4).abs() < 5 * (0.24 / 3000) ** 0.5).all()
        ids = found[~masked[:, 0]][:, :3]
        assert (ids[:, 0] != ids[:, 1]).double().mean() > 0.9
        assert not (masked[:-1, 8] == masked[1:, 0]).all()  # a run ends with its sample

    @pytest.mark.parametrize("fill", [MaskToken(1.0, 0.0, 0.0), MaskToken(1.0, 0.0, 0.0, per_span=True)], ids=str)
    def test_mask_only_is_exact(self, fill):
        tokens = texts(50, 12)
        hidden = some_hidden(tokens)
        assert torch.equal(applied(fill, tokens, hidden), tokens.masked_fill(hidden, MASK))


def test_unknown_writes_its_id():
    tokens = texts(50, 12)
    hidden = some_hidden(tokens)
    assert torch.equal(applied(Unknown(), tokens, hidden), tokens.masked_fill(hidden, UNKNOWN))


batches = st.tuples(st.integers(0, 6), st.integers(1, 9), st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.7, 1.0]))


@few
@given(batches)
def test_remove_closes_the_gaps(drawn):
    batch, length, seed, rate = drawn
    tokens = texts(batch, max(length, 2), seed)
    hidden = some_hidden(tokens, seed, rate)
    found = applied(Remove(), tokens, hidden)
    for row, where, result in zip(tokens.tolist(), hidden.tolist(), found.tolist(), strict=True):
        kept = [token for token, gone in zip(row, where, strict=True) if not gone]
        assert result == kept + [PAD] * (len(row) - len(kept))


@few
@given(batches)
def test_sentinels_stand_for_runs(drawn):
    batch, length, seed, rate = drawn
    tokens = texts(batch, max(length, 2), seed)
    hidden = some_hidden(tokens, seed, rate)
    found = applied(Sentinel(), tokens, hidden)
    for row, where, result in zip(tokens.tolist(), hidden.tolist(), found.tolist(), strict=True):
        runs = itertools.groupby(zip(row, where, strict=True), key=lambda pair: pair[1])
        kept = [token for gone, run in runs for token in ([MASK] if gone else [token for token, _ in run])]
        assert result == kept + [PAD] * (len(row) - len(kept))


def test_a_text_does_not_lose_its_last_token():
    """At rate 1 one ordinary token is left, each as often; begin, end and padding stay."""
    tokens = torch.tensor([[BEGIN, 10, 11, 12, 13, END, PAD, PAD]]).repeat(4000, 1)
    masked = Mask(Bernoulli(), Remove(), 1.0).fit(Context(tokens, features_of(8)))(tokens, generator(0))
    assert (masked.inputs[:, 0] == BEGIN).all()
    assert (masked.inputs[:, 2] == END).all()
    assert (masked.inputs[:, 3:] == PAD).all()
    assert stats.chisquare(np.bincount(masked.inputs[:, 1] - 10, minlength=4)).pvalue > 1e-6
    assert (masked.hidden.sum(1) == 3).all()


@pytest.mark.parametrize(("rate", "tokens"), [(0.9, 4), (0.5, 2), (0.3, 1)])
def test_deletion_falls_short_of_its_rate_by_the_known_amount(rate, tokens):
    """Keeping one where all n would go hides p - p^n / n."""
    inputs = torch.full((20_000, tokens), 9)
    masked = Mask(Bernoulli(), Remove(), rate).fit(Context(inputs, features_of(tokens)))(inputs, generator(0))
    shares = masked.hidden.double().mean(1)
    assert abs(shares.mean() - (rate - rate**tokens / tokens)) <= 5 * shares.std() / len(shares) ** 0.5


@every_fill
@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64], ids=str)
def test_ids_keep_their_type_and_inputs_stay_as_they_are(fill, dtype):
    tokens = texts(50, 12).to(dtype)
    hidden, before = some_hidden(tokens), tokens.clone()
    found = applied(fill, tokens, hidden)
    assert found.dtype == dtype
    assert found.shape == tokens.shape
    assert torch.equal(found.long(), applied(fill, tokens.long(), hidden))
    found.fill_(5)
    assert torch.equal(tokens, before)


@every_fill
def test_draws_do_not_depend_on_what_is_hidden(fill):
    tokens, states = texts(20, 12), []
    for rate in (0.0, 0.5, 1.0):
        stream = generator(4)
        fill.apply(tokens, some_hidden(tokens, rate=rate), stream, context_of(12))
        states.append(stream.get_state())
    assert all(torch.equal(states[0], state) for state in states)


@every_fill
def test_one_draw_for_all_rows_broadcasts(fill):
    tokens = torch.randint(5, 40, (30, 12), generator=generator(0))
    hidden = torch.rand(1, 12, generator=generator(1)) < 0.5
    assert torch.equal(applied(fill, tokens, hidden), applied(fill, tokens, hidden.expand(30, 12)))
    assert torch.equal(applied(fill, tokens.T.contiguous().T, hidden), applied(fill, tokens, hidden))


def with_shares(**shares: float) -> MaskToken:
    return MaskToken(**shares)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fill", "vocabulary", "message"),
    [
        (with_shares(mask=0.9), VOCABULARY, r"fill\.mask, random and keep .* sum to 1, not 1\.1"),
        (with_shares(keep=0.1 + 2e-9), VOCABULARY, "sum to 1"),
        (with_shares(mask=1.2, random=-0.2, keep=0.0), VOCABULARY, r"fill\.mask is a share .* in \[0, 1\], not 1\.2"),
        (with_shares(mask=1.0, random=-0.1, keep=0.1), VOCABULARY, r"fill\.random is a share .* not -0\.1"),
        (with_shares(keep=math.nan), VOCABULARY, r"fill\.keep is a share .* not nan"),
        (MaskToken(), replace(VOCABULARY, mask=40), r"mask id 40 is not among its 40 ids .* set Vocabulary\.mask"),
        (MaskToken(), Vocabulary(3, 0, 1, 2, special=(2,)), r"all are reserved; set fill\.random=0"),
        (Unknown(), replace(VOCABULARY, unknown=-1), "unknown id -1"),
        (Remove(), replace(VOCABULARY, pad=99), "pad id 99"),
        (Sentinel(), replace(VOCABULARY, pad=99), "pad id 99"),
        (Sentinel(), replace(VOCABULARY, mask=99), "mask id 99"),
        (Unknown(), None, "need a vocabulary, and these data have none"),
    ],
)
def test_what_cannot_be_is_refused(fill, vocabulary, message):
    with pytest.raises(ConfigError, match=message):
        fill.check(Features("tokens", (7,), vocabulary))


@every_fill
def test_numbers_are_refused_and_tokens_accepted(fill):
    with pytest.raises(ConfigError, match=r"writes into tokens, and these data are columns; use mask/fill=zero"):
        fill.check(Features("columns", (7,)))
    fill.check(features_of(7))


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.1), (0.1, 0.2, 0.7), (1 / 3, 1 / 3, 1 / 3)])
def test_shares_that_sum_to_1_but_for_rounding_are_accepted(shares):
    MaskToken(*shares).check(features_of(7))


class TestDrop:
    features = Features("sequence", (10, 3))

    def test_steps_leave_and_the_rest_keeps_its_order(self):
        steps = torch.randn(40, 10, 3, generator=generator(0))
        hidden = ExactCount(unit="step", even=True).sample(
            Batch.of(steps, self.features), torch.tensor([0.4], dtype=torch.float64), generator(1)
        )
        found = Drop().apply(steps, hidden, generator(2), Context(steps, self.features))
        assert found.shape == (40, 6, 3)
        assert torch.equal(found, torch.stack([row[~gone[:, 0]] for row, gone in zip(steps, hidden, strict=True)]))

    def test_shorter_samples_end_in_steps_that_are_not_there(self):
        steps = torch.randn(3, 4, 2, generator=generator(0))
        steps[1, 2:] = math.nan
        hidden = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]])[..., None] > 0
        found = Drop().apply(steps, hidden, generator(0), Context(steps, Features("sequence", (4, 2))))
        assert found.shape == (3, 3, 2)
        assert torch.equal(found[0], steps[0, 1:])
        assert torch.equal(found[1, 0], steps[1, 0])
        assert found[1, 1:].isnan().all()
        assert found[2].isnan().all()
        found = Drop().apply(steps[1:], hidden[1:], generator(0), Context(steps, Features("sequence", (4, 2))))
        assert found.shape == (2, 1, 2)  # padding makes no sample longer

    def test_the_first_steps_stay(self):
        steps = torch.randn(5, 4, 2, generator=generator(0))
        found = Drop(keep_first=2).apply(steps, torch.ones(5, 4, 1) > 0, generator(0), Context(steps, self.features))
        assert torch.equal(found, steps[:, :2])
        found = Drop(keep_first=9).apply(steps, torch.ones(5, 4, 1) > 0, generator(0), Context(steps, self.features))
        assert torch.equal(found, steps)

    def test_a_gradient_reaches_the_steps_that_stay_and_no_other(self):
        steps = torch.randn(6, 10, 3, generator=generator(0)).requires_grad_()
        hidden = torch.rand(6, 10, 1, generator=generator(1)) < 0.5
        found = Drop().apply(steps, hidden, generator(0), Context(steps, self.features))
        found.nan_to_num().sum().backward()
        assert torch.equal(steps.grad, (~hidden).float().expand(steps.shape))

    def test_at_rate_1_one_step_stays(self):
        steps = torch.randn(2000, 4, 2, generator=generator(0))
        mask = Mask(Bernoulli(unit="step"), Drop(), 1.0, place="tokens")
        masked = mask.fit(Context(steps, Features("sequence", (4, 2))))(steps, generator(1))
        assert masked.inputs.shape == (2000, 1, 2)
        assert stats.chisquare((~masked.hidden[..., 0]).sum(0)).pvalue > 1e-6

    def test_empty_batches_and_hidden_channels(self):
        steps = torch.zeros(0, 4, 2)
        found = Drop().apply(steps, torch.ones(0, 4, 1) > 0, generator(0), Context(steps, self.features))
        assert found.shape == steps.shape
        steps = torch.ones(2, 4, 2)
        with pytest.raises(ConfigError, match=r"takes out whole steps, .* set pattern\.unit=step"):
            Drop().apply(
                steps, torch.eye(2)[:, None, :].expand(2, 4, 2) > 0, generator(0), Context(steps, self.features)
            )

    def test_refusals(self):
        with pytest.raises(ConfigError, match=r"fill\.keep_first is a number of steps and at least 0, not -1"):
            Drop(-1).check(self.features)
        with pytest.raises(ConfigError, match=r"Drop writes into sequence, and these data are tokens"):
            Drop().check(features_of(7))
        Drop(1).check(self.features)
