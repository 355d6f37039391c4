"""Preprocessing: fitted on train rows, and on nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from maskbench.data.bundled import diabetes, digits
from maskbench.data.preprocess import Standardize
from maskbench.data.splits import split_rows
from maskbench.experiment import prepare
from maskbench.masks.checks import same_bits
from maskbench.masks.contract import Context
from maskbench.seeding import Streams
from maskbench.targets import TargetScale
from tests.helpers import tiny_data, tiny_experiment

CPU = torch.device("cpu")


def test_columns_as_scikit_learn():
    inputs = diabetes().inputs
    train, other = inputs[:300], inputs[300:]
    found = Standardize().fit(train)
    scaler = StandardScaler().fit(train.astype(np.float64))
    for rows in (train, other):
        np.testing.assert_allclose(found(rows), scaler.transform(rows), rtol=1e-4, atol=1e-4)
        assert found(rows).dtype == np.float32


def test_images_per_channel():
    train = np.random.default_rng(0).normal([[[3.0]], [[-5.0]]], [[[2.0]], [[7.0]]], (50, 2, 4, 5)).astype(np.float32)
    found = Standardize().fit(train)
    assert found.mean.shape == found.std.shape == (2, 1, 1)
    expected = train.astype(np.float64)
    expected = (expected - expected.mean((0, 2, 3), keepdims=True)) / expected.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(found(train), expected, rtol=1e-4, atol=1e-5)


def test_constants_become_0():
    train = np.array([[3.0, 1.0], [3.0, 2.0]], np.float32)
    found = Standardize().fit(train)
    assert found(train)[:, 0].tolist() == [0, 0]
    assert np.isfinite(found(np.array([[4.0, 1.0]], np.float32))).all()
    pixels = digits("columns").inputs
    assert np.isfinite(Standardize().fit(pixels[:1000])(pixels)).all()


def test_inputs_are_not_changed():
    train = np.array([[3.0, 1.0], [4.0, 2.0]], np.float32)
    kept = train.copy()
    Standardize().fit(train)(train)
    assert np.array_equal(train, kept)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("image", [False, True], ids=["columns", "image"])
def test_a_changed_test_row_changes_no_bit_of_anything_fitted(task, image):
    dataset = tiny_data(task, image)
    split = split_rows(dataset, Streams(0))
    inputs, targets = dataset.inputs.copy(), dataset.targets.copy()
    held_out = np.concatenate([split.val, split.test])
    inputs[held_out] = 1e4 * inputs[held_out] + 777
    targets[held_out] = targets[held_out][::-1]
    spoiled = replace(dataset, inputs=inputs, targets=targets)
    before, after = (
        prepare(tiny_experiment(dataset=data, steps=[Standardize(), Standardize()]), split, CPU)
        for data in (dataset, spoiled)
    )
    assert same_bits(before["train"].inputs, after["train"].inputs)
    assert same_bits(before["train"].targets, after["train"].targets)
    assert not same_bits(before["test"].inputs, after["test"].inputs)
    for name in ("mean", "std", "rows"):
        contexts = [Context(parts["train"].inputs, dataset.description.features) for parts in (before, after)]
        left, right = (getattr(context, name) for context in contexts)
        assert same_bits(left, right)
    scales = [TargetScale.of(task, parts["train"].targets) for parts in (before, after)]
    assert (scales[0].mean, scales[0].std) == (scales[1].mean, scales[1].std)


def test_parts_are_the_rows_of_the_split_after_all_steps_in_order():
    dataset = tiny_data()
    split = split_rows(dataset, Streams(0))
    parts = prepare(tiny_experiment(dataset=dataset, steps=[Shift(), Double()]), split, CPU)
    for name in ("train", "val", "test"):
        rows = getattr(split, name)
        assert np.array_equal(parts[name].inputs.numpy(), (dataset.inputs[rows] + 1) * 2)
        assert np.array_equal(parts[name].targets.numpy(), dataset.targets[rows])


class Shift:
    def fit(self, train):
        return lambda inputs: inputs + np.float32(1)


class Double:
    def fit(self, train):
        return lambda inputs: inputs * np.float32(2)
