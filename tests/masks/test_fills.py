"""Fills: what stands in a hidden cell, computed a second time with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.fills import Mean, Noise, Scale, Swap, Zero
from maskbench.masks.mask import Context
from tests.helpers import generator, random_inputs

COLUMNS, IMAGE = Features("columns", (7,)), Features("image", (3, 4, 5))
SHAPES = ((7,), (3, 4, 5))
both_kinds = pytest.mark.parametrize("shape", SHAPES, ids=["columns", "image"])


class Scene:
    """Inputs, a handmade `hidden`, train rows with a mean and spread of their own, all as arrays too."""

    def __init__(self, shape: tuple[int, ...], batch: int = 40) -> None:
        self.inputs = random_inputs(batch, shape)
        cells = (batch, 1, *shape[1:]) if len(shape) == 3 else (batch, *shape)
        self.hidden = torch.from_numpy(np.random.default_rng(8).random(cells) < 0.4)
        spread = torch.arange(1, shape[0] + 1).reshape(shape[0], *[1] * (len(shape) - 1))
        self.rows = random_inputs(25, shape, 3) * spread + 50 * spread
        self.context = Context.of(self.rows)
        self.array, self.where = self.inputs.numpy(), np.broadcast_to(self.hidden.numpy(), self.inputs.shape)
        axes = (0, 2, 3) if len(shape) == 3 else (0,)
        train = self.rows.double().numpy()
        self.mean, self.std = train.mean(axes, keepdims=True), train.std(axes, keepdims=True)

    def apply(self, fill, seed: int = 0) -> np.ndarray:
        return fill.apply(self.inputs, self.hidden, generator(seed), self.context).numpy()


@both_kinds
def test_zero(shape):
    scene = Scene(shape)
    assert np.array_equal(scene.apply(Zero()), np.where(scene.where, 0, scene.array))


@both_kinds
def test_mean_is_the_train_mean_of_the_column_or_channel(shape):
    scene = Scene(shape)
    expected = np.where(scene.where, scene.mean, scene.array)
    np.testing.assert_allclose(scene.apply(Mean()), expected, rtol=1e-5)


@both_kinds
@pytest.mark.parametrize("std", [0.0, 1.0, 0.3])
def test_noise_by_its_formula(shape, std):
    scene = Scene(shape)
    noise = std * torch.randn(scene.inputs.shape, generator=generator(5)).double().numpy()
    formulas = {
        "replace": scene.mean + noise * scene.std,
        "add": scene.array + noise * scene.std,
        "scale": scene.array * (1 + noise),
    }
    for mode, noisy in formulas.items():
        expected = np.where(scene.where, noisy, scene.array)
        np.testing.assert_allclose(scene.apply(Noise(mode, std), seed=5), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("mode", "mean", "std"), [("replace", 200.0, 8.0), ("add", 4.0, 8.0), ("scale", 4.0, 8.0)])
def test_noise_has_its_mean_and_spread(mode, mean, std):
    """Train rows have mean 200 and std 4 here, inputs are 4, and the fill's std is 2."""
    rows = torch.tensor([[196.0], [204.0]])
    inputs = torch.full((20_000, 1), 4.0)
    found = Noise(mode, 2.0).apply(inputs, torch.ones_like(inputs, dtype=torch.bool), generator(0), Context.of(rows))
    values = found[:, 0].double().numpy()
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(len(values))
    assert abs(values.std() - std) < 5 * std / math.sqrt(2 * len(values))
    assert stats.kstest((values - mean) / std, "norm").pvalue > 1e-6


def test_replacing_noise_tells_nothing_of_the_input():
    scene = Scene((7,))
    one = scene.apply(Noise("replace"))
    scene.inputs = torch.full_like(scene.inputs, math.nan)
    two = scene.apply(Noise("replace"))
    assert np.array_equal(one[scene.where], two[scene.where])


@pytest.mark.parametrize("low", [0.0, 0.25])
@both_kinds
def test_scale_multiplies_by_a_uniform_factor(shape, low):
    scene = Scene(shape, batch=4000)
    found = scene.apply(Scale(low))
    assert np.array_equal(found[~scene.where], scene.array[~scene.where])
    factors = (found / scene.array)[scene.where].astype(np.float64)
    assert factors.min() >= low - 1e-6
    assert factors.max() <= 1 + 1e-6
    assert stats.kstest(factors, "uniform", (low, 1 - low)).pvalue > 1e-6


def test_scale_draws_a_factor_for_every_channel():
    inputs = torch.ones(5, 3, 4, 4)
    found = Scale().apply(inputs, torch.ones(5, 1, 4, 4, dtype=torch.bool), generator(0), Context.of(inputs))
    assert len(found.unique()) == inputs.numel()


@both_kinds
def test_expected_scale_is_the_mean_factor(shape):
    scene = Scene(shape, batch=8000)
    share = scene.where.mean()
    for fill in (Zero(), Scale(), Scale(0.5)):
        ratios = (scene.apply(fill) / scene.array).astype(np.float64)
        assert ratios.mean() == pytest.approx(fill.expected_scale(share), abs=0.005)
    for fill in (Mean(), Swap(), Noise(), Noise("add"), Noise("scale")):
        assert fill.expected_scale(share) is None


class TestSwap:
    """Train rows are numbered, so that each filled value tells its donor and its cell."""

    def scene(self, shape: tuple[int, ...], rows: int = 25, batch: int = 400) -> tuple[np.ndarray, np.ndarray]:
        """(donor, cell) of every filled value, each (B, *shape)."""
        cells = math.prod(shape)
        table = (torch.arange(rows)[:, None] * 1000 + torch.arange(cells)).float().view(rows, *shape)
        inputs = torch.full((batch, *shape), -1.0)
        hidden = torch.ones((batch, 1, *shape[1:]) if len(shape) == 3 else inputs.shape, dtype=torch.bool)
        found = Swap().apply(inputs, hidden, generator(0), Context.of(table)).numpy()
        return found // 1000, found % 1000

    @both_kinds
    def test_donors_are_train_rows_and_give_the_same_cell(self, shape):
        donor, cell = self.scene(shape)
        assert set(np.unique(donor)) == set(range(25))
        assert (cell == np.arange(math.prod(shape)).reshape(shape)).all()

    @both_kinds
    def test_donors_are_uniform_and_independent_of_row_and_column(self, shape):
        donor, _ = self.scene(shape)
        assert stats.chisquare(np.bincount(donor[:, 0].astype(int).ravel(), minlength=25)).pvalue > 1e-6
        flat = donor.reshape(len(donor), -1) if len(shape) == 1 else donor[:, 0].reshape(len(donor), -1)
        off_diagonal = np.corrcoef(flat.T) - np.eye(flat.shape[1])
        assert np.abs(off_diagonal).max() < 5 / math.sqrt(len(flat))
        assert (flat[1:] == flat[:-1]).mean() == pytest.approx(1 / 25, abs=0.02)

    def test_the_channels_of_a_pixel_have_one_donor(self):
        donor, _ = self.scene((3, 4, 5))
        assert (donor == donor[:, :1]).all()

    def test_one_train_row_is_everyones_donor(self):
        donor, _ = self.scene((7,), rows=1)
        assert (donor == 0).all()

    def test_visible_cells_stay(self):
        scene = Scene((7,))
        found = scene.apply(Swap())
        assert np.array_equal(found[~scene.where], scene.array[~scene.where])
        train = scene.rows.numpy()
        assert all(np.isin(found[scene.where[:, j], j], train[:, j]).all() for j in range(7))


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (Noise("multiply"), r"fill\.mode is one of replace, add, scale, not 'multiply'"),
        (Noise(std=-0.1), r"fill\.std is a spread of at least 0, not -0\.1"),
        (Noise(std=math.inf), r"fill\.std .* not inf"),
        (Noise(std=math.nan), r"fill\.std .* not nan"),
        (Scale(1.0), r"fill\.low .* lies in \[0, 1\), not 1\.0"),
        (Scale(-0.1), r"fill\.low .* not -0\.1"),
        (Scale(math.nan), r"fill\.low .* not nan"),
    ],
)
def test_settings_out_of_range_are_refused(fill, message):
    with pytest.raises(ConfigError, match=message):
        fill.check(COLUMNS)


@pytest.mark.parametrize("fill", [Zero(), Mean(), Swap(), Noise("add", 0.0), Noise("scale", 2.0), Scale(0.99)])
@pytest.mark.parametrize("features", [COLUMNS, IMAGE], ids=["columns", "image"])
def test_settings_in_range_are_accepted(fill, features):
    fill.check(features)
