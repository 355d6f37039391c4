"""Categories as columns, checked against scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from maskbench.data.preprocess.encoding import OneHot, Ordinal
from maskbench.data.preprocess.scaling import Standardize
from maskbench.description import Features, Vocabulary

FEATURES = Features("columns", (3,), levels=(0, 4, 2))
TRAIN = np.array([[0.5, 0, 1], [1.5, 2, 0], [2.5, 0, 1]], np.float32)


def test_one_hot_as_scikit_learn():
    found = OneHot().fit(TRAIN, FEATURES)
    encoder = OneHotEncoder(categories=[range(4), range(2)], sparse_output=False)
    np.testing.assert_array_equal(found(TRAIN)[:, 0], TRAIN[:, 0])
    np.testing.assert_array_equal(found(TRAIN)[:, 1:], encoder.fit_transform(TRAIN[:, 1:]))


def test_a_category_is_one_cell():
    after = OneHot().after(FEATURES)
    assert (after.shape, after.blocks, after.levels) == ((7,), (1, 4, 2), ())


def test_a_category_that_train_does_not_have_is_0_everywhere_also_when_scaled():
    found = OneHot().fit(TRAIN, FEATURES)
    other = found(np.array([[0.5, 1, 1], [0.5, 3, 1]], np.float32))
    assert other.tolist() == [[0.5, 0, 0, 0, 0, 0, 1]] * 2
    scaled = Standardize().fit(found(TRAIN), OneHot().after(FEATURES))(other)
    assert scaled[:, [2, 4]].tolist() == [[0, 0]] * 2


def test_a_gap_is_a_gap_in_the_whole_cell_and_nowhere_else():
    found = OneHot().fit(TRAIN, FEATURES)
    made = found(np.array([[np.nan, 2, 0], [1, np.nan, 0], [1, 2, np.nan]], np.float32))
    gaps = [[1, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1]]
    assert np.isnan(made).astype(int).tolist() == gaps


def test_gaps_in_train_are_no_category():
    train = TRAIN.copy()
    train[1, 1] = np.nan
    assert OneHot().fit(train, FEATURES)(TRAIN)[1].tolist() == [1.5, 0, 0, 0, 0, 1, 0]


def test_numbers_stay_though_train_has_none_but_0():
    train = TRAIN * np.array([0, 1, 1], np.float32)
    assert OneHot().fit(train, FEATURES)(TRAIN)[:, 0].tolist() == [0.5, 1.5, 2.5]


def test_numbers_stay_as_they_are():
    features = Features("columns", (3,))
    assert OneHot().after(features) is features
    assert OneHot().fit(TRAIN, features)(TRAIN) is TRAIN


def test_tokens_that_train_does_not_have_become_unknown():
    vocabulary = Vocabulary(10, pad=0, mask=1, unknown=2, special=(3,))
    train = np.array([[3, 5, 6, 0]])
    features = Features("tokens", (4,), vocabulary)
    found = OneHot().fit(train, features)
    assert found(train).tolist() == train.tolist()
    assert found(np.array([[3, 7, 6, 9]])).tolist() == [[3, 2, 6, 2]]
    assert found(np.array([[0, 1, 2, 3]])).tolist() == [[0, 1, 2, 3]]
    assert OneHot().after(features) is features


def test_reserved_tokens_stay_though_no_train_row_has_them():
    vocabulary = Vocabulary(10, pad=0, mask=1, unknown=2, special=(3,))
    found = OneHot().fit(np.array([[5, 6]]), Features("tokens", (2,), vocabulary))
    assert found(np.array([[0, 1], [3, 4]])).tolist() == [[0, 1], [3, 2]]


def test_ordinal_takes_codes_as_numbers():
    after = Ordinal().after(FEATURES)
    assert (after.shape, after.levels, after.blocks) == ((3,), (), ())
    assert Ordinal().fit(TRAIN, FEATURES)(TRAIN) is TRAIN
    np.testing.assert_allclose(Standardize().fit(TRAIN, after)(TRAIN).mean(0), 0, atol=1e-6)
