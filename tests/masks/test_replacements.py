"""Learned, placeholder, salt-and-pepper and blur fills, against NumPy and SciPy."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from maskbench.description import Features, Vocabulary
from maskbench.errors import ConfigError
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.contract import Context
from maskbench.masks.mask import Mask
from maskbench.masks.replacements import Blur, Learned, Placeholder, SaltPepper
from tests.helpers import generator, random_inputs

COLUMNS, IMAGE, SEQUENCE = Features("columns", (9,)), Features("image", (3, 9, 11)), Features("sequence", (12, 3))
ALL = [COLUMNS, IMAGE, SEQUENCE]
every_kind = pytest.mark.parametrize("features", ALL, ids=lambda features: features.kind)
TOKENS = Features("tokens", (7,), Vocabulary(9, 0, 1, 2))


def context_of(features: Features, rows: int = 40, seed: int = 3) -> Context:
    """Rows with a range of their own."""
    return Context(random_inputs(rows, features.shape, seed) * 3 + 100, features)


def some_hidden(batch: int, features: Features, seed: int = 0, rate: float = 0.4) -> torch.Tensor:
    """Cells hidden by coins."""
    shape = (1, *features.shape[1:]) if features.kind == "image" else features.shape
    return torch.rand((batch, *shape), generator=generator(seed)) < rate


class TestLearned:
    @every_kind
    def test_it_starts_at_0_with_a_value_per_column_or_channel(self, features):
        context, inputs = context_of(features), random_inputs(20, features.shape)
        fill = Learned().fit(context)
        assert [parameter.shape for parameter in fill.parameters()] == [context.mean.shape]
        hidden = some_hidden(20, features)
        found = fill.apply(inputs, hidden, generator(0), context)
        assert torch.equal(found, inputs.masked_fill(hidden, 0))

    @every_kind
    def test_its_gradient_counts_hidden_cells_of_the_column_or_channel(self, features):
        context, inputs = context_of(features), random_inputs(20, features.shape)
        hidden = some_hidden(20, features)
        inputs = inputs.masked_fill(hidden, math.nan)
        fill = Learned().fit(context)
        (vector,) = fill.parameters()
        fill.apply(inputs, hidden, generator(0), context).sum().backward()
        counts = hidden.expand(inputs.shape).sum(0, keepdim=True).float()
        axes = {"columns": (0,), "image": (0, 2, 3), "sequence": (0, 1)}[features.kind]
        assert torch.equal(vector.grad, counts.sum(axes, keepdim=True)[0].view(vector.shape))

    def test_it_learns_through_a_mask(self):
        """The best stand-in for a column that is always hidden and always worth 3 is 3."""
        features, inputs = Features("columns", (2,)), torch.full((32, 2), 3.0)
        masking = Mask(Bernoulli(), Learned(), 0.5).fit(Context(inputs, features))
        optimiser = torch.optim.SGD(masking.parameters(), lr=0.5)
        stream = generator(0)
        for _ in range(100):
            optimiser.zero_grad()
            (masking(inputs, stream).inputs - inputs).square().mean().backward()
            optimiser.step()
        (vector,) = masking.parameters()
        torch.testing.assert_close(vector.detach(), torch.full((2,), 3.0), rtol=0.01, atol=0.01)

    def test_every_fit_and_every_copy_has_a_vector_of_its_own(self):
        context, fill = context_of(COLUMNS), Learned()
        one, two = fill.fit(context), fill.fit(context)
        other = copy.deepcopy(one)
        one.vector.data.fill_(1)
        assert two.vector.abs().sum() == other.vector.abs().sum() == 0
        assert isinstance(other.vector, torch.nn.Parameter)
        assert fill.vector is None
        assert tuple(fill.parameters()) == ()
        assert fill.trained
        assert one == two == replace(one)
        assert hash(one) == hash(two)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
    def test_it_is_float32_and_the_inputs_keep_their_type(self, dtype):
        context = context_of(COLUMNS)
        fill = Learned().fit(context)
        found = fill.apply(random_inputs(5, (9,)).to(dtype), torch.ones(5, 9) > 0, generator(0), context)
        assert found.dtype == dtype
        assert fill.vector.dtype == torch.float32
        found.sum().backward()
        assert fill.vector.grad.tolist() == [5.0] * 9

    def test_use_before_fitting_is_refused(self):
        with pytest.raises(ConfigError, match="nothing to write yet; fit the mask"):
            Learned().apply(torch.ones(2, 9), torch.ones(2, 9) > 0, generator(0), context_of(COLUMNS))


class TestPlaceholder:
    @every_kind
    def test_it_is_so_many_standard_deviations_above_the_mean(self, features):
        context, inputs = context_of(features), random_inputs(20, features.shape)
        hidden = some_hidden(20, features)
        found = Placeholder(8.5).apply(inputs, hidden, generator(0), context).numpy()
        rows = context.rows.double().numpy()
        axes = {"columns": (0,), "image": (0, 2, 3), "sequence": (0, 1)}[features.kind]
        value = rows.mean(axes, keepdims=True) + 8.5 * rows.std(axes, keepdims=True)
        np.testing.assert_allclose(found, np.where(hidden, value, inputs), rtol=1e-5)
        assert (value > rows.max(axes, keepdims=True)).all()

    def test_it_is_above_all_that_is_known(self):
        rows = torch.zeros(1001, 2)
        rows[0] = torch.tensor([100.0, 1.0])
        context = Context(rows, Features("columns", (2,)))
        found = Placeholder(2.0).apply(torch.zeros(1, 2), torch.ones(1, 2) > 0, generator(0), context)[0]
        assert (found > context.high).all()
        torch.testing.assert_close(found, context.high + context.std)

    def test_a_column_that_never_varies_has_a_placeholder_too(self):
        context = Context(torch.tensor([[5.0, 1.0], [5.0, 3.0]]), Features("columns", (2,)))
        found = Placeholder(2.0).apply(torch.zeros(1, 2), torch.ones(1, 2) > 0, generator(0), context)
        assert found.tolist() == [[7.0, 4.0]]


class TestSaltPepper:
    @every_kind
    @pytest.mark.parametrize("salt", [0.0, 0.3, 1.0])
    def test_hidden_cells_lie_at_the_ends_of_the_range_in_their_shares(self, features, salt):
        context, inputs = context_of(features), random_inputs(400, features.shape)
        hidden = some_hidden(400, features)
        found = SaltPepper(salt).apply(inputs, hidden, generator(1), context).numpy()
        rows = context.rows.numpy()
        axes = {"columns": (0,), "image": (0, 2, 3), "sequence": (0, 1)}[features.kind]
        where = np.broadcast_to(hidden.numpy(), found.shape)
        high, low = (np.broadcast_to(end(rows, axes, keepdims=True), found.shape) for end in (np.max, np.min))
        assert np.array_equal(found[~where], inputs.numpy()[~where])
        assert ((found == high) | (found == low))[where].all()
        if features.kind == "image":  # one coin per pixel
            assert ((found == high) == (found == high)[:, :1]).all(1)[where[:, 0]].all()
            found, high, where = found[:, 0], high[:, 0], where[:, 0]
        share = (found == high)[where].mean()
        assert abs(share - salt) <= 5 * math.sqrt(salt * (1 - salt) / where.sum())

    def test_coins_of_cells_are_independent(self):
        rows = torch.tensor([[0.0] * 6, [1.0] * 6])
        context = Context(rows, Features("columns", (6,)))
        found = SaltPepper().apply(torch.zeros(4096, 6), torch.ones(4096, 6) > 0, generator(0), context)
        assert (torch.corrcoef(found.T) - torch.eye(6)).abs().max() < 5 / 4096**0.5
        counts = np.bincount(found.sum(1).long(), minlength=7)
        assert stats.chisquare(counts, 4096 * stats.binom.pmf(range(7), 6, 0.5)).pvalue > 1e-6


class TestBlur:
    @pytest.mark.parametrize("sigma", [0.4, 1.0, 1.3])
    @pytest.mark.parametrize("features", [IMAGE, SEQUENCE], ids=lambda features: features.kind)
    def test_it_is_scipys_gaussian_filter_with_mirrored_borders(self, features, sigma):
        inputs = random_inputs(20, features.shape)
        hidden = some_hidden(20, features)
        sigmas = (0, 0, sigma, sigma) if features.kind == "image" else (0, sigma, 0)
        radius = math.ceil(3 * sigma)
        expected = ndimage.gaussian_filter(
            inputs.double().numpy(), sigmas, mode="mirror", radius=[radius if s else 0 for s in sigmas]
        )
        found = Blur(sigma).apply(inputs, hidden, generator(0), context_of(features)).numpy()
        np.testing.assert_allclose(found, np.where(hidden, expected, inputs), rtol=1e-5)

    @pytest.mark.parametrize("features", [IMAGE, SEQUENCE], ids=lambda features: features.kind)
    def test_numbers_that_are_not_there_weigh_nothing(self, features):
        inputs = torch.full((4, *features.shape), 2.5)
        inputs[0, ..., 1] = math.nan
        inputs[1] = math.nan
        hidden = torch.ones_like(inputs) > 0
        context = context_of(features)
        found = Blur().apply(inputs.requires_grad_(), hidden, generator(0), context)
        mean = context.mean.expand(features.shape)
        torch.testing.assert_close(found[1], mean)
        rest = found[[0, 2, 3]].clone()
        if features.kind == "sequence":  # a channel without any number
            torch.testing.assert_close(rest[0, :, 1], mean[:, 1])
            rest[0, :, 1] = 2.5
        torch.testing.assert_close(rest, torch.full_like(rest, 2.5))
        found.sum().backward()
        assert inputs.grad.isfinite().all()

    def test_a_smooth_ramp_stays_and_a_spike_spreads(self):
        inputs = torch.zeros(1, 1, 15, 15)
        inputs[..., 7, 7] = 1
        found = Blur(1.0).apply(inputs, torch.ones(1, 1, 15, 15) > 0, generator(0), context_of(IMAGE))
        assert found.sum().item() == pytest.approx(1, abs=1e-6)
        assert torch.equal(found, found.transpose(2, 3))
        assert (found[0, 0, 7, 4:11] > 0).all()
        assert found[0, 0, 7, 3] == 0

    def test_kernels_larger_than_the_data_are_refused_and_the_remedy_works(self):
        message = r"needs a kernel of 11 cells, and the data have 9 along an axis; set fill\.sigma to 1\.33 or less"
        with pytest.raises(ConfigError, match=message):
            Blur(1.5).check(IMAGE)
        Blur(1.33).check(IMAGE)
        with pytest.raises(ConfigError, match=r"have 1 along an axis; use mask/fill=mean"):
            Blur(0.1).check(Features("image", (2, 1, 9)))
        Blur(1.5).check(SEQUENCE)


@pytest.mark.parametrize("fill", [Placeholder(), SaltPepper(), Blur()], ids=str)
@pytest.mark.parametrize("features", [IMAGE, SEQUENCE], ids=lambda features: features.kind)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_precisions_keep_their_type_and_meet_the_same_draws(fill, features, dtype):
    context, inputs = context_of(features), random_inputs(30, features.shape).to(dtype)
    hidden = some_hidden(30, features)
    found = fill.apply(inputs, hidden, generator(0), context)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.float(), fill.apply(inputs.float(), hidden, generator(0), context), rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize(
    ("fill", "features", "message"),
    [
        (Placeholder(0.0), COLUMNS, r"fill\.gap is a number of standard deviations above 0, not 0\.0"),
        (Placeholder(math.nan), COLUMNS, r"fill\.gap .* not nan"),
        (SaltPepper(1.1), COLUMNS, r"fill\.salt is the share of high values and lies in \[0, 1\], not 1\.1"),
        (SaltPepper(math.nan), COLUMNS, r"fill\.salt .* not nan"),
        (Blur(0.0), IMAGE, r"fill\.sigma is the width of the blur in cells and above 0, not 0\.0"),
        (Blur(math.inf), IMAGE, r"fill\.sigma .* not inf"),
        (Blur(), COLUMNS, r"Blur writes into image or sequence, and these data are columns"),
        (Learned(), TOKENS, r"Learned writes into columns or image or sequence, and these data are tokens"),
        (Placeholder(), TOKENS, r"Placeholder writes into"),
        (SaltPepper(), TOKENS, r"SaltPepper writes into"),
    ],
)
def test_what_cannot_be_is_refused(fill, features, message):
    with pytest.raises(ConfigError, match=message):
        fill.check(features)


@every_kind
@pytest.mark.parametrize("fill", [Learned(), Placeholder(), SaltPepper()], ids=str)
def test_none_shrinks_its_input_by_a_factor(fill, features):
    fill.check(features)
    assert fill.expected_scale(0.5) is None
