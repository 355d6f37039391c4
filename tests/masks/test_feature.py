"""Feature: whole columns of a batch."""

from __future__ import annotations

import pytest
import torch

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks import feature
from maskbench.masks.feature import Feature
from maskbench.masks.fills import Swap, Zero
from maskbench.masks.mask import Mask
from tests.helpers import generator, random_context, random_inputs


def test_all_rows_of_a_batch_lack_the_same_columns():
    inputs = random_inputs(50, (20,))
    masked = Mask(Feature(), Zero(), 0.5)(inputs, generator(0), random_context((20,)))
    hidden = masked.inputs == 0
    assert (hidden == hidden[0]).all()
    assert 0 < hidden[0].sum() < 20
    assert torch.equal(masked.hidden.expand_as(inputs), hidden)


def test_columns_are_independent_coins():
    draws = torch.cat([Feature().sample((3, 5), 0.3, stream) for stream in [generator(0)] for _ in range(4096)])
    assert draws.shape == (4096, 5)
    error = (0.3 * 0.7 / 4096) ** 0.5
    assert ((draws.double().mean(0) - 0.3).abs() < 5 * error).all()
    assert (torch.corrcoef(draws.double().T) - torch.eye(5)).abs().max() < 5 / 64


def test_a_draw_equal_to_the_rate_stays_visible(monkeypatch):
    monkeypatch.setattr(feature, "uniform", lambda *_: torch.tensor([[0.0, 0.25, 0.5]]))
    assert Feature().sample((4, 3), 0.0, generator(0)).tolist() == [[False, False, False]]
    assert Feature().sample((4, 3), 0.25, generator(0)).tolist() == [[True, False, False]]


def test_a_swap_in_a_hidden_column_is_drawn_per_row():
    inputs = random_inputs(50, (4,))
    masked = Mask(Feature(), Swap(), 1.0)(inputs, generator(0), random_context((4,)))
    assert all(len(set(column.tolist())) > 10 for column in masked.inputs.T)


def test_images_and_single_columns_are_refused():
    with pytest.raises(ConfigError, match="these data are image; use bernoulli, exact_count or block"):
        Feature().check(Features("image", (1, 8, 8)), 0.3)
    with pytest.raises(ConfigError, match="these data have one; use bernoulli"):
        Feature().check(Features("columns", (1,)), 0.3)
    Feature().check(Features("columns", (2,)), 0.3)
