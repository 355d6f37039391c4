"""Filters and components, checked against SciPy and scikit-learn used directly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import median_filter
from scipy.signal import wiener
from sklearn import decomposition

from maskbench.data.preprocess import denoising
from maskbench.data.preprocess.denoising import PCA, Median, Wiener
from maskbench.description import Features
from maskbench.errors import ConfigError, DataError
from tests.helpers import globals_as_found

IMAGE, SEQUENCE, COLUMNS = Features("image", (2, 9, 8)), Features("sequence", (12, 2)), Features("columns", (6,))


def images(rows: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(50, 3, (rows, 2, 9, 8)).astype(np.float32)


def sequences() -> np.ndarray:
    """Of lengths 12, 12, 7, 1 and 0."""
    inputs = np.random.default_rng(0).normal(50, 3, (5, 12, 2)).astype(np.float32)
    for row, length in enumerate((12, 12, 7, 1, 0)):
        inputs[row, length:] = np.nan
    return inputs


@pytest.mark.parametrize("size", [3, 5])
def test_median_of_each_channel_as_scipy(size):
    found = Median(size).fit(images(), IMAGE)(images())
    for row, channel in np.ndindex(5, 2):
        np.testing.assert_array_equal(found[row, channel], median_filter(images()[row, channel], size))
    found = Median(size).fit(sequences(), SEQUENCE)(sequences())
    for row, length in enumerate((12, 12, 7, 1, 0)):
        assert np.isnan(found[row, length:]).all()
        for channel in range(2):
            expected = median_filter(sequences()[row, :length, channel], size) if length else []
            np.testing.assert_array_equal(found[row, :length, channel], expected)


@pytest.mark.parametrize("size", [3, 5])
def test_wiener_as_scipy_away_from_the_border(size):
    """With noise as scipy.signal.wiener takes it, from windows that lie within a larger picture."""
    found = Wiener(size).fit(images(), IMAGE)(images())
    half = size // 2
    for row, channel in np.ndindex(5, 2):
        image = images()[row, channel].astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, half, "symmetric"), (size, size))
        expected = wiener(np.pad(image, size, "symmetric"), size, noise=windows.var((2, 3)).mean())
        np.testing.assert_allclose(found[row, channel], expected[size:-size, size:-size], rtol=1e-5)


def test_wiener_along_time_leaves_padding_out():
    found = Wiener().fit(sequences(), SEQUENCE)(sequences())
    for row, length in ((0, 12), (1, 12), (2, 7)):
        series = sequences()[row, :length, 1].astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(series, 1, "symmetric"), 3)
        expected = wiener(np.pad(series, 3, "symmetric"), 3, noise=windows.var(1).mean())
        np.testing.assert_allclose(found[row, :length, 1], expected[3:-3], rtol=1e-5)
        assert np.isnan(found[row, length:]).all()
    np.testing.assert_array_equal(found[3], sequences()[3])


def test_wiener_leaves_flat_pictures_and_steps_finite():
    flat = np.zeros((2, 2, 9, 8), np.float32)
    flat[1] = 7
    np.testing.assert_array_equal(Wiener().fit(flat, IMAGE)(flat), flat)
    flat[:, :, 4:] = 1
    assert np.isfinite(Wiener().fit(flat, IMAGE)(flat)).all()


def test_wiener_does_not_mind_where_0_is():
    high = images() * 0.3 + 3000
    low = (high.astype(np.float64) - 3000).astype(np.float32)
    found = [Wiener().fit(inputs, IMAGE)(inputs).astype(np.float64) for inputs in (low, high)]
    np.testing.assert_allclose(found[0], found[1] - 3000, atol=1e-3)


@pytest.mark.parametrize("size", [3, 5])
def test_wiener_of_flat_pictures_of_any_grey(size):
    values = np.linspace(0.1, 5000, 300, dtype=np.float32)[:, None, None, None]
    flat = np.broadcast_to(values, (300, 2, 9, 8)).copy()
    np.testing.assert_allclose(Wiener(size).fit(flat, IMAGE)(flat), flat, rtol=1e-6)


def test_noise_becomes_less():
    clean = np.tile(np.sin(np.linspace(0, 6, 200, dtype=np.float32))[:, None], (20, 1, 1))
    noisy = clean + np.random.default_rng(0).normal(0, 0.3, clean.shape).astype(np.float32)
    for step in (Median(5), Wiener(5)):
        found = step.fit(noisy, Features("sequence", (200, 1)))(noisy)
        assert np.square(found - clean).mean() < 0.6 * np.square(noisy - clean).mean()


def test_many_rows_in_chunks(monkeypatch):
    whole = Wiener().fit(images(11), IMAGE)(images(11))
    monkeypatch.setattr(denoising, "CHUNK", 4)
    np.testing.assert_array_equal(Wiener().fit(images(11), IMAGE)(images(11)), whole)


@pytest.mark.parametrize("components", [2, 0.8])
def test_components_as_scikit_learn(components):
    rng = np.random.default_rng(0)
    inputs = (rng.normal(size=(60, 3)) @ rng.normal(size=(3, 6)) + rng.normal(0, 0.3, (60, 6)) + 5).astype(np.float32)
    found = PCA(components).fit(inputs[:40], COLUMNS)
    oracle = decomposition.PCA(components, svd_solver="full").fit(inputs[:40].astype(np.float64))
    expected = oracle.inverse_transform(oracle.transform(inputs.astype(np.float64)))
    np.testing.assert_allclose(found(inputs), expected, rtol=1e-4, atol=1e-5)
    assert 1 <= np.linalg.matrix_rank(found(inputs) - found.mean, tol=1e-3) < 6


def test_components_of_wide_tables_are_no_draw():
    inputs = np.random.default_rng(0).normal(size=(520, 510)).astype(np.float32)
    with globals_as_found():
        PCA(5).fit(inputs, Features("columns", (510,)))


@pytest.mark.parametrize(
    ("step", "features", "said"),
    [
        (
            Median(),
            COLUMNS,
            "denoise=median filters images and sequences, and these data are columns; choose pca or none",
        ),
        (Wiener(), Features("tokens", (5,)), "denoise=wiener .* these data are tokens; choose none"),
        (Median(4), IMAGE, "size=4 is out of range: it must be an odd number from 3"),
        (Wiener(1), IMAGE, "size=1 is out of range"),
        (PCA(), IMAGE, "denoise=pca is for tables, and these data are image; choose median, wiener or none"),
        (PCA(), Features("tokens", (5,)), "these data are tokens; choose none"),
        (PCA(), Features("columns", (6,), levels=(0, 0, 3, 0, 0, 0)), "preprocess/encode=one_hot"),
        (PCA(0), COLUMNS, "components=0 is out of range"),
        (PCA(1.0), COLUMNS, "components=1.0 is out of range"),
        (PCA(7), COLUMNS, "components=7 is out of range.* from 1 to 6"),
    ],
    ids=str,
)
def test_what_cannot_be(step, features, said):
    with pytest.raises(ConfigError, match=said):
        step.check(features)


@pytest.mark.parametrize(
    ("step", "features", "inputs"),
    [(Median(), IMAGE, images()), (Wiener(), SEQUENCE, sequences()), (PCA(), COLUMNS, np.eye(6, dtype=np.float32))],
    ids=str,
)
def test_gaps_are_refused_wherever_they_are(step, features, inputs):
    gappy = inputs.copy()
    gappy[0, ..., 0] = np.nan
    said = f"denoise={type(step).__name__.lower()} takes no gaps, and the inputs have .* preprocess/impute=mean"
    with pytest.raises(DataError, match=said):
        step.fit(gappy, features)
    with pytest.raises(DataError, match=said):
        step.fit(inputs, features)(gappy)


def test_more_components_than_train_rows():
    inputs = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    with pytest.raises(DataError, match="components=5 is more than the 4 train rows"):
        PCA(5).fit(inputs, COLUMNS)
