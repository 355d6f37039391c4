"""What becomes of a target: classes, numbers, or a question."""

from __future__ import annotations

import numpy as np
import pytest

from maskbench.data.own.outcomes import FEW, MANY, Outcome, missing, outcome, require_known
from maskbench.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("values", "targets", "classes"),
    [
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        ([10, 9, 10], [1, 0, 1], ("9", "10")),
        ([True, False, True], [1, 0, 1], ("False", "True")),
    ],
)
def test_text_integers_and_booleans_are_classes(values, targets, classes):
    found = outcome(np.array(values))
    assert (found.targets.tolist(), found.task, found.classes) == (targets, "classification", classes)
    assert found.targets.dtype == np.int64


def test_other_numbers_are_a_regression():
    for values in (np.array([0.5, 1, 2]), np.arange(FEW + 1) * 1.0):
        found = outcome(values)
        assert (found.task, found.classes, found.targets.dtype) == ("regression", (), np.float32)
    np.testing.assert_array_equal(outcome(np.array([0.5, 1, 2])).targets, [0.5, 1, 2])


def test_what_only_the_user_knows_is_asked():
    whole = np.array([2.0, 1.0, 2.0])
    for values in (whole, np.arange(FEW) * 1.0, np.arange(MANY + 1)):
        with pytest.raises(DataError, match=r"y is stored as .* distinct whole numbers.*data.task=classification or"):
            outcome(values, what="y")
    assert outcome(np.arange(MANY)).task == "classification"
    assert outcome(whole, "regression").targets.tolist() == [2, 1, 2]
    assert outcome(whole, "classification").classes == ("1", "2")
    assert outcome(np.array([3, 1]), "regression").targets.dtype == np.float32


@pytest.mark.parametrize(
    ("values", "task", "says"),
    [
        (["a", "b"], "regression", "y is text such as 'a', and data.task=regression needs numbers"),
        ([0.5, 1.0], "classification", "y holds numbers with fractions such as 0.5"),
        (
            [1.0, np.nan, 2.5, np.nan],
            None,
            "y is missing in 2 of 4 rows, first row 2, 4; .*data.drop_missing_target=true",
        ),
        (["a", "", "b"], None, "y is missing in 1 of 3 rows, first row 2"),
        (["a", " ", "b"], "classification", "y is missing in 1 of 3 rows"),
        (np.array([1, 2], "datetime64[D]"), None, r"y is of type datetime64\[D\], neither text nor numbers"),
        (np.array([1j]), None, "y is of type complex128"),
    ],
)
def test_what_is_refused(values, task, says):
    with pytest.raises(DataError, match=says):
        outcome(np.array(values), task, "y")


def test_a_task_that_is_none():
    with pytest.raises(ConfigError, match=r"data.task is one of classification, regression, or null .*, not 'ranking'"):
        outcome(np.array([1]), "ranking")


def test_targets_that_are_not_there():
    assert missing(np.array([0.0, np.nan])).tolist() == [False, True]
    assert missing(np.array(["", "a", "  "])).tolist() == [True, False, True]
    assert missing(np.array([0, 1])).tolist() == [False, False]


def test_labels_of_the_test_have_to_be_known():
    found = Outcome(np.array([0, 1, 2, 2, 3]), "classification", ("a", "b", "c", "d"))
    require_known(found, np.array([0, 0, 0, 1, 0]))
    require_known(found, None)
    require_known(Outcome(np.array([0.5, 1.5]), "regression"), np.array([0, 2]))
    with pytest.raises(DataError, match=r"labels that no train row has: 'c' \(2 rows\), 'd' \(1 rows\); add"):
        require_known(found, np.array([0, 0, 1, 2, 2]))
