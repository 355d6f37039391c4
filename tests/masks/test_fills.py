"""Fills: what stands in a hidden cell, computed a second time with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.contract import Context
from maskbench.masks.fills import Constant, Mean, Noise, Scale, Swap, Zero
from tests.helpers import generator, random_inputs

COLUMNS, IMAGE, SEQUENCE = Features("columns", (7,)), Features("image", (3, 4, 5)), Features("sequence", (6, 3))
KINDS = {len(features.shape): features.kind for features in (COLUMNS, IMAGE, SEQUENCE)}
SHAPES = ((7,), (3, 4, 5))
both_kinds = pytest.mark.parametrize("shape", SHAPES, ids=["columns", "image"])
SHORTER = (torch.float16, torch.bfloat16, torch.float64)


def context_of(rows: torch.Tensor) -> Context:
    """The context of rows whose kind is told by their axes."""
    shape = tuple(rows.shape[1:])
    return Context(rows, Features(KINDS[len(shape)], shape))


class Scene:
    """Inputs, a handmade `hidden`, train rows with a mean and spread of their own, all as arrays too."""

    def __init__(self, shape: tuple[int, ...], batch: int = 40) -> None:
        self.inputs = random_inputs(batch, shape)
        cells = (batch, 1, *shape[1:]) if len(shape) == 3 else (batch, *shape)
        self.hidden = torch.from_numpy(np.random.default_rng(8).random(cells) < 0.4)
        spread = torch.arange(1, shape[0] + 1).reshape(shape[0], *[1] * (len(shape) - 1))
        self.rows = random_inputs(25, shape, 3) * spread + 50 * spread
        self.context = context_of(self.rows)
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
@pytest.mark.parametrize("value", [-1.5, 0.0, 7.25])
def test_constant_writes_its_value_and_wipes_out_what_was_there(shape, value):
    scene = Scene(shape)
    scene.inputs[:, ::2] = math.nan
    found = scene.apply(Constant(value))
    assert (found[scene.where] == value).all()
    assert np.array_equal(found[~scene.where], scene.inputs.numpy()[~scene.where], equal_nan=True)


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
    found = Noise(mode, 2.0).apply(inputs, torch.ones_like(inputs, dtype=torch.bool), generator(0), context_of(rows))
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
    found = Scale().apply(inputs, torch.ones(5, 1, 4, 4, dtype=torch.bool), generator(0), context_of(inputs))
    assert len(found.unique()) == inputs.numel()


@both_kinds
def test_expected_scale_is_the_mean_factor(shape):
    scene = Scene(shape, batch=8000)
    share = scene.where.mean()
    for fill in (Zero(), Scale(), Scale(0.5)):
        ratios = (scene.apply(fill) / scene.array).astype(np.float64)
        assert ratios.mean() == pytest.approx(fill.expected_scale(share), abs=0.005)
    for fill in (Constant(0.0), Mean(), Swap(), Noise(), Noise("add"), Noise("scale")):
        assert fill.expected_scale(share) is None


MARGINAL = Swap()


def numbered(rows: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Rows whose values tell their row and cell: 1000 * row + cell, or as many as there are cells."""
    cells = math.prod(shape)
    return (torch.arange(rows)[:, None] * max(1000, cells) + torch.arange(cells)).float().view(rows, *shape)


class TestSwap:
    """Train rows are numbered, so that each filled value tells its donor and its cell."""

    def scene(
        self, shape: tuple[int, ...], rows: int = 25, batch: int = 400, fill: Swap = MARGINAL, tracked: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """(donor, cell) of every filled value, each (B, *shape); donors of a batch are numbered from 0 too."""
        table, other = numbered(rows, shape), numbered(batch, shape)
        inputs = other if fill.source == "batch" else torch.full((batch, *shape), -1.0)
        hidden = torch.ones((batch, 1, *shape[1:]) if len(shape) == 3 else inputs.shape, dtype=torch.bool)
        found = fill.apply(inputs.requires_grad_(tracked), hidden, generator(0), context_of(table)).detach().numpy()
        return found // 1000, found % 1000

    @both_kinds
    def test_the_short_way_over_numpy_finds_the_same_donors(self, shape):
        one, two = self.scene(shape), self.scene(shape, tracked=True)
        assert np.array_equal(one, two)

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

    @both_kinds
    def test_donors_of_the_batch_are_all_other_rows_alike(self, shape):
        donor, cell = self.scene(shape, batch=5 if len(shape) == 3 else 6, fill=Swap("batch"))
        assert (donor != np.arange(len(donor)).reshape(-1, *[1] * len(shape))).all()
        assert (cell == np.arange(math.prod(shape)).reshape(shape)).all()
        inputs = numbered(6, (4000,))
        found = Swap("batch").apply(inputs, torch.ones(6, 4000, dtype=torch.bool), generator(1), context_of(inputs))
        for row, donors in enumerate((found // 4000).long()):
            counts = np.delete(np.bincount(donors, minlength=6), row)
            assert counts.sum() == 4000
            assert stats.chisquare(counts).pvalue > 1e-6

    @pytest.mark.parametrize("source", ["train", "batch"])
    @both_kinds
    def test_joint_takes_all_cells_of_a_sample_from_one_donor(self, shape, source):
        donor, cell = self.scene(shape, fill=Swap(source, joint=True))
        assert (donor == donor.reshape(len(donor), -1)[:, :1].reshape(-1, *[1] * len(shape))).all()
        assert (cell == np.arange(math.prod(shape)).reshape(shape)).all()
        first = donor.reshape(len(donor), -1)[:, 0].astype(int)
        if source == "batch":
            shifts = (first - np.arange(len(first))) % len(first)
            assert (shifts > 0).all()
            assert len(np.unique(shifts)) > 200  # 253 expected of 399
        else:
            assert stats.chisquare(np.bincount(first, minlength=25)).pvalue > 1e-6

    def test_donors_of_samples_are_independent(self):
        """Two samples have the same joint donor as often as chance has it."""
        inputs = numbered(40, (1,))
        hidden = torch.ones(40, 1, dtype=torch.bool)
        stream, fill = generator(2), Swap("batch", joint=True)
        donors = torch.stack([fill.apply(inputs, hidden, stream, context_of(inputs))[:, 0] for _ in range(2000)])
        same = (donors[:, 0] == donors[:, 1]).double().mean().item()
        chance = 38 / 39**2
        assert abs(same - chance) < 5 * math.sqrt(chance / 2000)

    @pytest.mark.parametrize("joint", [False, True])
    def test_a_batch_of_one_takes_train_rows(self, joint):
        rows = numbered(5, (7,)) + 1_000_000
        seen = set()
        stream = generator(0)
        for _ in range(50):
            inputs = torch.zeros(1, 7)
            seen |= set(Swap("batch", joint).apply(inputs, inputs == 0, stream, context_of(rows)).flatten().tolist())
        assert seen == set(rows.flatten().tolist())
        assert Swap("batch", joint).apply(torch.zeros(0, 7), torch.ones(0, 7) > 0, stream, context_of(rows)).shape == (
            0,
            7,
        )

    @pytest.mark.parametrize("joint", [False, True])
    @pytest.mark.parametrize("source", ["train", "batch"])
    def test_a_number_that_the_donor_lacks_is_the_train_mean(self, source, joint):
        rows = random_inputs(30, (7,))
        rows[::3, ::2] = math.nan
        context = context_of(rows)
        found = Swap(source, joint).apply(rows, ~rows.isnan(), generator(0), context)
        assert torch.equal(found.isnan(), rows.isnan())
        means = found == context.mean
        assert means[:, ::2].any()
        assert not means[:, 1::2].any()

    def test_cells_hidden_as_one_share_a_donor(self):
        rows = numbered(9, (6, 3))
        inputs = torch.full((200, 6, 3), -1.0)
        for hidden in (torch.ones(200, 6, 1), torch.ones(200, 1, 3)):
            donor = Swap().apply(inputs, hidden > 0, generator(0), context_of(rows)) // 1000
            axis = 2 if hidden.shape[2] == 1 else 1
            assert torch.equal(donor, donor.narrow(axis, 0, 1).expand(donor.shape))
            assert len(donor.unique()) == 9

    def test_a_gradient_flows_to_the_donors_of_the_batch(self):
        inputs = random_inputs(4, (7,)).requires_grad_()
        Swap("batch").apply(inputs, torch.ones(4, 7) > 0, generator(0), context_of(inputs.detach())).sum().backward()
        assert inputs.grad.sum() == inputs.numel()  # each value is given away, none stays where it was

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
        (Constant(math.nan), r"fill\.value is a finite number, not nan"),
        (Constant(math.inf), r"fill\.value .* not inf"),
        (Swap("test"), r"fill\.source is train or batch, not 'test'"),
    ],
)
def test_settings_out_of_range_are_refused(fill, message):
    with pytest.raises(ConfigError, match=message):
        fill.check(COLUMNS)


ALL = [
    Zero(), Constant(2.0), Mean(), Swap(), Swap("batch"), Swap(joint=True), Noise("add", 0.0), Noise("scale", 2.0),
    Scale(0.99),
]  # fmt: skip
every_fill = pytest.mark.parametrize("fill", ALL, ids=str)


@every_fill
@pytest.mark.parametrize("features", [COLUMNS, IMAGE, SEQUENCE], ids=["columns", "image", "sequence"])
def test_settings_in_range_are_accepted(fill, features):
    fill.check(features)


@every_fill
def test_tokens_are_refused(fill):
    with pytest.raises(ConfigError, match=r"writes into .* and these data are tokens; use mask/fill=mask_token"):
        fill.check(Features("tokens", (7,), Vocabulary(9, 0, 1, 2)))


@every_fill
@pytest.mark.parametrize("features", [COLUMNS, IMAGE, SEQUENCE], ids=["columns", "image", "sequence"])
@pytest.mark.parametrize("dtype", SHORTER, ids=str)
def test_other_precisions_keep_their_type_and_meet_the_same_draws(fill, features, dtype):
    rows, inputs = random_inputs(30, features.shape, 1), random_inputs(50, features.shape)
    hidden = torch.rand(50, 1, *features.shape[1:], generator=generator(3)) < 0.5
    found = fill.apply(inputs.to(dtype), hidden, generator(0), context_of(rows))
    assert found.dtype == dtype
    expected = fill.apply(inputs.to(dtype).float(), hidden, generator(0), context_of(rows))
    torch.testing.assert_close(found.float(), expected, rtol=0.03, atol=0.03)
    hidden = hidden.expand(inputs.shape)
    assert torch.equal(found[~hidden], inputs.to(dtype)[~hidden])


@every_fill
def test_strided_inputs_are_read_and_not_written(fill):
    wide = random_inputs(50, (14,))
    inputs, before = wide[:, ::2], wide.clone()
    hidden = torch.rand(50, 7, generator=generator(3)) < 0.5
    context = context_of(random_inputs(30, (7,), 1))
    found = fill.apply(inputs, hidden, generator(0), context)
    assert torch.equal(found, fill.apply(inputs.contiguous(), hidden, generator(0), context))
    found.fill_(3)
    assert torch.equal(wide, before)


@pytest.mark.parametrize("fill", [Zero(), Scale(0.25)], ids=str)
def test_the_expected_scale_of_every_sample(fill):
    rates = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    assert fill.expected_scale(rates).tolist() == [fill.expected_scale(rate) for rate in (0.0, 0.5, 1.0)]
