"""Evaluation: clean scores, corrupted test inputs that are the same for every run, curves and areas."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from maskbench.description import Features
from maskbench.evaluation import EVALUATION_STREAMS, areas, corrupted, evaluate, packed_items
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.checks import same_bits
from maskbench.masks.contract import Context
from maskbench.masks.fills import Noise, Zero
from maskbench.masks.mask import Mask
from maskbench.metrics import generalisation_gap, score
from maskbench.records import Point
from maskbench.seeding import Streams
from maskbench.training import Examples, predict
from tests.helpers import globals_as_found, random_inputs

ZERO, NOISE = Mask(Bernoulli(), Zero(), 0.3), Mask(Bernoulli(), Noise("add"), 0.3)
RATES = [0.1, 0.57, 1.0]


def context_of(inputs: torch.Tensor) -> Context:
    return Context(inputs, Features("columns", tuple(inputs.shape[1:])))


def parts() -> dict[str, Examples]:
    made = {}
    for number, name in enumerate(("train", "val", "test")):
        inputs = random_inputs(30 + number, (4,), number) - 5
        made[name] = Examples(inputs, inputs[:, :3].argmax(1))
    return made


def model(seed: int = 0) -> nn.Module:
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)) + torch.eye(3, 4))
        layer.bias.zero_()
    return layer.eval()


def evaluated(network: nn.Module | None = None, corruptions=None, rates=RATES, fresh=None):
    data = parts()
    corruptions = {"holes": ZERO, "noise": NOISE} if corruptions is None else corruptions
    found = evaluate(
        network or model(),
        "classification",
        data,
        torch.ones(len(data["test"].targets), dtype=torch.bool) if fresh is None else fresh,
        context_of(data["train"].inputs),
        corruptions,
        rates,
    )
    return found.metrics, found.curves


def test_clean_scores_and_gap():
    metrics, _ = evaluated()
    for name, part in parts().items():
        expected = score("classification", predict(model(), part.inputs), part.targets)
        assert {metric: metrics[f"{name}/{metric}"] for metric in expected} == expected
    train, test = ({key[len(p) :]: v for key, v in metrics.items() if key.startswith(p)} for p in ("train/", "test/"))
    gap = generalisation_gap(train, test)
    assert {metric: metrics[f"gap/{metric}"] for metric in gap} == gap


def test_the_names_of_all_metrics():
    metrics, _ = evaluated()
    names = ("accuracy", "nll", "brier", "ece")
    groups = ("train", "val", "test", "gap", "robust/holes", "robust/noise")
    assert set(metrics) == {f"{group}/{name}" for group in groups for name in names}


def test_the_curve_starts_clean_and_steps_in_per_cent():
    metrics, curves = evaluated()
    for name in ("holes", "noise"):
        heights = [point for point in curves if point.name == f"curve/{name}/accuracy"]
        assert [point.step for point in heights] == [0, 10, 57, 100]
        assert heights[0].value == metrics["test/accuracy"]
    assert len(curves) == 2 * 4 * 4
    assert all(isinstance(point, Point) for point in curves)


def test_the_curve_is_the_score_on_corrupted_inputs():
    _, curves = evaluated()
    data = parts()
    context = context_of(data["train"].inputs)
    for name, mask in (("holes", ZERO), ("noise", NOISE)):
        for rate in RATES:
            inputs = corrupted(data["test"].inputs, name, replace(mask, rate=rate), context)
            expected = score("classification", predict(model(), inputs), data["test"].targets)
            found = {
                p.name.rpartition("/")[2]: p.value
                for p in curves
                if p.name.startswith(f"curve/{name}/") and p.step == round(100 * rate)
            }
            assert found == expected
    everything_hidden = [p.value for p in curves if p.name == "curve/holes/nll" and p.step == 100]
    assert everything_hidden == [pytest.approx(np.log(3))]  # logits are all 0


def test_robustness_is_the_mean_height_of_the_curve():
    metrics, curves = evaluated()
    for metric in ("accuracy", "nll"):
        y = [point.value for point in curves if point.name == f"curve/noise/{metric}"]
        by_hand = 0.1 * (y[0] + y[1]) / 2 + 0.47 * (y[1] + y[2]) / 2 + 0.43 * (y[2] + y[3]) / 2
        assert metrics[f"robust/noise/{metric}"] == pytest.approx(by_hand)
    assert areas([{"a": 1.0}, {"a": 3.0}, {"a": 3.0}], [0.0, 0.2, 0.8]) == pytest.approx({"a": (0.4 + 1.8) / 0.8})


def test_corrupted_inputs_are_the_same_whatever_the_model_and_the_order_of_corruptions():
    heard: list[torch.Tensor] = []

    class Listener(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, inputs):
            heard.append(inputs.clone())
            return self.inner(inputs)

    both = {"holes": ZERO, "noise": NOISE}
    evaluated(Listener(model(0)), both)
    first, heard[:] = list(heard), []
    torch.manual_seed(77)
    evaluated(Listener(model(1)), both)
    assert all(same_bits(left, right) for left, right in zip(first, heard, strict=True))
    again, heard[:] = list(heard), []
    evaluated(Listener(model(0)), {"noise": NOISE})
    assert all(same_bits(left, right) for left, right in zip(again[:3] + again[6:], heard, strict=True))


def test_holes_at_a_low_rate_stay_at_a_higher_one():
    inputs = random_inputs(40, (4,))
    context = context_of(inputs)
    less, more = (corrupted(inputs, "holes", replace(ZERO, rate=rate), context) == 0 for rate in (0.2, 0.6))
    assert less.any()
    assert not (less & ~more).any()


def test_the_streams_are_those_of_every_stored_run():
    """Another seed would corrupt otherwise than in the runs already kept."""
    assert Streams(0) == EVALUATION_STREAMS


def test_corruptions_of_other_names_draw_otherwise():
    inputs = random_inputs(40, (4,))
    context = context_of(inputs)
    assert not same_bits(corrupted(inputs, "a", ZERO, context), corrupted(inputs, "b", ZERO, context))


def test_test_rows_that_occur_in_train_are_also_left_out():
    data = parts()["test"]
    fresh = torch.arange(len(data.targets)) % 3 > 0
    metrics, _ = evaluated(fresh=fresh)
    expected = score("classification", predict(model(), data.inputs[fresh]), data.targets[fresh])
    assert {name: metrics[f"fresh/{name}"] for name in expected} == expected
    assert metrics["fresh/accuracy"] != metrics["test/accuracy"]
    assert not any(name.startswith("fresh/") for name in evaluated(fresh=torch.zeros_like(fresh))[0])


def test_test_inputs_and_global_generators_are_left_alone():
    data = parts()
    kept, network = data["test"].inputs.clone(), model()
    with globals_as_found():
        evaluate(
            network,
            "classification",
            data,
            torch.ones(len(data["test"].targets), dtype=torch.bool),
            context_of(data["train"].inputs),
            {"noise": NOISE},
            RATES,
        )
    assert same_bits(data["test"].inputs, kept)


def test_without_corruptions_there_is_no_curve():
    metrics, curves = evaluated(corruptions={}, rates=[])
    assert curves == ()
    assert not any(name.startswith("robust/") for name in metrics)


def test_right_and_wrong_items_unpack_in_order():
    outputs = torch.tensor(
        [[2.0, 1.0], [0.0, 1.0], [3.0, 0.0], [0.0, 2.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    )
    targets = torch.tensor([0, 0, 0, 1, 1, 0, 0, 0, 0])
    count, packed = packed_items("classification", outputs, targets)["correct"].split(":")
    bits = np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8))[: int(count)]
    assert bits.tolist() == [1, 0, 1, 1, 0, 1, 1, 1, 0]
    assert packed_items("regression", outputs[:, :1], targets.float()) == {}
