"""Gaps filled, checked against scikit-learn used directly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from maskbench.data.preprocess.encoding import OneHot
from maskbench.data.preprocess.imputing import STATISTICS, Iterative, Neighbours, Typical, inside
from maskbench.data.preprocess.step import features_after
from maskbench.description import Features
from maskbench.errors import ConfigError

COLUMNS = Features("columns", (4,))
PAIRS = [
    *((Typical(statistic=name), SimpleImputer(strategy=name)) for name in STATISTICS),
    (Neighbours(), KNNImputer()),
    (Neighbours(neighbours=2, weights="distance"), KNNImputer(n_neighbors=2, weights="distance")),
    (Iterative(), IterativeImputer(random_state=0)),
    (Iterative(rounds=1), IterativeImputer(random_state=0, max_iter=1)),
]


def table(rows: int = 80) -> np.ndarray:
    """Correlated whole numbers with gaps."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(0, 2, (rows, 1)) + rng.normal(0, 1, (rows, 4))
    inputs = inputs.round().astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.2] = np.nan
    return inputs


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("step", "oracle"), PAIRS, ids=str)
def test_columns_as_scikit_learn(step, oracle):
    train, other = table()[:50], table()[50:]
    step.check(COLUMNS)
    found = step.fit(train, COLUMNS)
    oracle.fit(train.astype(np.float64))
    for rows in (train, other):
        np.testing.assert_allclose(found(rows), oracle.transform(rows.astype(np.float64)), rtol=1e-4, atol=1e-5)


def test_rounds_that_do_not_settle_are_no_news():
    train = table()[:50]
    Iterative(rounds=1).fit(train, COLUMNS)(train)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_images_per_pixel(statistic):
    images = table().reshape(80, 1, 2, 2)
    found = Typical(statistic=statistic).fit(images, Features("image", (1, 2, 2)))(images)
    np.testing.assert_array_equal(found.reshape(80, 4), Typical(statistic=statistic).fit(table(), COLUMNS)(table()))


def test_sequences_per_channel_without_their_padding():
    sequences = np.array(
        [
            [[1, 10], [np.nan, 20], [3, np.nan]],
            [[5, 30], [np.nan, np.nan], [7, 60]],
            [[4, 0], [np.nan] * 2, [np.nan] * 2],
        ],
        np.float32,
    )
    features = Features("sequence", (3, 2))
    found = Typical().fit(sequences, features)(sequences)
    mean = [4, 24]
    expected = [[[1, 10], [mean[0], 20], [3, mean[1]]], [[5, 30], mean, [7, 60]], [[4, 0], [np.nan] * 2, [np.nan] * 2]]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_padding_is_what_is_empty_to_the_end():
    gap = np.nan
    sequences = np.array([[[gap], [1], [gap], [2], [gap]], [[gap]] * 5, [[1]] * 5], np.float32)
    assert inside(sequences).tolist() == [[True] * 4 + [False], [False] * 5, [True] * 5]


def test_the_most_frequent_category_is_a_whole_one():
    features = Features("columns", (2,), levels=(0, 3))
    train = np.array([[1, 0], [1, 1], [2, 2], [3, 2], [4, np.nan], [np.nan, 1], [9, 0], [9, 2]], np.float32)
    encoded = OneHot().fit(train, features)(train)
    found = Typical(statistic="most_frequent").fit(encoded, OneHot().after(features))(encoded)
    assert found[4].tolist() == [4, 0, 0, 1]
    assert found[5].tolist() == [1, 0, 1, 0]
    codes = Typical(statistic="most_frequent").fit(train, features)(train)
    assert codes[4].tolist() == [4, 2]


@pytest.mark.parametrize(
    "step", [Typical(True), Typical(True, "most_frequent"), Neighbours(True), Iterative(True)], ids=str
)
def test_an_indicator_is_part_of_its_cell(step):
    features = Features("columns", (3,), levels=(0, 2, 0))
    train = np.array([[1, 0, 5], [np.nan, 1, 6], [3, np.nan, 8], [4, 1, 9]], np.float32)
    encoded = OneHot().fit(train, features)(train)
    before = OneHot().after(features)
    after = features_after(before, [step])
    found = step.fit(encoded, before)(encoded)
    assert after.blocks == (2, 3, 2)
    assert after.shape == found.shape[1:] == (7,)
    assert found[:, [1, 4, 6]].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]]
    plain = type(step)(False, *list(vars(step).values())[1:]).fit(encoded, before)(encoded)
    np.testing.assert_array_equal(found[:, [0, 2, 3, 5]], plain)


def test_an_indicator_in_test_for_a_cell_that_is_whole_in_train():
    train = np.array([[1, 2], [3, 4]], np.float32)
    found = Typical(True).fit(train, Features("columns", (2,)))
    assert found(np.array([[np.nan, 7]], np.float32)).tolist() == [[2, 1, 7, 0]]


@pytest.mark.parametrize(
    "step", [*(Typical(statistic=name) for name in STATISTICS), Neighbours(), Iterative()], ids=str
)
def test_a_column_that_is_empty_in_train_is_filled_with_0(step):
    train = table()[:50]
    train[:, 1] = np.nan
    found = step.fit(train, COLUMNS)(train)
    assert found.shape == train.shape
    assert (found[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("step", "features", "said"),
    [
        (Typical(statistic="mode"), COLUMNS, "statistic is one of mean, median, most_frequent, not 'mode'"),
        (Neighbours(neighbours=0), COLUMNS, "neighbours=0 is out of range"),
        (Neighbours(weights="near"), COLUMNS, "one of uniform, distance, not 'near'"),
        (Iterative(rounds=0), COLUMNS, "rounds=0 is out of range"),
        (Neighbours(), Features("image", (1, 2, 2)), "for tables, and these data are image"),
        (Iterative(), Features("sequence", (2, 2)), "for tables, and these data are sequence"),
        (Typical(True), Features("image", (1, 2, 2)), "indicator adds columns to a table, and these data are image"),
        (Typical(), Features("columns", (2,), levels=(0, 3)), "preprocess/encode=one_hot"),
        (Typical(True, "most_frequent"), Features("columns", (2,), levels=(0, 3)), "preprocess/encode=one_hot"),
        (Iterative(), Features("columns", (2,), levels=(0, 3)), "preprocess/encode=one_hot"),
    ],
    ids=str,
)
def test_what_cannot_be(step, features, said):
    with pytest.raises(ConfigError, match=said):
        step.check(features)
