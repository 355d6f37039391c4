"""Bernoulli: independent cells."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.cells import Batch
from tests.helpers import drawn, generator

SAMPLES = 4096
RATES = (0.0, 1e-3, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 0.75, 0.9, 1.0)
SHAPES = ((1,), (2,), (7,), (64,), (1, 8, 8), (3, 5, 7))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_hidden_share_has_the_binomial_error(rate, shape):
    hidden = drawn(Bernoulli(), (SAMPLES, *shape), rate, generator(0))
    error = (rate * (1 - rate) / hidden.numel()) ** 0.5
    assert abs(hidden.double().mean().item() - rate) <= 5 * error


def test_counts_per_sample_are_binomial():
    counts = drawn(Bernoulli(), (SAMPLES, 10), 0.3, generator(0)).sum(1)
    observed = torch.bincount(counts, minlength=11).numpy()
    expected = SAMPLES * stats.binom.pmf(range(11), 10, 0.3)
    pooled = [(observed[:7][i], expected[:7][i]) for i in range(7)] + [(observed[7:].sum(), expected[7:].sum())]
    assert stats.chisquare(*zip(*pooled, strict=True)).pvalue > 1e-6


def test_cells_of_one_sample_are_independent():
    hidden = drawn(Bernoulli(), (SAMPLES, 6), 0.4, generator(0)).double()
    correlation = torch.corrcoef(hidden.T) - torch.eye(6)
    assert correlation.abs().max() < 5 / SAMPLES**0.5


def test_an_image_has_one_cell_per_pixel():
    assert drawn(Bernoulli(), (5, 3, 4, 6), 0.5, generator(0)).shape == (5, 1, 4, 6)
    assert drawn(Bernoulli(), (5, 9), 0.5, generator(0)).shape == (5, 9)


@pytest.mark.parametrize("features", [Features("columns", (1,)), Features("image", (3, 2, 2))], ids=str)
def test_it_fits_everything(features):
    Bernoulli().check(features, 1.0)


def test_units_hide_what_they_span():
    image, series = (40, 3, 4, 6), (40, 7, 5)
    assert drawn(Bernoulli("channel"), image, 0.5, generator(0)).shape == (40, 3, 1, 1)
    assert drawn(Bernoulli("channel"), series, 0.5, generator(0)).shape == (40, 1, 5)
    assert drawn(Bernoulli("step"), series, 0.5, generator(0)).shape == (40, 7, 1)
    assert drawn(Bernoulli(shared=True), series, 0.5, generator(0)).shape == (1, 7, 5)


def test_words_are_hidden_as_a_whole_and_each_with_its_own_coin():
    vocabulary = Vocabulary(9, 0, 1, 2, (3,), continues=(8,))
    tokens = torch.tensor([[3, 4, 8, 8, 5, 6, 8, 0]]).repeat(SAMPLES, 1)
    batch = Batch.of(tokens, Features("tokens", (8,), vocabulary))
    hidden = Bernoulli("word").sample(batch, torch.tensor([0.3], dtype=torch.float64), generator(0))
    assert (hidden[:, 1] == hidden[:, 2]).all()
    assert (hidden[:, 2] == hidden[:, 3]).all()
    assert (hidden[:, 5] == hidden[:, 6]).all()
    words = hidden[:, [1, 4, 5]].double()
    assert ((words.mean(0) - 0.3).abs() < 5 * (0.21 / SAMPLES) ** 0.5).all()
    assert (torch.corrcoef(words.T) - torch.eye(3)).abs().max() < 5 / SAMPLES**0.5


def test_a_shared_draw_has_independent_coins():
    stream = generator(0)
    draws = torch.cat([drawn(Bernoulli(shared=True), (3, 5), 0.3, stream) for _ in range(4096)])
    assert draws.shape == (4096, 5)
    assert ((draws.double().mean(0) - 0.3).abs() < 5 * (0.3 * 0.7 / 4096) ** 0.5).all()
    assert (torch.corrcoef(draws.double().T) - torch.eye(5)).abs().max() < 5 / 64


@pytest.mark.parametrize(
    ("pattern", "features", "message"),
    [
        (Bernoulli("row"), Features("columns", (3,)), "pattern.unit is one of cell, channel, step, word, not 'row'"),
        (Bernoulli("step"), Features("columns", (3,)), "these data are columns and have no step; use a mask of cells"),
        (Bernoulli("channel"), Features("image", (1, 8, 8)), "these data have one; use bernoulli"),
        (Bernoulli("channel"), Features("sequence", (9, 1)), "these data have one; use bernoulli"),
        (Bernoulli(shared=True), Features("columns", (1,)), "these data have one; use bernoulli"),
        (Bernoulli("word"), Features("tokens", (4,), Vocabulary(9, 0, 1, 2)), "no tokens that continue one; use bert"),
    ],
)
def test_units_that_the_data_do_not_have_are_refused(pattern, features, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(features, 0.3)
