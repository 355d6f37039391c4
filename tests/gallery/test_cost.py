"""The cost on a card is measured: per value, beside one uniform number per value, on the largest shape it fits."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import pytest

from maskbench.gallery import cost as module
from maskbench.gallery.catalogue import entries
from maskbench.gallery.cost import cost
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.contract import Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.masks.token_fills import Unknown
from tests.helpers import globals_as_found, loader

SAYS = re.compile(
    r"(?P<mask>\d+\.\d) ns a value on 256 samples of (?P<where>\w+ [\dx ]+), measured now; "
    r"one uniform number takes (?P<one>\d+\.\d) ns"
)


@dataclass(frozen=True)
class Slow(Pattern):
    """Takes ten milliseconds."""

    def sample(self, batch, rates, generator):
        time.sleep(0.01)
        return Bernoulli().sample(batch, rates, generator)


@pytest.mark.parametrize(
    ("mask", "where"),
    [
        (Mask(Bernoulli(), Zero(), 0.3), "image 1 x 28 x 28"),
        (Mask(Block(), Zero(), 0.3), "image 1 x 28 x 28"),
        (Mask(Bernoulli(unit="step"), Zero(), 0.3), "sequence 31 x 2"),
        (Mask(Bernoulli(), Unknown(), 0.3), "tokens 32"),
    ],
)
def test_it_says_where_it_was_measured(mask, where):
    found = SAYS.fullmatch(cost(mask))
    assert found is not None
    assert found["where"] == where


def test_it_is_the_time_a_batch_takes(monkeypatch):
    monkeypatch.setattr(module, "REPEATS", 3)
    found = SAYS.fullmatch(cost(Mask(Slow(), Zero(), 0.3)))
    assert found is not None
    assert float(found["mask"]) >= 0.01 / (256 * 784) * 1e9
    assert float(found["one"]) < 0.01 / (256 * 784) * 1e9


def test_one_slow_draw_does_not_count():
    seconds = iter([0, 0, 0.2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    assert module._median(lambda: time.sleep(next(seconds))) < 0.1


def test_the_first_draw_does_not_count(monkeypatch):
    monkeypatch.setattr(module, "REPEATS", 1)
    seconds = iter([0.2, 0])
    assert module._median(lambda: time.sleep(next(seconds))) < 0.1


@pytest.mark.parametrize("each", entries(loader()), ids=lambda each: each.name)
def test_every_mask_has_a_cost(each, monkeypatch):
    monkeypatch.setattr(module, "REPEATS", 1)
    with globals_as_found():
        assert SAYS.fullmatch(cost(each.mask))
