"""Which rows a run learns from: published parts, subsets, copies and wrong labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskbench.data.dataset import Dataset, describe
from maskbench.data.splits import Sampling, labels, split_rows
from maskbench.errors import ConfigError, DataError
from maskbench.seeding import Streams

ROWS = 400


def table(published: bool = False, copies: int = 0, regression: bool = False) -> Dataset:
    """Three classes of 60, 30 and 10 %; published: the last quarter is test."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(ROWS, 3)).astype(np.float32)
    inputs[ROWS - copies :] = inputs[:copies]
    targets = rng.permutation(np.repeat([0, 1, 2], [240, 120, 40]))
    parts = np.where(np.arange(ROWS) < 300, 0, 2) if published else None
    if regression:
        return describe("table", "columns", inputs, inputs[:, 0] * 2, "regression", parts=parts)
    return describe("table", "columns", inputs, targets, "classification", parts=parts, classes=("a", "b", "c"))


def test_a_published_split_is_kept_row_for_row_and_validation_comes_from_train():
    split = split_rows(table(published=True), Streams(3))
    assert np.array_equal(split.test, np.arange(300, ROWS))
    assert np.array_equal(np.sort(np.concatenate([split.train, split.val])), np.arange(300))
    assert abs(len(split.val) - 60) <= 2
    shares = np.bincount(table().targets[split.val]) / len(split.val)
    np.testing.assert_allclose(shares, np.bincount(table().targets[:300]) / 300, atol=0.02)
    other = split_rows(table(published=True), Streams(4))
    assert other.digest != split.digest
    assert np.array_equal(other.test, split.test)


def test_published_validation_rows_are_kept():
    parts = np.arange(ROWS) % 3
    split = split_rows(replace(table(), parts=parts), Streams(0))
    for number, rows in enumerate(vars(split).values()):
        assert np.array_equal(rows, np.flatnonzero(parts == number))


def test_a_published_split_can_be_drawn_anew():
    own = split_rows(table(published=True), Streams(3), Sampling(split="own"))
    assert own.digest == split_rows(table(), Streams(3)).digest
    with pytest.raises(DataError, match=r"data 'table' has no published split; it is drawn with data.split=own"):
        split_rows(table(), Streams(3), Sampling(split="published"))


def test_validation_and_train_share_no_rows_of_a_bond_or_a_copy():
    bonds = np.arange(ROWS) // 4
    for published in (True, False):
        dataset = replace(table(published, copies=0), bonds=bonds)
        split = split_rows(dataset, Streams(1))
        assert not set(bonds[split.train]) & set(bonds[split.val])
        assert published or not set(bonds[split.train]) & set(bonds[split.test])


def test_a_class_that_only_the_test_part_has_is_named():
    dataset = table(published=True)
    targets = np.where(np.arange(ROWS) < 300, dataset.targets % 2, 2)
    with pytest.raises(DataError, match=r"train part would have no row of class 2 \('c'\), which has 100 of 400 rows"):
        split_rows(replace(dataset, targets=targets), Streams(0))


def test_a_published_test_part_may_lack_a_class():
    dataset = table(published=True)
    targets = np.where(np.arange(ROWS) >= 300, dataset.targets % 2, dataset.targets)
    assert len(split_rows(replace(dataset, targets=targets), Streams(0)).test) == 100


@given(st.integers(3, 240), st.integers(3, 240), st.integers(0, 50), st.booleans())
def test_subsets_are_nested_stratified_and_leave_the_other_parts_alone(one, other, seed, regression):
    few, many = sorted((one, other))
    dataset = table(regression=regression)
    if few < 20 and not regression:  # too few for the rarest class, perhaps
        few += 20
        many = max(few, many)
    small, large = (split_rows(dataset, Streams(seed), Sampling(n_train=count)) for count in (few, many))
    whole = split_rows(dataset, Streams(seed))
    assert len(small.train) == few
    assert set(small.train) <= set(large.train) <= set(whole.train)
    assert np.array_equal(small.test, whole.test)
    assert np.array_equal(small.val, whole.val)
    if not regression:
        counts = np.bincount(dataset.targets[small.train], minlength=3)
        expected = few * np.bincount(dataset.targets[whole.train]) / len(whole.train)
        assert np.abs(counts - expected).max() <= 2


def test_a_validation_subset_does_not_depend_on_the_train_subset():
    one, other = (split_rows(table(), Streams(1), Sampling(n_train=count, n_val=20)) for count in (None, 100))
    assert np.array_equal(one.val, other.val)
    assert len(one.val) == 20


def test_a_subset_is_drawn_anew_by_the_split_seed():
    assert (
        len({split_rows(table(published=True), Streams(seed), Sampling(n_train=50)).digest for seed in range(9)}) == 9
    )


@pytest.mark.parametrize("key", ["n_train", "n_val"])
def test_more_rows_than_there_are_are_refused_with_both_numbers(key):
    with pytest.raises(DataError, match=rf"data 'table': data.{key}=999 is more than the \d+ rows of that part"):
        split_rows(table(), Streams(0), Sampling(**{key: 999}))


def test_a_subset_without_a_class_is_refused():
    with pytest.raises(DataError, match=r"data.n_train=2 leaves no row of class \d \('.'\); use more rows"):
        split_rows(table(), Streams(0), Sampling(n_train=2))


def test_copies_are_grouped_dropped_or_kept():
    dataset = table(copies=150)
    twins = dataset.twins

    def crossing(split):
        return len(set(twins[split.train]) & set(twins[split.test]))

    splits = {how: split_rows(dataset, Streams(0), Sampling(duplicates=how)) for how in ("group", "drop", "keep")}
    assert crossing(splits["group"]) == crossing(splits["drop"]) == 0
    assert crossing(splits["keep"]) > 10
    sizes = {how: sum(map(len, vars(split).values())) for how, split in splits.items()}
    assert sizes == {"group": ROWS, "drop": ROWS - 150, "keep": ROWS}


def test_kept_copies_still_respect_bonds():
    bonds = np.arange(ROWS) // 8
    split = split_rows(replace(table(copies=100), bonds=bonds), Streams(0), Sampling(duplicates="keep"))
    assert not set(bonds[split.train]) & set(bonds[split.test])


def test_the_share_for_validation():
    for published, expected in ((False, 40), (True, 30)):
        split = split_rows(table(published), Streams(0), Sampling(val_share=0.1))
        assert abs(len(split.val) - expected) <= 3
    assert abs(len(split_rows(table(), Streams(0), Sampling(val_share=0.1)).test) - 80) <= 3


def noisy(share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    dataset = table()
    split = split_rows(dataset, Streams(seed))
    found = labels(dataset, split, Streams(seed), Sampling(label_noise=share))
    assert np.array_equal(found[split.test], dataset.targets[split.test])
    return found != dataset.targets, found


def test_wrong_labels_are_so_many_never_in_test_and_nested():
    rates = (0.0, 0.1, 0.4, 1.0)
    wrong = [noisy(rate)[0] for rate in rates]
    for share, flags in zip(rates, wrong, strict=True):
        assert abs(flags.sum() / 320 - share) <= 4 * np.sqrt(share * (1 - share) / 320)
    assert not (wrong[1] & ~wrong[2]).any()
    assert not np.array_equal(noisy(0.4, seed=1)[0], wrong[2])


def test_wrong_labels_are_any_other_class_alike():
    flags, found = noisy(1.0)
    for right in range(3):
        others = found[flags & (table().targets == right)]
        assert set(others.tolist()) == {0, 1, 2} - {right}
        assert np.bincount(others, minlength=3).max() < 0.75 * len(others)


def test_without_noise_the_targets_are_the_very_ones():
    dataset = table()
    assert labels(dataset, split_rows(dataset, Streams(0)), Streams(0), Sampling()) is dataset.targets


def test_label_noise_needs_classes():
    dataset = table(regression=True)
    with pytest.raises(ConfigError, match="data 'table' are a regression; leave it at 0"):
        labels(dataset, split_rows(dataset, Streams(0)), Streams(0), Sampling(label_noise=0.1))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"split": "random"}, "data.split is one of auto, own, published, not 'random'"),
        ({"duplicates": "none"}, "data.duplicates is one of group, drop, keep, not 'none'"),
        ({"n_train": 0}, "data.n_train is a number of rows from 1, or null for all, not 0"),
        ({"n_train": 0.5}, "not 0.5"),
        ({"n_val": True}, "data.n_val is a number of rows from 1, or null for all, not True"),
        ({"val_share": 0.8}, "data.val_share=0.8 is out of range"),
        ({"label_noise": 1.5}, "data.label_noise=1.5 is out of range: it must be a share from 0 to 1"),
    ],
)
def test_settings_that_cannot_be(bad, message):
    with pytest.raises(ConfigError, match=message):
        Sampling(**bad).check()
    Sampling().check()
