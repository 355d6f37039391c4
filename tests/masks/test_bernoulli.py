"""Bernoulli: independent cells."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from maskbench.description import Features
from maskbench.masks import bernoulli
from maskbench.masks.bernoulli import Bernoulli
from tests.helpers import generator

SAMPLES = 4096
RATES = (0.0, 1e-3, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 0.75, 0.9, 1.0)
SHAPES = ((1,), (2,), (7,), (64,), (1, 8, 8), (3, 5, 7))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_hidden_share_has_the_binomial_error(rate, shape):
    hidden = Bernoulli().sample((SAMPLES, *shape), rate, generator(0))
    error = (rate * (1 - rate) / hidden.numel()) ** 0.5
    assert abs(hidden.double().mean().item() - rate) <= 5 * error


def test_counts_per_sample_are_binomial():
    counts = Bernoulli().sample((SAMPLES, 10), 0.3, generator(0)).sum(1)
    observed = torch.bincount(counts, minlength=11).numpy()
    expected = SAMPLES * stats.binom.pmf(range(11), 10, 0.3)
    pooled = [(observed[:7][i], expected[:7][i]) for i in range(7)] + [(observed[7:].sum(), expected[7:].sum())]
    assert stats.chisquare(*zip(*pooled, strict=True)).pvalue > 1e-6


def test_cells_of_one_sample_are_independent():
    hidden = Bernoulli().sample((SAMPLES, 6), 0.4, generator(0)).double()
    correlation = torch.corrcoef(hidden.T) - torch.eye(6)
    assert correlation.abs().max() < 5 / SAMPLES**0.5


def test_a_draw_equal_to_the_rate_stays_visible(monkeypatch):
    """Uniform draws lie on [0, 1): with `<=` a rate of 0 would hide the cells that draw 0."""
    monkeypatch.setattr(bernoulli, "uniform", lambda *_: torch.tensor([[0.0, 0.25, 0.5]]))
    assert Bernoulli().sample((1, 3), 0.0, generator(0)).tolist() == [[False, False, False]]
    assert Bernoulli().sample((1, 3), 0.25, generator(0)).tolist() == [[True, False, False]]


def test_an_image_has_one_cell_per_pixel():
    assert Bernoulli().sample((5, 3, 4, 6), 0.5, generator(0)).shape == (5, 1, 4, 6)
    assert Bernoulli().sample((5, 9), 0.5, generator(0)).shape == (5, 9)


@pytest.mark.parametrize("features", [Features("columns", (1,)), Features("image", (3, 2, 2))], ids=str)
def test_it_fits_everything(features):
    Bernoulli().check(features, 1.0)
