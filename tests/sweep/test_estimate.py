"""How long a sweep will take."""

from __future__ import annotations

import pytest

from maskbench.config.compose import Composer
from maskbench.config.identity import work
from maskbench.sweep.estimate import Estimate, counted, duration, estimate, estimate_line, together
from tests import helpers


@pytest.fixture(scope="module")
def composer() -> Composer:
    return helpers.composer()


def test_each_run_counts_with_the_median_of_its_like(composer: Composer) -> None:
    small, large, strange = (composer.compose(["data=wine", f"train.epochs={epochs}"]) for epochs in (1, 2, 3))
    known = {work(small): [1.0, 2.0, 30.0], work(large): [10.0], "of other work": [1e6]}
    assert estimate([small, small, large, strange], known) == Estimate(2 + 2 + 10, 4, unknown=1, alike=4)
    assert estimate([small], {}) == Estimate(0, 1, 1, 0)
    assert estimate([], known) == Estimate(0, 0, 0, 0)


def test_the_mask_and_the_seed_change_no_work(composer: Composer) -> None:
    plain = composer.compose(["data=wine"])
    masked = composer.compose(["data=wine", "mask=feature", "seed=3", "study=x"])
    assert estimate([masked], {work(plain): [5.0]}).seconds == 5


def test_estimates_add_up() -> None:
    assert together([Estimate(1, 2, 1, 5), Estimate(10, 20, 0, 7)]) == Estimate(11, 22, 1, 12)


@pytest.mark.parametrize(
    ("found", "workers", "line"),
    [
        (Estimate(160, 130, 0, 1300), 2, "estimated time: 1 min 20 s with 2 workers (from 1,300 finished runs alike)"),
        (Estimate(160, 1, 0, 1), 2, "estimated time: 2 min 40 s with 1 worker (from 1 finished run alike)"),
        (
            Estimate(160, 5, 2, 9),
            2,
            "estimated time: 1 min 20 s with 2 workers (from 9 finished runs alike; "
            "2 of 5 to train have no like yet and are not counted)",
        ),
        (
            Estimate(160, 5, 0, 9),
            None,
            "estimated time: 2 min 40 s of training, shared by the launcher's workers (from 9 finished runs alike)",
        ),
        (Estimate(0, 5, 5, 0), 2, "estimated time: unknown until the first runs have finished"),
    ],
)
def test_an_estimate_in_words(found: Estimate, workers: int | None, line: str) -> None:
    assert estimate_line(found, workers) == line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (80, "1 min 20 s"),
        (3600, "1 h"),
        (3719, "1 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_time_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_nouns_are_counted() -> None:
    assert [counted(number, "run") for number in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]
