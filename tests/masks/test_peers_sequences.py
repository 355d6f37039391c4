"""What other masks of sequences and texts really hide, against what they are asked for, and ours beside them.

Peers that are installed are called; published rules without a package are written out as published.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest

from maskbench.masks.contract import Pattern
from maskbench.masks.spans import BlockSeeds, DropBlock, FixedSpans, MarkovSpans
from maskbench.masks.strips import Strips
from maskbench.masks.token_spans import ExactSpans, GeometricSpans
from tests.masks.test_spans import batch_of, close, generator, shares, tensor
from tests.masks.test_token_spans import plain

SAMPLES = 4096


def ours_is_exact(pattern: Pattern, shape: tuple[int, ...], rate: float) -> bool:
    """Whether our own mask has the rate in expectation."""
    batch = plain(SAMPLES, *shape) if len(shape) == 1 else batch_of(SAMPLES, shape)
    return close(shares(pattern.sample(batch, tensor(rate), generator(0)), batch), rate)


@contextlib.contextmanager
def peer(package: str, seen: str, module: str) -> Iterator[Any]:
    """An installed peer of the version that was looked at, with NumPy's global stream seeded and put back."""
    pytest.importorskip(package, reason="the peer is not installed")
    if version(package) != seen:
        pytest.skip(f"measured on {package} {seen}")
    state = np.random.get_state()  # noqa: NPY002
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            np.random.seed(0)  # noqa: NPY002
            yield import_module(module)
    finally:
        np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("steps", "asked", "least", "found"),
    [(500, 0.05, 2, 0.049), (100, 0.05, 2, 0.19), (49, 0.05, 2, 0.365), (500, 0.65, 0, 0.49)],
)
def test_wav2vec2_in_transformers_hides_too_much_of_short_and_too_little_of_long_series(steps, asked, least, found):
    with peer("transformers", "5.23.0", "transformers.models.wav2vec2.modeling_wav2vec2") as module:
        calls = [module._compute_mask_indices((100, steps), asked, 10, min_masks=least) for _ in range(40)]
    realised = np.concatenate(calls).mean(1)
    assert abs(realised.mean() - found) <= 5 * realised.std() / len(realised) ** 0.5 + 5e-3
    assert ours_is_exact(FixedSpans(length=10), (steps, 2), asked)


def test_wav2vec2_in_transformers_rounds_once_for_a_whole_batch():
    """At 0.05 of 100 steps in spans of 10, half of the batches are untouched and the others not at all."""
    with peer("transformers", "5.23.0", "transformers.models.wav2vec2.modeling_wav2vec2") as module:
        touched = [module._compute_mask_indices((50, 100), 0.05, 10).any(1).mean() for _ in range(40)]
    assert set(touched) == {0.0, 1.0}


def spanbert(tokens: int, rate: float, random: np.random.Generator) -> int:
    """Tokens that SpanBERT hides of so many: its budget is rounded up."""
    budget, hidden = int(np.ceil(tokens * rate)), set[int]()
    chances = 0.2 * 0.8 ** np.arange(10)
    while len(hidden) < budget:
        length = random.choice(np.arange(1, 11), p=chances / chances.sum())
        start = random.integers(tokens)
        if start not in hidden:
            hidden |= set(range(start, min(start + length, start + budget - len(hidden), tokens)))
    return len(hidden)


@pytest.mark.parametrize(("tokens", "found"), [(10, 0.2), (30, 5 / 30)])
def test_spanbert_rounds_its_budget_up(tokens, found):
    random = np.random.default_rng(0)
    assert {spanbert(tokens, 0.15, random) / tokens for _ in range(200)} == {found}
    assert ours_is_exact(GeometricSpans(), (tokens,), 0.15)


def t5(tokens: int, rate: float, random: np.random.Generator) -> np.ndarray:
    """`random_spans_noise_mask` of T5, as published, without its optional turn."""
    count = min(max(round(tokens * rate), 1), tokens - 1)
    spans = max(round(count / 3.0), 1)

    def pieces(items: int) -> np.ndarray:
        first = np.concatenate([[True], random.permutation(np.arange(items - 1) < spans - 1)])
        return np.bincount(np.cumsum(first) - 1)

    lengths = np.stack([pieces(tokens - count), pieces(count)], axis=1).ravel()
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


@pytest.mark.parametrize(
    ("tokens", "rate", "found"), [(10, 0.0, 0.1), (2, 1.0, 0.5), (10, 0.15, 0.2), (30, 0.15, 4 / 30)]
)
def test_t5_hides_at_least_one_token_and_never_all(tokens, rate, found):
    random = np.random.default_rng(0)
    masks = np.array([t5(tokens, rate, random) for _ in range(200)])
    assert set(masks.mean(1)) == {found}
    assert masks[:, -1].all()  # and always the last one, which our turn prevents
    assert not masks[:, 0].any()
    assert ours_is_exact(ExactSpans(), (tokens,), rate)


def zerveas(steps: int, rate: float, length: float, random: np.random.Generator) -> np.ndarray:
    """`geom_noise_mask_single` of mvts_transformer, with True for hidden."""
    leave = 1 / length
    enter = leave * rate / (1 - rate)
    hidden = np.empty(steps, dtype=bool)
    state = random.random() < rate
    for step in range(steps):
        hidden[step] = state
        if random.random() < (leave if state else enter):
            state = not state
    return hidden


@pytest.mark.parametrize(("rate", "found"), [(0.15, 0.15), (0.9, 0.75)])
def test_a_chain_with_a_fixed_run_cannot_pass_its_ceiling(rate, found):
    random = np.random.default_rng(0)
    realised = np.array([zerveas(400, rate, 3, random).mean() for _ in range(200)])
    assert abs(realised.mean() - found) <= 5 * realised.std() / len(realised) ** 0.5 + 2e-3
    assert ours_is_exact(MarkovSpans(), (400, 1), rate)


def torchaudio_strip(cells: int, parameter: int, samples: int, random: np.random.Generator) -> np.ndarray:
    """Shares of the strips of `mask_along_axis_iid`: width and start are cut to whole cells."""
    width = random.random(samples) * parameter
    start = (random.random(samples) * (cells - width)).astype(int)
    stop = start + width.astype(int)
    place = np.arange(cells)
    return ((start[:, None] <= place) & (place < stop[:, None])).mean(1)


@pytest.mark.parametrize(("cells", "parameter", "found"), [(400, 100, 0.124), (80, 27, 0.163)])
def test_strips_of_torchaudio_never_have_the_full_width(cells, parameter, found):
    realised = torchaudio_strip(cells, parameter, 50_000, np.random.default_rng(0))
    assert abs(realised.mean() - found) <= 5 * realised.std() / len(realised) ** 0.5 + 5e-4
    assert realised.max() < parameter / cells
    whole = Strips(width=parameter).implied_rate(batch_of(1, (cells, 2)).features)
    assert whole == parameter / (2 * cells)
    assert ours_is_exact(Strips(), (cells, 1), whole)


@pytest.mark.parametrize(("rate", "found"), [(0.1, 0.094), (0.3, 0.251), (0.5, 0.375)])
def test_the_density_of_dropblock_forgets_that_squares_overlap(rate, found):
    side, cells = 7, 32
    starts = rate * cells**2 / (side**2 * (cells - side + 1) ** 2)
    place = np.arange(cells)
    reaching = np.minimum.reduce([place + 1, np.full(cells, side), cells - place])
    assert (1 - (1 - starts) ** np.outer(reaching, reaching)).mean() == pytest.approx(found, abs=6e-4)
    assert ours_is_exact(DropBlock(side=side), (1, cells, cells), rate)


@pytest.mark.parametrize("asked", [0.1, 0.3, 0.6])
def test_seq_missing_of_pygrinder_forgets_overlap(asked):
    """Runs of 10 in series of 20: at most one run each up to a rate of 0.5; beyond, runs are drawn on top of runs."""
    with peer("pygrinder", "0.7", "pygrinder") as module:
        realised = np.isnan(module.seq_missing(np.zeros((2000, 20, 5)), asked, 10)).mean((1, 2))
    place = np.arange(20)
    reaching = np.minimum.reduce([place + 1, np.full(20, 10), 20 - place]) / 11
    found = asked if asked <= 0.5 else 1 - np.exp(-2 * asked * reaching).mean()
    assert abs(realised.mean() - found) <= 5 * realised.std() / len(realised) ** 0.5 + 1e-3
    assert (asked <= 0.5) == (abs(found - asked) < 0.1)
    assert ours_is_exact(FixedSpans(length=10, separate=True), (20, 5), asked)


@pytest.mark.parametrize("factor", [0.001, 0.1])
def test_the_factor_of_block_missing_of_pygrinder_is_not_a_rate(factor):
    """It counts once for each of the 37 columns in which a block may start, and forgets overlap."""
    with peer("pygrinder", "0.7", "pygrinder") as module:
        realised = np.isnan(module.block_missing(np.zeros((64, 48, 37)), factor, 6, 1)).mean()
    place = np.arange(48)
    reaching = np.minimum.reduce([place + 1, np.full(48, 6), 48 - place]) / 43
    blocks = factor * 37 * 48 / 6  # per column
    found = factor * 37 if blocks <= 1 else 1 - np.exp(-blocks * reaching).mean()  # 3.7 % and 94.8 %
    assert realised == pytest.approx(found, abs=2e-3)
    assert found > 9 * factor
    assert ours_is_exact(BlockSeeds(time_cells=6, channel_cells=1), (48, 37), factor)
