"""Build: the values of a run from its config."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from maskbench.config.build import build, corruptions_of, dataset_of, make, mask_of
from maskbench.config.schema import MaskConfig
from maskbench.data.preprocess.encoding import OneHot
from maskbench.data.preprocess.scaling import Standardize
from maskbench.errors import ConfigError, DataError
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.fills import Noise, Scale, Swap, Zero
from maskbench.masks.mask import Mask
from maskbench.training import TrainSettings
from tests.helpers import composer


@pytest.fixture(scope="module")
def ours():
    return composer()


@pytest.mark.parametrize(
    ("overrides", "mask"),
    [
        (["mask=none"], None),
        (["mask=none", "mask.rate=0.4"], None),
        (["mask=bernoulli"], Mask(Bernoulli(), Zero(), 0.3)),
        (["mask=bernoulli", "mask.rate=0"], Mask(Bernoulli(), Zero(), 0.0)),
        (["mask=bernoulli", "mask.rescale=inverted"], Mask(Bernoulli(), Zero(), 0.3, "inverted")),
        (["mask=block", "mask/fill=swap", "mask.rate=1"], Mask(Block(), Swap(), 1.0)),
        (["mask=gaussian_noise"], Mask(Bernoulli(), Noise("add", 1.0), 0.3)),
        (["mask=bernoulli", "mask/fill=noise", "mask.fill.std=3"], Mask(Bernoulli(), Noise("replace", 3), 0.3)),
        (["mask=uniform_scale", "mask.fill.low=0.5"], Mask(Bernoulli(), Scale(0.5), 0.3)),
    ],
)
def test_the_mask_is_what_was_asked_for(ours, overrides, mask):
    assert build(ours.compose(overrides)).mask == mask


def test_every_setting_arrives(ours):
    overrides = [
        "data=wine", "train.epochs=7", "train.batch_size=5", "train.lr=0.25", "train.weight_decay=0.5",
        "train.patience=3", "seed=11", "split_seed=4", "evaluate.rates=[0.2,0.9]", "compute.device=cpu",
    ]  # fmt: skip
    experiment = build(ours.compose(overrides))
    assert experiment.train == TrainSettings(7, 5, 0.25, 0.5, 3)
    assert (experiment.seed, experiment.split_seed) == (11, 4)
    assert experiment.test_rates == [0.2, 0.9]
    assert experiment.device == "cpu"
    assert experiment.dataset.description.name == "wine"
    assert experiment.steps == (OneHot(), Standardize())


@pytest.mark.parametrize(("given", "expected"), [("null", 6), ("0", 0), ("2", 2)])
def test_the_split_follows_the_seed_unless_told(ours, given, expected):
    assert build(ours.compose(["seed=6", f"split_seed={given}"])).split_seed == expected


def test_corruptions_are_masks_by_name_and_none_is_none(ours):
    config = ours.compose(["+mask@evaluate.corruptions.nothing=none", "+mask@evaluate.corruptions.holes=block"])
    corruptions = corruptions_of(config)
    assert set(corruptions) == {"bernoulli", "gaussian_noise", "holes"}
    assert corruptions["holes"] == Mask(Block(), Zero(), 0.3)


def test_the_model_gets_its_settings_and_the_description(ours):
    experiment = build(ours.compose(["data=wine", "model.width=9", "model.depth=1", "model.dropout=0.5"]))
    model = experiment.model(experiment.dataset.description)
    assert [tuple(weight.shape) for weight in model.parameters()] == [(9, 13), (9,), (3, 9), (3,)]
    assert any(isinstance(layer, torch.nn.Dropout) and layer.p == 0.5 for layer in model)


def test_a_data_set_is_loaded_once_per_setting(ours):
    wine = dataset_of(ours.compose(["data=wine", "seed=1"]))
    assert dataset_of(ours.compose(["data=wine", "mask=feature"])) is wine
    assert dataset_of(ours.compose(["data=digits"])) is not dataset_of(ours.compose(["data=digits_tab"]))


def test_a_mask_needs_no_schedule():
    pattern, fill = ({"_target_": f"maskbench.masks.{name}"} for name in ("bernoulli.Bernoulli", "fills.Zero"))
    assert mask_of(MaskConfig("x", pattern, fill, rate=0.2)) == Mask(Bernoulli(), Zero(), 0.2)
    assert mask_of(MaskConfig()) is None


def raise_data_error():
    raise DataError("the archive is damaged")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({}, "thing names no _target_"),
        ({"name": "x"}, "thing names no _target_"),
        ({"_target_": "maskbench.nowhere.f"}, "thing: Error loading 'maskbench.nowhere.f'"),
        ({"_target_": "maskbench.masks.fills.Scale", "lo": 1}, r"thing: .*unexpected keyword argument 'lo'"),
        ({"_target_": "maskbench.data.sets.bundled.digits", "layout": "x"}, r"^data\.layout is one of"),
    ],
)
def test_what_cannot_be_made_is_a_config_error_in_one_line(node, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make(node, "thing")
    assert "\n" not in str(caught.value)


def test_our_own_errors_pass_as_they_are():
    with pytest.raises(DataError, match=r"^the archive is damaged$"):
        make({"_target_": f"{raise_data_error.__module__}.raise_data_error"}, "thing")


def test_names_and_accepts_are_not_settings_of_the_target():
    assert make(
        {"_target_": "maskbench.masks.fills.Scale", "name": "x", "accepts": ["image"], "low": 0.5}, "f"
    ) == Scale(0.5)


def test_a_target_that_is_no_data_set_is_refused(ours):
    config = ours.compose(["data=wine"])
    config.data["_target_"] = "maskbench.masks.fills.Zero"
    with pytest.raises(ConfigError, match="data 'wine': the target returned Zero, not a Dataset"):
        dataset_of(config)


def test_building_leaves_the_config_as_it_is(ours):
    config = ours.compose(["mask=block"])
    before = asdict(config)
    build(config)
    assert asdict(config) == before
