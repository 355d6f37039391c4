"""Hardest first: exact rates, whatever the scores, and the right cells or samples first."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from torch import Tensor

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.scored import HardestFirst, spread
from tests.helpers import generator

SAMPLES = 4096
RATES = (0.0, 1e-3, 0.05, 0.15, 0.3, 0.5, 0.75, 0.9, 1.0)
SHAPES = {"columns": ((1,), (2,), (13,)), "image": ((3, 5, 7),), "sequence": ((7, 2),)}
KINDS = [(kind, shape) for kind, shapes in SHAPES.items() for shape in shapes]


def batch_of(kind: str, shape: tuple[int, ...], samples: int = SAMPLES, unit: str = "cell", **changes: object) -> Batch:
    """Ordinary inputs with random scores."""
    stream = torch.Generator().manual_seed(1)
    batch = Batch.of(torch.randn((samples, *shape), generator=stream), Features(kind, shape))
    scores = torch.rand(batch.cells if unit == "cell" else (samples,), generator=stream) ** 3
    return replace(batch, **{"scores": scores, "progress": 1.0} | changes)


def draw(pattern: HardestFirst, batch: Batch, rate: float | Tensor, seed: int = 0) -> Tensor:
    rates = rate if isinstance(rate, Tensor) else torch.tensor([rate], dtype=torch.float64)
    return pattern.sample(batch, rates, generator(seed))


# Cells


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("kind", "shape"), KINDS, ids=str)
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_the_count_of_every_sample_is_exact(rate, kind, shape, progress):
    batch = batch_of(kind, shape, progress=progress)
    hidden = draw(HardestFirst(), batch, rate)
    assert hidden.shape == batch.cells
    counts, cells = hidden.flatten(1).sum(1), math.prod(batch.cells[1:])
    assert ((counts - rate * cells).abs() < 1).all()
    fraction = rate * cells % 1
    assert abs(counts.double().mean() - rate * cells) <= 5 * (fraction * (1 - fraction) / SAMPLES) ** 0.5 + 1e-9


@pytest.mark.parametrize("order", ["hardest", "easiest"])
def test_all_hard_hides_the_highest_or_the_lowest_scores(order):
    batch = batch_of("columns", (10,))
    hidden = draw(HardestFirst(hard_share=1.0, order=order), batch, 0.4)
    ranks = batch.scores.argsort(1, descending=order == "hardest")
    assert torch.equal(hidden, torch.zeros_like(hidden).scatter(1, ranks[:, :4], True))


def by_enumeration(rate: float, share: float) -> Tensor:
    """The chance of each of 10 cells by rank: k cells, h of them the highest, every set of the others as likely."""
    expected = torch.zeros(10, dtype=torch.float64)
    for count, of_count in neighbours(rate * 10):
        for hard, of_hard in neighbours(share * count):
            sets = list(itertools.combinations(range(hard, 10), count - hard))
            for others in sets:
                expected[[*range(hard), *others]] += of_count * of_hard / len(sets)
    return expected.clamp(max=1)


def neighbours(expected: float) -> list[tuple[int, float]]:
    """The whole numbers next to `expected` with their chances."""
    low = math.floor(expected + 1e-9)
    return [(low, 1 - expected + low), (low + 1, expected - low)] if expected - low > 1e-9 else [(low, 1.0)]


@pytest.mark.parametrize(("progress", "hard_share"), [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5), (0.7, 0.4), (1.0, 1.0)])
@pytest.mark.parametrize("rate", [0.1, 0.4, 0.45])
def test_the_hard_part_grows_and_the_rest_is_uniform_over_the_others(progress, hard_share, rate):
    batch = batch_of("columns", (10,), progress=progress)
    hidden = draw(HardestFirst(hard_share=hard_share), batch, rate)
    by_rank = hidden.gather(1, batch.scores.argsort(1, descending=True)).double().mean(0)
    expected = by_enumeration(rate, hard_share * progress)
    assert ((by_rank - expected).abs() <= 5 * (expected * (1 - expected) / SAMPLES).sqrt() + 1e-9).all()


def test_ties_at_the_border_of_the_hard_part():
    """Four of ten, two of them by score: two of the three that tie for it, then two of the other eight."""
    scores = torch.tensor([0.0, 1, 0, 0, 1, 0, 0, 0, 1, 0]).repeat(SAMPLES, 1)
    shares = draw(HardestFirst(), batch_of("columns", (10,), scores=scores), 0.4).double().mean(0)
    expected = torch.where(scores[0] == 1, 2 / 3 + 1 / 3 * 2 / 8, 2 / 8).double()
    assert ((shares - expected).abs() <= 5 * (expected * (1 - expected) / SAMPLES).sqrt()).all()


def test_what_is_no_score_counts_as_0():
    scores = torch.tensor([math.nan, -5.0, 2.0, -0.0, 0.0, 1e-40]).repeat(SAMPLES, 1)
    shares = draw(HardestFirst(hard_share=1.0), batch_of("columns", (6,), scores=scores), 0.5).double().mean(0)
    assert shares[2] == shares[5] == 1
    assert ((shares[[0, 1, 3, 4]] - 0.25).abs() <= 5 * (0.25 * 0.75 / SAMPLES) ** 0.5).all()


def test_without_progress_scores_do_not_matter():
    batch = batch_of("columns", (12,), progress=0.0)
    other = replace(batch, scores=batch.scores.flip(1))
    assert torch.equal(draw(HardestFirst(), batch, 0.4), draw(HardestFirst(), other, 0.4))
    sets = draw(HardestFirst(), batch, 1 / 6).double()
    pairs = torch.triu(sets.T @ sets, 1)
    observed = pairs[torch.triu(torch.ones(12, 12), 1) > 0].numpy()
    assert stats.chisquare(observed).pvalue > 1e-6  # all 66 pairs alike


@pytest.mark.parametrize("value", [0.0, 2.5, -0.0, math.nan, math.inf, -1.0])
@pytest.mark.parametrize("order", ["hardest", "easiest"])
def test_equal_scores_are_drawn_at_random(value, order):
    batch = batch_of("columns", (9,), scores=torch.full((SAMPLES, 9), value))
    hidden = draw(HardestFirst(hard_share=1.0, order=order), batch, 1 / 3).double()
    assert (hidden.sum(1) == 3).all()
    assert ((hidden.mean(0) - 1 / 3).abs() <= 5 * (2 / 9 / SAMPLES) ** 0.5).all()


def test_scores_of_all_sizes_are_told_apart():
    scores = torch.tensor([0.0, 1e-45, 1e-38, 1.0, 1 + 2**-23, 1e38, math.inf]).repeat(50, 1)
    for count in range(1, 8):
        hidden = draw(HardestFirst(hard_share=1.0), batch_of("columns", (7,), 50, scores=scores), count / 7)
        assert (hidden == (torch.arange(7) >= 7 - count)).all()


def test_a_pixel_of_several_channels_and_scores_of_half_precision():
    batch = batch_of("image", (3, 4, 5), 100)
    half = replace(batch, scores=batch.scores.to(torch.bfloat16))
    hidden = draw(HardestFirst(hard_share=1.0), half, 0.25)
    assert hidden.shape == (100, 1, 4, 5)
    assert (
        half.scores.masked_fill(hidden, 0).flatten(1).amax(1) <= half.scores.where(hidden, 9).flatten(1).amin(1)
    ).all()


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.77, 1.0])
def test_only_eligible_cells_count(rate):
    words = torch.randint(0, 9, (SAMPLES, 11), generator=torch.Generator().manual_seed(2))
    features = Features("tokens", (11,), Vocabulary(9, pad=0, mask=1, unknown=2, special=(3,)))
    batch = Batch.of(words, features)
    scores = torch.rand(words.shape, generator=generator(3)) + 10.0 * ~batch.eligible  # the others look hardest
    hidden = draw(HardestFirst(hard_share=1.0), replace(batch, scores=scores, progress=0.6), rate)
    assert not (hidden & ~batch.eligible).any()
    wanted = rate * batch.counts
    counts = hidden.sum(1)
    assert ((counts - wanted).abs() < 1).all()
    spread_ = (wanted % 1 * (1 - wanted % 1)).sum().sqrt() / SAMPLES
    assert abs((counts - wanted).mean()) <= 5 * spread_ + 1e-9


def test_a_rate_per_sample():
    rates = torch.linspace(0, 1, 101, dtype=torch.float64).repeat(50)
    hidden = draw(HardestFirst(), batch_of("columns", (100,), len(rates)), rates)
    assert torch.equal(hidden.sum(1), (rates * 100).round().long())


# Samples


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("samples", [1, 2, 7, 256])
def test_the_rates_of_samples_have_the_rate_as_mean(rate, share, samples):
    pattern = HardestFirst(unit="sample", hard_share=share)
    batch = batch_of("columns", (4,), samples, "sample")
    rates = pattern._rates(batch, batch.scores, torch.tensor([rate], dtype=torch.float64), share, generator(0))
    assert rates.mean().item() == pytest.approx(rate, abs=1e-12)
    assert (rates[batch.scores.argsort()].diff() >= 0).all()
    assert ((rates >= 0) & (rates <= 1)).all()
    if share == 0:
        assert torch.allclose(rates, torch.tensor(rate, dtype=torch.float64), rtol=0, atol=1e-12)
    if rate == 1:
        assert (rates == 1).all()


@pytest.mark.parametrize("order", ["hardest", "easiest"])
@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.8, 1.0])
def test_hard_samples_lose_more_and_the_batch_loses_the_rate(order, rate):
    batch = batch_of("columns", (50,), unit="sample")
    hidden = draw(HardestFirst(unit="sample", hard_share=1.0, order=order), batch, rate).double()
    assert abs(hidden.mean() - rate) <= 5 * (rate * (1 - rate) / hidden.numel()) ** 0.5
    ranks = (batch.scores if order == "hardest" else -batch.scores).argsort().argsort()
    scale = brentq(lambda c: (2 * c * (ranks + 0.5) / SAMPLES).clamp(max=1).mean().item() - rate, 0, 1e6)
    expected = (2 * scale * (ranks.double() + 0.5) / SAMPLES).clamp(max=1)
    for quarter in range(4):
        rows = ranks // (SAMPLES // 4) == quarter
        error = (expected[rows] * (1 - expected[rows])).sum().div(50).sqrt() / rows.sum()
        assert abs(hidden[rows].mean() - expected[rows].mean()) <= 5 * error + 1e-6


def test_samples_of_equal_loss_are_put_in_order_at_random():
    pattern = HardestFirst(unit="sample", hard_share=1.0)
    batch = batch_of("columns", (4,), 3, "sample", scores=torch.zeros(3))
    rate = torch.tensor([0.5], dtype=torch.float64)
    stream = generator(0)
    found = torch.stack([pattern._rates(batch, batch.scores, rate, 1.0, stream) for _ in range(1000)])
    assert ((found.mean(0) - 0.5).abs() <= 5 * found.std() / 1000**0.5).all()


def test_samples_with_rates_of_their_own():
    rates = torch.rand(500, generator=generator(5), dtype=torch.float64)
    batch = batch_of("columns", (4,), 500, "sample")
    found = HardestFirst(unit="sample")._rates(batch, batch.scores, rates, 0.5, generator(0))
    assert found.mean().item() == pytest.approx(rates.mean().item(), abs=1e-12)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_spread_is_the_capped_multiple_found_by_search(weights, share):
    values = torch.tensor(weights, dtype=torch.float64)
    found = spread(values, torch.tensor(share * len(weights), dtype=torch.float64))
    assert found.mean().item() == pytest.approx(share, abs=1e-8)
    free = (found < 1) & (found > 0)
    ratios = (found / values)[free]
    assert ratios.numel() == 0 or torch.allclose(ratios, ratios[0].expand_as(ratios), rtol=1e-6)
    if free.any() and (found == 1).any():
        assert (values[found == 1] * ratios[0] >= 1 - 1e-6).all()


# Both


@pytest.mark.parametrize("unit", ["cell", "sample"])
@pytest.mark.parametrize("progress", [0.0, 0.6, 1.0])
def test_rates_nest_and_draws_depend_on_nothing(unit, progress):
    batch = batch_of("columns", (13,), 500, unit, progress=progress)
    before, states = torch.zeros(batch.cells, dtype=torch.bool), set()
    for rate in (0.0, 0.05, 0.1, 0.3, 0.301, 0.5, 0.9, 1.0):
        for scores in (batch.scores.flip(0), batch.scores):
            stream = generator(0)
            rates = torch.tensor([rate], dtype=torch.float64)
            now = HardestFirst(unit=unit, hard_share=0.8).sample(replace(batch, scores=scores), rates, stream)
            states.add(stream.get_state().numpy().tobytes())
        assert not (before & ~now).any()
        before = now
    assert before.all()
    assert len(states) == 1


@pytest.mark.parametrize("unit", ["cell", "sample"])
@pytest.mark.parametrize("samples", [0, 1])
def test_tiny_batches(unit, samples):
    batch = batch_of("columns", (5,), samples, unit)
    assert draw(HardestFirst(unit=unit), batch, 0.3).shape == (samples, 5)
    assert draw(HardestFirst(unit=unit), batch, torch.full((samples,), 0.3, dtype=torch.float64)).shape == (samples, 5)


@pytest.mark.parametrize("unit", ["cell", "sample"])
def test_scores_stay_and_their_gradient_is_no_concern(unit):
    batch = batch_of("columns", (5,), 20, unit)
    scores = batch.scores.clone().requires_grad_()
    hidden = draw(HardestFirst(unit=unit), replace(batch, scores=scores), 0.4)
    assert not hidden.requires_grad
    assert torch.equal(scores, batch.scores)


def test_it_says_what_it_needs():
    assert HardestFirst().scored == "cell"
    assert HardestFirst(unit="sample").scored == "sample"


@pytest.mark.parametrize("unit", ["cell", "sample"])
def test_no_scores_are_refused(unit):
    with pytest.raises(
        ConfigError, match=r"no scores: it hides what the model in training finds hard, .* use it for tr"
    ):
        draw(HardestFirst(unit=unit), batch_of("columns", (5,), scores=None), 0.3)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (HardestFirst(unit="word"), "pattern.unit is cell or sample, not 'word'"),
        (HardestFirst(order="worst"), "pattern.order is hardest or easiest, not 'worst'"),
        (HardestFirst(hard_share=1.5), r"pattern.hard_share lies in \[0, 1\], not 1.5"),
        (HardestFirst(hard_share=math.nan), r"pattern.hard_share lies in \[0, 1\], not nan"),
    ],
)
def test_settings_that_cannot_be(pattern, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(Features("columns", (5,)), 0.3)
    HardestFirst().check(Features("tokens", (5,)), 0.3)
