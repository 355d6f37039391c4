"""Records: what a metric means, and what a run is called."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from maskbench.records import METRICS, PRIMARY, Identity, Metric, Point, RunRecord


@pytest.mark.parametrize(("name", "sign"), [(name, 1 if name in ("accuracy", "r2") else -1) for name in METRICS])
def test_the_direction_of_every_metric(name, sign):
    assert METRICS[name].sign == sign
    assert METRICS[name].higher_is_better == (sign > 0)
    assert METRICS[name].name == name


def test_every_metric_has_unit_label_and_a_smallest_effect():
    for metric in METRICS.values():
        assert metric.label
        assert metric.unit
        assert 0 < metric.smallest_effect < 0.1


def test_smallest_effects_are_those_of_the_statistics():
    """Half a point of accuracy, one per cent of a loss."""
    assert METRICS["accuracy"].smallest_effect == 0.005
    assert not METRICS["accuracy"].relative
    assert METRICS["nll"].smallest_effect == 0.01
    assert METRICS["nll"].relative


def test_primary_metrics_exist():
    assert {task: METRICS[name].name for task, name in PRIMARY.items()} == {
        "classification": "accuracy",
        "regression": "r2",
    }


@pytest.mark.parametrize(
    ("mask", "rate", "name"),
    [("none", None, "digits mlp none s4"), ("bernoulli", 0.3, "digits mlp bernoulli 0.3 s4"), ("block", 1.0, "… 1 s4")],
)
def test_the_name_of_a_run(mask, rate, name):
    settings = {"data": "digits", "model": "mlp", "mask": mask, "rate": rate, "seed": 4}
    assert Identity("key", "pair", settings).name == name.replace("…", "digits mlp block")


def test_records_are_plain_and_frozen():
    record = RunRecord({"test/accuracy": 0.5}, (Point("curve", 0.1, 3),), {"split": "ab"}, "a processor")
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.hardware = "another"  # type: ignore[misc]
    assert Metric("x", "x", "u", False, 0.1).sign == -1
