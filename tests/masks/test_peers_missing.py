"""Missingness next to PyGrinder: the same shares, the calibration of both, and what to know about theirs.

Statements about the peer are those of version 0.7; a failing one may be a peer that got better.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats

from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.exact_count import ExactCount
from maskbench.masks.missing import MarLogistic, Mnar
from tests.masks.missingness import context, draw

ROWS, COLUMNS = 500, 10
Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def peer() -> Iterator[ModuleType]:
    """PyGrinder, which talks while it is imported; the global generators it draws from are put back."""
    before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("pygrinder", reason="the peer is not installed")
    if version("pygrinder") != "0.7":
        pytest.skip("statements about the peer are for version 0.7")
    yield module
    torch.set_rng_state(before[0])
    np.random.set_state(before[1])  # noqa: NPY002


def seeded(function: Draw, rows: np.ndarray, *settings: float, numpy: int = 0, torch_seed: int = 0) -> np.ndarray:
    """What the peer makes missing in a copy of the rows."""
    np.random.seed(numpy)  # noqa: NPY002
    torch.manual_seed(torch_seed)
    return np.isnan(function(rows.copy(), *settings))


def normal(rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_mcar_is_bernoulli(peer, rate):
    rows = normal(20_000)
    ours = draw(Bernoulli(), torch.from_numpy(rows), rate).sum(1).numpy()
    theirs = seeded(peer.mcar, rows, rate).sum(1)
    counts = np.stack([np.bincount(found, minlength=COLUMNS + 1) for found in (ours, theirs)])
    counts = counts[:, counts.sum(0) > 20]
    assert stats.chi2_contingency(counts).pvalue > 1e-6


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_rdo_is_an_exact_count_over_the_batch(peer, rate):
    rows = normal(30, 7)
    rows[np.random.default_rng(1).random(rows.shape) < 0.2] = np.nan
    there = ~np.isnan(rows)
    pattern = ExactCount(over="batch")
    many = range(1000)
    ours = np.stack([draw(pattern, torch.from_numpy(rows), rate, seed).numpy() for seed in many])
    theirs = np.stack([seeded(peer.rdo, rows, rate, numpy=seed) & there for seed in many])
    wanted = rate * there.sum()
    assert (theirs.sum((1, 2)) == round(wanted)).all()
    assert (abs(ours.sum((1, 2)) - wanted) < 1).all()
    error = (rate * (1 - rate) / 1000) ** 0.5
    for found in (ours, theirs):
        assert (abs(found.mean(0)[there] - rate) <= 5 * error + 0.5 / there.sum()).all()  # every cell alike


def test_rdo_of_the_peer_rounds_and_ours_is_exact_on_average(peer):
    rows = np.ones((1, 5), dtype=np.float32)
    assert {int(seeded(peer.rdo, rows, 0.5, numpy=seed).sum()) for seed in range(20)} == {2}  # 2.5 to the even side
    ours = np.array([draw(ExactCount(over="batch"), torch.ones(1, 5), 0.5, seed).sum().item() for seed in range(2000)])
    assert abs(ours.mean() - 2.5) <= 5 * 0.5 / 2000**0.5


def test_mar_calibration_of_both(peer):
    """Both hide what was asked for in the columns that go missing; the peer's rate is not a share of all cells."""
    rows = normal(2000)
    error = (0.3 * 0.7 / (2000 * 7)) ** 0.5  # 0.0039
    theirs = np.mean([seeded(peer.mar_logistic, rows, 0.3, 0.3, numpy=s, torch_seed=s).mean() for s in range(20)])
    assert abs(theirs / 0.7 - 0.3) <= 5 * error / 20**0.5
    assert theirs == pytest.approx(0.21, abs=0.005)
    pattern = MarLogistic(observed=0.3).fit(context(torch.from_numpy(rows)))
    ours = np.mean([draw(pattern, torch.from_numpy(rows), 0.3, seed).double().mean().item() for seed in range(20)])
    assert abs(ours - 0.3) <= 5 * error / 20**0.5


def test_mar_of_the_peer_needs_both_global_generators(peer):
    rows = normal()
    first = seeded(peer.mar_logistic, rows, 0.3, 0.3)
    assert np.array_equal(first, seeded(peer.mar_logistic, rows, 0.3, 0.3))
    only_numpy = seeded(peer.mar_logistic, rows, 0.3, 0.3, torch_seed=1)
    only_torch = seeded(peer.mar_logistic, rows, 0.3, 0.3, numpy=1)
    assert not np.array_equal(first, only_numpy)
    assert not np.array_equal(first, only_torch)
    assert np.array_equal(first.any(0), only_numpy.any(0))  # NumPy draws the columns, torch the rest
    assert not np.array_equal(first.any(0), only_torch.any(0))


@pytest.mark.parametrize(
    ("columns", "observed", "theirs", "ours"), [(5, 0.5, 2, 3), (10, 0.29, 2, 3), (100, 0.29, 28, 29)]
)
def test_mar_of_the_peer_truncates_the_count_of_observed_columns(peer, columns, observed, theirs, ours):
    missing = seeded(peer.mar_logistic, normal(columns=columns), observed, 0.5)
    assert (~missing.any(0)).sum() == theirs
    assert MarLogistic(observed=observed).kept(columns) == ours


def test_mar_of_the_peer_wants_columns_around_0(peer):
    rows = normal() + 100
    with pytest.raises(ValueError, match="must have different signs"):
        seeded(peer.mar_logistic, rows, 0.3, 0.3)
    pattern = MarLogistic().fit(context(torch.from_numpy(rows)))
    found = draw(pattern, torch.from_numpy(rows), 0.3).double().mean().item()
    assert abs(found - 0.3) <= 5 * (0.3 * 0.7 / rows.size) ** 0.5


def test_mar_of_the_peer_writes_into_float32_arrays(peer):
    rows = normal()
    peer.mar_logistic(rows, 0.3, 0.3)
    assert np.isnan(rows).any()
    wide = normal().astype(np.float64)
    peer.mar_logistic(wide, 0.3, 0.3)
    assert not np.isnan(wide).any()


@pytest.mark.parametrize(
    ("name", "offset", "theirs"),
    [("normal", 0.5244, 0.303), ("exponential", 0.5244, 0.227), ("normal", 0.0, 0.502), ("lognormal", 0.0, 0.249)],
)
def test_mnar_x_has_a_threshold_and_ours_a_rate(peer, name, offset, theirs):
    """0.5244 deviations leave 30 % of normal data above; of skewed data they leave something else."""
    rng = np.random.default_rng(0)
    shape = (500, 40, 3)
    rows = {
        "normal": lambda: rng.normal(size=shape),
        "exponential": lambda: rng.exponential(size=shape),
        "lognormal": lambda: rng.lognormal(sigma=1.5, size=shape),
    }[name]()
    assert np.isnan(peer.mnar_x(rows, offset)).mean() == pytest.approx(theirs, abs=0.005)
    inputs = torch.from_numpy(rows).float()
    rate = stats.norm.sf(offset)
    shares = draw(Mnar().fit(context(inputs)), inputs, rate).double().mean((0, 1))
    assert ((shares - rate).abs() <= 1 / (500 * 40)).all()


def test_mnar_x_loses_a_whole_series_to_one_gap(peer):
    rows = np.random.default_rng(0).normal(size=(500, 40, 2)).astype(np.float32)
    rows[:, 0, 0] = np.nan
    for values in (rows, torch.from_numpy(rows)):
        missing = np.isnan(np.asarray(peer.mnar_x(values, 0.0)))
        assert missing[..., 0].all()
        assert missing[..., 1].mean() == pytest.approx(0.5, abs=0.02)
    inputs = torch.from_numpy(rows)
    hidden = draw(Mnar().fit(context(inputs)), inputs, 0.5)
    assert (hidden.sum((0, 1)) == torch.tensor([500 * 39 // 2, 500 * 40 // 2])).all()
