"""Missingness: rates exact on the train part, mechanisms that look at what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch
from maskbench.masks.missing import Curves, MarLogistic, Mnar
from tests.helpers import generator, globals_as_found
from tests.masks.missingness import LIMIT, RATES, close, context, draw, frequencies, intercept, table

# The curves


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 60), st.integers(1, 4), st.floats(0, 20), st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.integers(0, 2**31),
)  # fmt: skip
def test_the_mean_chance_on_the_train_part_is_the_share(rows, columns, scale, shares, seed):
    scores = torch.from_numpy(np.random.default_rng(seed).standard_t(3, size=(rows, columns))).float() * scale
    curves = Curves.of(scores)
    for share in (*shares, 0.0, 1.0):
        chances = curves.chances(scores, torch.tensor([share], dtype=torch.float64))
        assert chances.shape == scores.shape
        assert torch.allclose(chances.double().mean(0), torch.tensor(share, dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("share", [1e-4, 0.01, 0.1, 0.3, 0.5, 0.77, 0.99, 0.9999])
def test_the_curve_is_the_logistic_one(share):
    rng = np.random.default_rng(3)
    scores = np.stack([rng.normal(size=800), rng.integers(0, 2, 800) * 2.0 - 1, rng.standard_t(4, size=800)], 1)
    scores /= scores.std(0)
    curves = Curves.of(torch.from_numpy(scores))
    found = (
        curves.chances(torch.from_numpy(scores).float(), torch.tensor([share], dtype=torch.float64)).double().numpy()
    )
    expected = np.stack([expit(column + intercept(column, share)) for column in scores.T], 1)
    assert abs(scores).max() < 7
    assert abs(found - expected).max() < 0.001


def test_shares_per_sample_are_those_of_a_batch_with_that_share():
    scores = torch.from_numpy(np.random.default_rng(5).normal(size=(7, 3, 2))).float()
    curves = Curves.of(scores.flatten(0, 1))
    shares = torch.linspace(0, 1, 7, dtype=torch.float64)
    together = curves.chances(scores, shares)
    for number in range(7):
        alone = curves.chances(scores[number : number + 1], shares[number : number + 1])[0]
        assert torch.allclose(together[number], alone, rtol=0, atol=1e-6)


def test_shares_0_and_1_hold_for_any_score():
    curves = Curves.of(torch.tensor([[0.0, 200.0], [1.0, -200.0]]))
    anything = torch.tensor([-1e30, -300.0, 0.0, 300.0, 1e30])[:, None].expand(5, 2)
    for share in (0.0, 1.0):
        assert (curves.chances(anything, torch.tensor([share], dtype=torch.float64)) == share).all()


def test_missing_train_cells_do_not_count():
    scores = torch.tensor([[0.5, 1.0], [-1.0, math.nan], [2.0, -1.0], [0.1, math.nan]])
    alone = Curves.of(torch.tensor([[1.0], [-1.0]])).shares[0]
    reach = Curves.of(scores)
    chances = reach.chances(scores[[0, 2]], torch.tensor([0.3], dtype=torch.float64))
    assert chances[:, 1].double().mean().item() == pytest.approx(0.3, abs=1e-6)
    assert alone[0] == 0
    assert alone[-1] == 1


# Missing at random


@pytest.mark.parametrize(
    ("columns", "observed", "kept"),
    [
        (2, 0.01, 1),
        (2, 0.99, 1),
        (3, 0.9, 2),
        (5, 0.5, 3),
        (10, 0.3, 3),
        (10, 0.29, 3),
        (100, 0.29, 29),
        (50, 0.58, 29),
    ],
)
def test_the_count_of_observed_columns_is_rounded(columns, observed, kept):
    rows = table(columns, 200)
    pattern = MarLogistic(observed=observed).fit(context(rows))
    hidden = draw(pattern, rows.repeat(20, 1), 0.9 * (1 - kept / columns))
    assert (~hidden.any(0)).sum() == kept == pattern.kept(columns)


@pytest.mark.parametrize("columns", [2, 3, 7, 64])
@pytest.mark.parametrize("rate", RATES)
def test_mar_hides_the_rate_of_the_train_part(columns, rate):
    rows = table(columns)
    pattern = MarLogistic().fit(context(rows))
    ceiling = 1 - pattern.kept(columns) / columns
    rate = min(rate, ceiling)
    found = draw(pattern, rows.repeat(8, 1), rate).double()
    share = rate / ceiling
    error = (share * (1 - share) / len(found)) ** 0.5
    going = found.mean(0)[found.any(0)]
    assert ((going - share).abs() <= LIMIT * error + 1e-12).all()  # every column that may go missing
    assert abs(found.mean().item() - rate) <= LIMIT * ceiling * error + 1e-12


def test_mar_is_logistic_in_the_observed_columns_with_the_intercept_of_another_search():
    rows = table(6, 300)
    pattern = MarLogistic().fit(context(rows))
    learned = pattern._learned
    assert learned is not None
    scores = ((rows[:, learned.observed].double() - learned.mean) @ learned.weights.double()).numpy()
    assert scores.std(0) == pytest.approx(1, abs=1e-4)
    assert scores.mean(0) == pytest.approx(0, abs=1e-4)
    share = 0.35 / (4 / 6)
    expected = np.stack([expit(column + intercept(column, share)) for column in scores.T], 1)
    found = frequencies(pattern, rows, 0.35)
    assert close(found[:, learned.others], torch.from_numpy(expected), 400)
    assert (found[:, learned.observed] == 0).all()


def test_mar_looks_at_observed_columns_only():
    rows = table(7)
    pattern = MarLogistic().fit(context(rows))
    observed = ~draw(pattern, rows, 0.5).any(0)
    before, noise = draw(pattern, rows, 0.3), torch.randn(rows.shape, generator=generator(9)) * 3
    assert torch.equal(before, draw(pattern, rows + noise * ~observed, 0.3))
    assert not torch.equal(before, draw(pattern, rows + noise * observed, 0.3))


@pytest.mark.parametrize("make", [MarLogistic, Mnar, lambda: Mnar(slope=2.0)])
def test_a_rate_per_sample(make):
    rows = table(7)
    pattern = make().fit(context(rows))
    twice = torch.cat([rows, rows])
    rates = torch.tensor([0.1, 0.45], dtype=torch.float64).repeat_interleave(len(rows))
    found = frequencies(pattern, twice, rates, draws=20)
    for part, rate in ((found[: len(rows)], 0.1), (found[len(rows) :], 0.45)):
        assert abs(part.mean().item() - rate) <= LIMIT * (rate * (1 - rate) / (20 * part.numel())) ** 0.5
    assert torch.equal(draw(pattern, twice, rates)[: len(rows)], draw(pattern, twice, 0.1)[: len(rows)])


def test_a_mechanism_has_its_number_and_no_other_randomness():
    rows = table(20)
    with globals_as_found():
        first, again, other = (MarLogistic(mechanism=number).fit(context(rows)) for number in (0, 0, 1))
    assert torch.equal(draw(first, rows, 0.3), draw(again, rows, 0.3))
    assert not torch.equal(draw(first, rows, 0.3).any(0), draw(other, rows, 0.3).any(0))
    assert first == MarLogistic()  # what is learnt is no setting


def test_scale_and_place_of_columns_do_not_matter():
    rows = torch.from_numpy(np.random.default_rng(2).normal(size=(500, 6))).float()
    plain = MarLogistic().fit(context(rows))
    moved = rows * 8 + 1024
    assert (draw(plain, rows, 0.3) ^ draw(MarLogistic().fit(context(moved)), moved, 0.3)).double().mean() < 1e-3


def test_gaps_in_the_other_columns_are_left_out():
    rows = table(6)
    others = draw(MarLogistic().fit(context(rows)), rows, 0.6).any(0)
    rows[(torch.rand(rows.shape, generator=generator(4)) < 0.4 * rows.sigmoid()) & others] = math.nan
    pattern = MarLogistic().fit(context(rows))
    there = ~rows.isnan()
    found = frequencies(pattern, rows, 0.3, draws=100)
    assert (found[~there] == 0).all()
    assert abs(found[there].mean().item() - 0.3) <= LIMIT * (0.3 * 0.7 / (100 * there.sum().item())) ** 0.5
    ceiling = (there & others).sum().item() / there.sum().item()
    assert torch.equal(draw(pattern, rows, ceiling), there & others)
    with pytest.raises(ConfigError, match=rf"rate=0\.6\d* is a share of all cells, and only {ceiling:.4g} are in"):
        draw(pattern, rows, 0.66)


def test_a_gap_in_an_observed_column_of_another_part_counts_as_the_mean():
    rows = table(5)
    pattern = MarLogistic().fit(context(rows))
    observed = ~draw(pattern, rows, 0.5).any(0)
    gaps = torch.where(observed, math.nan, rows)
    means = torch.where(observed, rows.double().mean(0).float(), rows)
    assert torch.equal(draw(pattern, gaps, 0.3), draw(pattern, means, 0.3))
    assert draw(pattern, gaps, 0.3).any()


# What both keep


EVERY = (MarLogistic(), Mnar(), Mnar(slope=1.0))


@pytest.mark.parametrize("pattern", EVERY)
def test_rates_nest_and_draws_do_not_depend_on_them(pattern):
    rows = table(9)
    fitted, before = pattern.fit(context(rows)), torch.zeros(rows.shape, dtype=torch.bool)
    states = set()
    for rate in (0.0, 0.01, 0.1, 0.3, 0.3001, 0.6, 2 / 3):
        stream = generator(0)
        now = fitted.sample(Batch.of(rows, context(rows).features), torch.tensor([rate], dtype=torch.float64), stream)
        states.add(stream.get_state().numpy().tobytes())
        assert not (before & ~now).any()
        before = now
    assert len(states) == 1


@pytest.mark.parametrize("pattern", EVERY)
@pytest.mark.parametrize("samples", [0, 1])
def test_tiny_batches(pattern, samples):
    rows = table(5)
    fitted = pattern.fit(context(rows))
    assert draw(fitted, rows[:samples], 0.3).shape == (samples, 5)
    assert draw(fitted, rows[:samples], torch.full((samples,), 0.3, dtype=torch.float64)).shape == (samples, 5)


@pytest.mark.parametrize("pattern", EVERY)
def test_nothing_is_changed_and_what_is_fitted_stays(pattern):
    rows = table(5)
    copy = rows.clone()
    fitted = pattern.fit(context(rows))
    with globals_as_found():
        draw(fitted, rows, 0.3)
    assert torch.equal(rows, copy)
    first = draw(fitted, rows[:100], 0.3)
    assert torch.equal(first, draw(pattern.fit(context(copy)), rows[:100], 0.3))  # the batch teaches nothing
    assert pattern._learned is None


@pytest.mark.parametrize("pattern", EVERY)
def test_an_unfitted_pattern_is_a_bug(pattern):
    with pytest.raises(RuntimeError, match="has to be fitted to the train part"):
        draw(pattern, table(5), 0.3)


# Refusals

COLUMNS = Features("columns", (10,))


@pytest.mark.parametrize(
    ("pattern", "features", "rate", "message"),
    [
        (MarLogistic(), Features("sequence", (5, 2)), 0.3, "hides cells of columns, and these data are sequence"),
        (Mnar(), Features("image", (1, 8, 8)), 0.3, "hides cells of columns or sequence, and these data are image"),
        (MarLogistic(observed=0.0), COLUMNS, 0.3, "observed is a share of the columns between 0 and 1, not 0.0"),
        (MarLogistic(observed=1.0), COLUMNS, 0.3, "observed is a share of the columns between 0 and 1, not 1.0"),
        (MarLogistic(observed=math.nan), COLUMNS, 0.3, "observed is a share of the columns between 0 and 1, not nan"),
        (MarLogistic(mechanism=0.5), COLUMNS, 0.3, "mechanism is a whole number that names a mechanism, not 0.5"),
        (MarLogistic(), Features("columns", (1,)), 0.3, "these data have one; use mnar_self"),
        (MarLogistic(), COLUMNS, 0.71, "only 0.7 are in columns that may go missing; lower mask.rate or pattern.obs"),
        (Mnar(side="up"), COLUMNS, 0.3, "pattern.side is high or low, not 'up'"),
        (Mnar(slope=0.0), COLUMNS, 0.3, "pattern.slope is above 0, not 0.0; use pattern.side=low for low"),
        (Mnar(slope=-1.0), COLUMNS, 0.3, "pattern.slope is above 0, not -1.0"),
        (Mnar(slope=math.nan), COLUMNS, 0.3, "pattern.slope is above 0, not nan"),
    ],
)
def test_settings_that_cannot_be(pattern, features, rate, message):
    with pytest.raises(ConfigError, match=message):
        pattern.check(features, rate)


def test_what_can_be_is_not_refused():
    MarLogistic().check(COLUMNS, 0.7)
    MarLogistic(observed=0.5).check(Features("columns", (2,)), 0.5)
    Mnar(slope=1.0).check(Features("sequence", (5, 2)), 1.0)


def test_train_parts_that_cannot_be():
    rows = table(6)
    observed = (~draw(MarLogistic().fit(context(rows)), rows, 0.6).any(0)).nonzero().flatten().tolist()
    gaps, constant, empty = rows.clone(), rows.clone(), rows.clone()
    gaps[3, observed[0]] = math.nan
    with pytest.raises(
        ConfigError, match=f"columns {observed[0]} decide .* missing values themselves; fill them, choo"
    ):
        MarLogistic().fit(context(gaps))
    constant[:, observed] = 0.1
    with pytest.raises(ConfigError, match=f"columns {observed[0]}, {observed[1]} decide .* constant; choose other"):
        MarLogistic().fit(context(constant))
    constant[:, observed[0]] = rows[:, observed[0]]
    fitted = MarLogistic().fit(context(constant))  # one that varies is enough, and the other has no say
    constant[:, observed[1]] = rows[:, observed[1]] - 5
    moved = draw(fitted, constant, 0.3)
    constant[:, observed[1]] = 0.1
    assert torch.equal(moved, draw(fitted, constant, 0.3))
    empty[:, 4] = math.nan
    for pattern in (MarLogistic(), Mnar(), Mnar(slope=1.0)):
        with pytest.raises(ConfigError, match="columns 4 have no value in the train part; drop them"):
            pattern.fit(context(empty))
    with pytest.raises(ConfigError, match="all columns are constant on the train part"):
        Mnar().fit(context(torch.full((50, 3), 0.1)))
