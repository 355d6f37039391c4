"""Targets: trained on in train standard deviations, predicted in their own unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskbench.targets import TargetScale

TARGETS = torch.tensor([100.0, 250.0, 175.0, 90.0])


def test_train_targets_get_mean_0_and_spread_1():
    scale = TargetScale.of("regression", TARGETS)
    down = scale.down(TARGETS).double().numpy()
    expected = (TARGETS.double().numpy() - np.mean(TARGETS.tolist())) / np.std(TARGETS.tolist())
    np.testing.assert_allclose(down, expected, rtol=1e-6)


def test_outputs_come_back_in_target_units():
    scale = TargetScale.of("regression", TARGETS)
    torch.testing.assert_close(scale(scale.down(TARGETS)[:, None])[:, 0], TARGETS)


def test_other_targets_are_scaled_by_train():
    scale = TargetScale.of("regression", torch.tensor([0.0, 2.0]))
    assert scale.down(torch.tensor([1.0, 5.0])).tolist() == [0, 4]


def test_constant_targets_keep_their_unit():
    scale = TargetScale.of("regression", torch.full((4,), 7.0))
    assert scale.down(torch.tensor([7.0, 8.0])).tolist() == [0, 1]
    assert scale(torch.tensor([[0.0], [1.0]])).flatten().tolist() == [7, 8]


def test_classes_and_logits_stay_as_they_are():
    classes, logits = torch.tensor([0, 2, 1]), torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    scale = TargetScale.of("classification", classes)
    assert scale.down(classes) is classes
    assert scale(logits) is logits


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_scale_is_not_trained_and_not_saved(task):
    scale = TargetScale.of(task, TARGETS if task == "regression" else torch.tensor([0, 1]))
    assert not list(scale.parameters())
    assert not scale.state_dict()
