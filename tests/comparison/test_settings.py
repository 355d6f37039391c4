"""Settings as text, and the names of blocks and arms made from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison.settings import (
    arm_labels,
    as_text,
    block_labels,
    canonical,
    is_mask_setting,
    setting_columns,
)


@pytest.mark.parametrize("same", [0.1, "0.1", "1e-1", np.float32(0.1).astype(float).round(6), " 0.10 "])
def test_a_number_has_one_text(same: object) -> None:
    assert canonical(same) == "0.1"


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, "", np.float32("nan")])
def test_nothing_is_the_empty_text(nothing: object) -> None:
    assert canonical(nothing) == ""


def test_results_are_no_settings() -> None:
    columns = ["data", "train.lr", "test/accuracy", "robust/noise.strong/accuracy", "run_id", "mask.fill.std"]
    columns += ["seed", "mlflow.runName"]
    assert setting_columns(columns) == ["data", "train.lr", "mask.fill.std"]
    assert is_mask_setting("mask.fill.std")
    assert is_mask_setting("fill")
    assert not is_mask_setting("train.mask_rate")


def frame(**columns: list[object]) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    base = {"data": ["d"] * size, "model": ["m"] * size, "mask": ["bernoulli"] * size, "rate": [0.3] * size}
    return as_text(pd.DataFrame({**base, "seed": range(size), **columns}))


def test_names_that_look_like_numbers_stay_apart() -> None:
    texts = frame(data=["007", "7"])
    assert list(block_labels(texts)) == ["007 · m", "7 · m"]


def test_a_block_is_named_by_what_varies_and_is_not_the_masks() -> None:
    texts = frame(**{"train.lr": [0.1, 0.2, 0.1], "train.epochs": [5, 5, 5], "mask.fill.std": [1, 2, 1]})
    assert list(block_labels(texts)) == ["d · m · train.lr=0.1", "d · m · train.lr=0.2", "d · m · train.lr=0.1"]


def test_an_arm_is_named_by_mask_rate_and_what_varies_of_the_mask() -> None:
    texts = frame(fill=["zero", "mean", "zero"], **{"mask.rescale": [True, True, True]})
    assert list(arm_labels(texts)) == ["bernoulli 0.3 fill=zero", "bernoulli 0.3 fill=mean", "bernoulli 0.3 fill=zero"]


def test_rates_alone_need_no_further_name() -> None:
    texts = frame(rate=[0.1, 0.5], **{"mask.rate": [0.1, 0.5]})
    assert list(arm_labels(texts)) == ["bernoulli 0.1", "bernoulli 0.5"]


def test_an_unmasked_run_has_no_mask_settings() -> None:
    texts = frame(mask=["none", "none"], rate=[0.0, None], fill=["zero", None])
    assert list(arm_labels(texts)) == ["none", "none"]


def test_a_split_that_follows_the_seed_makes_no_arms() -> None:
    assert block_labels(frame(split_seed=[0, 1])).nunique() == 1
    assert block_labels(frame(split_seed=[0, 7])).nunique() == 2


def test_different_settings_never_share_a_label() -> None:
    texts = frame(data=["a · b", "a"], model=["c", "b · c"])
    assert block_labels(texts).nunique() == 2
