"""Scales, checked against scikit-learn used directly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
)

from maskbench.data.preprocess.scaling import MinMax, Quantile, Robust, Transformer
from maskbench.description import Features
from maskbench.errors import ConfigError, DataError

COLUMNS = Features("columns", (4,))
PAIRS = [
    (MinMax(), MinMaxScaler()),
    (MinMax(-1.0, 2.0, clip=True), MinMaxScaler(feature_range=(-1, 2), clip=True)),
    (Robust(), RobustScaler()),
    (Robust(10.0, 80.0), RobustScaler(quantile_range=(10, 80))),
    (Quantile(), QuantileTransformer(n_quantiles=50, output_distribution="normal")),
    (Quantile(20, "uniform"), QuantileTransformer(n_quantiles=20)),
    (Transformer(PowerTransformer()), PowerTransformer()),
]


def table(rows: int = 80, seed: int = 0) -> np.ndarray:
    """Numbers with long tails, gaps and a constant column."""
    rng = np.random.default_rng(seed)
    inputs = np.exp(rng.normal(0, 1.5, (rows, 4))).astype(np.float32)
    inputs[:, 2] = 3
    inputs[rng.random(inputs.shape) < 0.1] = np.nan
    return inputs


@pytest.mark.parametrize(("step", "oracle"), PAIRS, ids=str)
def test_columns_as_scikit_learn(step, oracle):
    train, other = table()[:50], table()[50:]
    step.check(COLUMNS)
    found = step.fit(train, COLUMNS)
    oracle.fit(train.astype(np.float64))
    for rows in (train, other):
        np.testing.assert_allclose(found(rows), oracle.transform(rows.astype(np.float64)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("step", "oracle"), PAIRS, ids=str)
def test_images_and_sequences_per_channel(step, oracle):
    rng = np.random.default_rng(1)
    sequences = rng.gamma(2, 3, (30, 7, 2)).astype(np.float32)
    sequences[:10, 5:] = np.nan
    whole = ~np.isnan(sequences[..., 0])
    found = step.fit(sequences, Features("sequence", (7, 2)))(sequences)
    if isinstance(step, Quantile):
        oracle.set_params(n_quantiles=min(step.quantiles, int(whole.sum())))
    expected = oracle.fit_transform(sequences[whole].astype(np.float64))
    np.testing.assert_allclose(found[whole], expected, rtol=1e-3, atol=1e-3)
    assert np.isnan(found[~whole]).all()
    images = np.ascontiguousarray(sequences[10:].reshape(20, 7, 1, 2).transpose(0, 3, 1, 2))
    found = step.fit(images, Features("image", (2, 7, 1)))(images)
    if isinstance(step, Quantile):
        oracle.set_params(n_quantiles=min(step.quantiles, 140))
    expected = oracle.fit_transform(sequences[10:].reshape(-1, 2).astype(np.float64))
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1).reshape(-1, 2), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("step", [MinMax(), Robust(), Quantile()], ids=str)
def test_codes_of_categories_stay(step):
    inputs = np.nan_to_num(table(), nan=1)
    found = step.fit(inputs, Features("columns", (4,), levels=(0, 0, 5, 0)))(inputs)
    assert (found[:, 2] == inputs[:, 2]).all()
    assert (found[:, [0, 1, 3]] != inputs[:, [0, 1, 3]]).any(0).all()


def test_ranks_are_for_quantities_not_for_columns_of_a_category():
    inputs = np.column_stack([np.arange(10), np.arange(10) % 2, 1 - np.arange(10) % 2]).astype(np.float32)
    found = Quantile().fit(inputs, Features("columns", (3,), blocks=(1, 2)))(inputs)
    assert (found[:, 1:] == inputs[:, 1:]).all()
    assert found[0, 0] < -5


def test_the_quantiles_are_of_all_rows():
    inputs = np.random.default_rng(0).normal(size=(30_000, 1)).astype(np.float32)
    features = Features("columns", (1,))
    first, second = (Quantile(100).fit(inputs, features)(inputs) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    exact = QuantileTransformer(n_quantiles=100, output_distribution="normal", subsample=None).fit_transform(inputs)
    np.testing.assert_allclose(first, exact, atol=1e-4)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (MinMax(1.0, 1.0), r"preprocess.scale.low=1.0 is not below preprocess.scale.high=1.0"),
        (Robust(-1.0, 75.0), "rising per cents from 0 to 100"),
        (Robust(80.0, 20.0), "rising per cents from 0 to 100"),
        (Quantile(1), r"preprocess.scale.quantiles=1 .* at least 2"),
        (Quantile(10, "gauss"), "one of normal, uniform, not 'gauss'"),
        (Transformer(PowerTransformer), "needs fit and transform"),
        (Transformer("yeo-johnson"), "needs fit and transform"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(step, said):
    with pytest.raises(ConfigError, match=said):
        step.check(COLUMNS)


def test_a_transformer_takes_no_tokens():
    with pytest.raises(ConfigError, match="PowerTransformer works on numbers, and these data are tokens"):
        Transformer(PowerTransformer()).check(Features("tokens", (5,)))


def test_an_estimator_that_changes_the_number_of_columns_is_refused():
    inputs = np.nan_to_num(table(), nan=1)
    with pytest.raises(ConfigError, match="PCA makes 2 columns of 4"):
        Transformer(PCA(2)).fit(inputs, COLUMNS)(inputs)


def test_an_estimator_that_takes_no_gaps_says_so():
    with pytest.raises(
        DataError, match=r"KBinsDiscretizer takes no gaps, and the inputs have \d+; .*preprocess/impute"
    ):
        Transformer(KBinsDiscretizer(encode="ordinal")).fit(table(), COLUMNS)
    whole = np.nan_to_num(table(), nan=1)
    fitted = Transformer(PCA()).fit(whole, COLUMNS)
    with pytest.raises(DataError, match="PCA takes no gaps"):
        fitted(table())


def test_what_scikit_learn_refuses_is_said_in_one_line():
    inputs = -np.nan_to_num(table(), nan=1)
    with pytest.raises(DataError, match="PowerTransformer refuses the inputs: The Box-Cox") as caught:
        Transformer(PowerTransformer("box-cox")).fit(inputs, COLUMNS)
    assert "\n" not in str(caught.value)


def test_padding_is_no_gap_to_an_estimator_that_takes_none():
    sequences = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    sequences[1, 2] = np.nan
    found = Transformer(PCA()).fit(sequences, Features("sequence", (3, 2)))(sequences)
    assert np.isnan(found[1, 2]).all()
    np.testing.assert_allclose(found[0, :, 0].mean() * 3 + found[1, :2, 0].sum(), 0, atol=1e-5)


class Wordy:
    def fit(self, table):
        raise ValueError("no\nreally not")

    def transform(self, table):
        raise NotImplementedError


def test_only_the_first_line_of_a_refusal():
    with pytest.raises(DataError, match=r"^preprocess: Wordy refuses the inputs: no$"):
        Transformer(Wordy()).fit(np.ones((3, 4), np.float32), COLUMNS)


def test_infinite_results_are_refused():
    inputs = np.zeros((5, 4), np.float32)
    with np.errstate(divide="ignore"), pytest.raises(DataError, match="FunctionTransformer makes infinite values"):
        Transformer(FunctionTransformer(np.log)).fit(inputs, COLUMNS)(inputs)


def test_the_given_estimator_is_copied_and_its_draws_have_a_seed():
    given = QuantileTransformer(n_quantiles=20, subsample=30)
    inputs = table(200)
    first, second = (Transformer(given).fit(inputs, COLUMNS)(inputs) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not hasattr(given, "quantiles_")
    assert given.random_state is None
    seeded = QuantileTransformer(n_quantiles=20, subsample=30, random_state=0).fit_transform(inputs)
    np.testing.assert_array_equal(first, seeded)


def test_all_columns_empty():
    inputs = np.full((5, 4), np.nan, np.float32)
    assert MinMax().fit(inputs, COLUMNS)(inputs) is inputs
    fitted = MinMax().fit(table(), COLUMNS)
    assert np.isnan(fitted(inputs)).all()
