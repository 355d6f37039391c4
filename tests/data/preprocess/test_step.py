"""Preprocessing: fitted on train rows, and on nothing else; what holds for every step of the menu."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
import yaml
from sklearn.preprocessing import StandardScaler

from maskbench.config.build import make
from maskbench.data.dataset import Dataset, Inputs, describe
from maskbench.data.preprocess.encoding import OneHot
from maskbench.data.preprocess.imputing import Typical, inside
from maskbench.data.preprocess.scaling import Standardize
from maskbench.data.preprocess.step import Step, features_after
from maskbench.data.sets.bundled import diabetes
from maskbench.data.splits import Sampling
from maskbench.description import Features
from maskbench.errors import ConfigError
from maskbench.masks.checks import same_bits
from maskbench.masks.contract import Context
from maskbench.masks.situations import VOCABULARY
from maskbench.preparation import prepare
from maskbench.targets import TargetScale
from tests.helpers import CONF, options

CPU = torch.device("cpu")
STAGES = ("encode", "scale", "impute", "denoise")
OPTIONS = [f"{stage}/{name}" for stage in STAGES for name in options(f"preprocess/{stage}") if name != "none"]
KINDS = ("columns", "image", "sequence", "tokens")
ROWS = 60
"""Of these the first 36 are train, then 12 validation and 12 test."""


@lru_cache
def data_of(kind: str) -> Dataset:
    """60 rows with gaps: numbers and categories, images of two channels, sequences of several lengths, tokens."""
    rng = np.random.default_rng(3)
    parts = np.repeat([0, 1, 2], [36, 12, 12])
    targets = np.arange(ROWS) % 3
    if kind == "tokens":
        return describe(
            "t", "tokens", rng.integers(4, 30, (ROWS, 7)), targets, "classification", VOCABULARY, parts=parts
        )
    shape = {"columns": (6,), "image": (2, 5, 6), "sequence": (9, 3)}[kind]
    inputs = rng.normal(2, 3, (ROWS, *shape)).astype(np.float32)
    levels = ()
    if kind == "columns":
        levels = (0, 4, 0, 0, 3, 0)
        inputs[:, 1], inputs[:, 4] = rng.integers(0, 4, ROWS), rng.integers(0, 3, ROWS)
    inputs[rng.random(inputs.shape) < 0.15] = np.nan
    if kind == "sequence":
        for row, length in enumerate(rng.integers(4, 10, ROWS)):
            inputs[row, length:] = np.nan
    return describe(kind, kind, inputs, targets, "classification", levels=levels, parts=parts)


@lru_cache
def step_of(option: str) -> Step:
    step = make(yaml.safe_load((CONF / "preprocess" / f"{option}.yaml").read_text()), option)
    assert isinstance(step, Step)
    return step


@lru_cache
def steps_of(option: str, kind: str) -> tuple[Step, ...]:
    """The step with those before it that it needs; empty where it does not fit the data."""
    before = {
        "encode": (),
        "scale": (OneHot(),),
        "impute": (OneHot(),),
        "denoise": (OneHot(), Typical()),
    }[option.split("/")[0]]
    steps = (*before, step_of(option))
    try:
        features_after(data_of(kind).description.features, steps)
    except ConfigError:
        return ()
    return steps


CASES = [(option, kind) for option in OPTIONS for kind in KINDS if steps_of(option, kind)]


def outputs(dataset: Dataset, steps: tuple[Step, ...]) -> list[np.ndarray]:
    """Train, validation and test inputs after the steps."""
    parts = prepare(dataset, steps, Sampling(), 0, CPU).parts
    return [parts[name].inputs.numpy() for name in ("train", "val", "test")]


def spoiled(dataset: Dataset) -> Dataset:
    """Other validation and test rows: wild numbers, other categories and tokens, gaps elsewhere, other targets."""
    inputs, targets, held_out = dataset.inputs.copy(), dataset.targets.copy(), dataset.parts > 0
    features = dataset.description.features
    if features.kind == "tokens":
        inputs[held_out] = np.where(inputs[held_out] > 15, 5, 28)
    else:
        numbers = np.array(features.levels or (0,)) == 0
        wild = np.where(numbers, 1e4 * inputs + 777, inputs) if features.kind == "columns" else 1e4 * inputs + 777
        inputs[held_out] = np.flip(wild[held_out], 0)
    targets[held_out] = targets[held_out][::-1]
    return replace(dataset, inputs=inputs, targets=targets)


def test_the_cases_are_all_there():
    counts = {option: sum(case[0] == option for case in CASES) for option in OPTIONS}
    by_table_only = {"impute/knn", "impute/iterative"}
    for option, count in counts.items():
        if option.startswith("denoise"):
            assert count == (1 if option == "denoise/pca" else 2)
        else:
            assert count == (2 if option in by_table_only else 4)


@pytest.mark.parametrize(("option", "kind"), CASES)
def test_a_changed_test_row_changes_no_bit_of_train(option, kind):
    steps = steps_of(option, kind)
    before, after = (outputs(data, steps) for data in (data_of(kind), spoiled(data_of(kind))))
    np.testing.assert_array_equal(before[0].view(np.uint8), after[0].view(np.uint8))
    assert all(
        not np.array_equal(left, right, equal_nan=True) for left, right in zip(before[1:], after[1:], strict=True)
    )


@pytest.mark.parametrize(("option", "kind"), CASES)
def test_rows_do_not_know_each_other(option, kind):
    features, inputs = data_of(kind).description.features, data_of(kind).inputs
    for step in steps_of(option, kind):
        fitted = step.fit(inputs[:36], features)
        alone = np.concatenate([fitted(inputs[row : row + 1]) for row in range(ROWS)])
        inputs, features = fitted(inputs), step.after(features)
        np.testing.assert_allclose(inputs, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("option", "kind"), CASES)
def test_shape_and_type_are_as_told_and_the_given_rows_stay(option, kind):
    features, inputs = data_of(kind).description.features, data_of(kind).inputs
    for step in steps_of(option, kind):
        kept = inputs.copy()
        fitted = step.fit(inputs[:36], features)
        made = fitted(inputs)
        features = step.after(features)
        np.testing.assert_array_equal(inputs, kept)
        assert made.shape == (ROWS, *features.shape)
        assert made.dtype == inputs.dtype
        assert not features.blocks or sum(features.blocks) == features.size
        inputs = made


@pytest.mark.parametrize(("option", "kind"), CASES)
def test_gaps_stay_or_are_filled_and_padding_stays(option, kind):
    if kind == "tokens":
        return
    dataset = data_of(kind)
    gaps = np.isnan(OneHot().fit(dataset.inputs, dataset.description.features)(dataset.inputs))
    if option.startswith(("impute", "denoise")):
        gaps = np.broadcast_to(~inside(dataset.inputs)[..., None], gaps.shape) if kind == "sequence" else gaps & False
    elif option == "encode/ordinal":
        gaps = np.isnan(dataset.inputs)
    found = np.concatenate(outputs(dataset, steps_of(option, kind)))
    np.testing.assert_array_equal(np.isnan(found), gaps)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", ["scale", "impute"])
def test_tokens_are_no_numbers(stage, kind):
    inputs = data_of("tokens").inputs
    for option in (option for option in OPTIONS if option.startswith(stage)):
        step, features = step_of(option), data_of("tokens").description.features
        assert features_after(features, [step]) == features
        assert step.fit(inputs, features)(inputs) is inputs


def test_a_column_without_numbers_in_train_harms_nothing():
    dataset = data_of("columns")
    inputs = dataset.inputs.copy()
    inputs[dataset.parts == 0, 0] = np.nan
    inputs[dataset.parts == 0, 4] = np.nan
    empty = replace(dataset, inputs=inputs)
    for option, kind in CASES:
        if kind == "columns":
            for part in outputs(empty, steps_of(option, kind))[:2]:
                assert not np.isinf(part).any()
            assert not option.startswith("impute") or not np.isnan(part).any()


def test_columns_as_scikit_learn():
    inputs = diabetes().inputs
    train, other = inputs[:300], inputs[300:]
    found = Standardize().fit(train, diabetes().description.features)
    scaler = StandardScaler().fit(train.astype(np.float64))
    for rows in (train, other):
        np.testing.assert_allclose(found(rows), scaler.transform(rows), rtol=1e-4, atol=1e-4)
        assert found(rows).dtype == np.float32


def test_gaps_are_left_out_as_scikit_learn_does():
    train = data_of("columns").inputs[:, [0, 2, 3]]
    found = Standardize().fit(train, Features("columns", (3,)))
    expected = StandardScaler().fit_transform(train.astype(np.float64))
    np.testing.assert_allclose(found(train), expected, rtol=1e-4, atol=1e-5)


def test_images_per_channel():
    train = np.random.default_rng(0).normal([[[3.0]], [[-5.0]]], [[[2.0]], [[7.0]]], (50, 2, 4, 5)).astype(np.float32)
    found = Standardize().fit(train, Features("image", (2, 4, 5)))
    assert found.mean.shape == found.std.shape == (2, 1, 1)
    expected = train.astype(np.float64)
    expected = (expected - expected.mean((0, 2, 3), keepdims=True)) / expected.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(found(train), expected, rtol=1e-4, atol=1e-5)


def test_constants_become_0():
    train = np.array([[3.0, 1.0], [3.0, 2.0]], np.float32)
    found = Standardize().fit(train, Features("columns", (2,)))
    assert found(train)[:, 0].tolist() == [0, 0]
    assert np.isfinite(found(np.array([[4.0, 1.0]], np.float32))).all()


def test_codes_of_categories_are_not_scaled():
    train = np.array([[3.0, 1.0], [5.0, 2.0]], np.float32)
    found = Standardize().fit(train, Features("columns", (2,), levels=(0, 3)))
    assert found(train).tolist() == [[-1, 1], [1, 2]]


def test_what_masks_and_targets_learn_does_not_see_the_test_rows():
    dataset = replace(data_of("columns"), targets=np.linspace(0, 1, ROWS, dtype=np.float32))
    dataset = replace(dataset, description=replace(dataset.description, task="regression", outputs=1))
    before, after = (
        prepare(data, (OneHot(), Standardize()), Sampling(), 0, CPU) for data in (dataset, spoiled(dataset))
    )
    contexts = [Context(found.parts["train"].inputs, found.features) for found in (before, after)]
    for name in ("mean", "std", "rows"):
        assert same_bits(*(getattr(context, name) for context in contexts))
    scales = [TargetScale.of("regression", found.parts["train"].targets) for found in (before, after)]
    assert (scales[0].mean, scales[0].std) == (scales[1].mean, scales[1].std)


def test_steps_are_done_in_order():
    found = outputs(data_of("image"), (Shift(), Double()))
    inputs = data_of("image").inputs
    np.testing.assert_array_equal(np.concatenate(found), (inputs + 1) * 2)


class Shift(Step):
    def fit(self, train: Inputs, features: Features):
        return lambda inputs: inputs + np.float32(1)


class Double(Step):
    def fit(self, train: Inputs, features: Features):
        return lambda inputs: inputs * np.float32(2)
