"""All checks on one mask: every check has its line, the first break is named with its place, honest masks pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch

from maskbench.errors import ConfigError
from maskbench.masks import conformance
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.cells import along, uniform
from maskbench.masks.checks import EXACT, STATISTICAL, Broken
from maskbench.masks.conformance import BATCHES, RATES, SAMPLES, Finding, findings, holds
from maskbench.masks.contract import Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.masks.situations import Situation, situations

NAMES = [check.__name__.replace("_", " ") for check in EXACT + STATISTICAL]


@dataclass(frozen=True)
class Hides(Pattern):
    """A pattern from a function."""

    hide: Callable[..., torch.Tensor]

    def sample(self, batch, rates, generator):
        return self.hide(batch, rates, generator)


def honest(batch, rates, generator):
    return uniform(batch.cells, generator) < along(rates, len(batch.cells))


def too_few(batch, rates, generator):
    return honest(batch, rates * 0.9, generator)


def shared(batch, rates, generator):
    """The commonest mistake: one draw for the whole batch."""
    draws = uniform((1, *batch.cells[1:]), generator)
    return draws < along(rates, len(batch.cells)) if len(rates) > 1 else (draws < rates.item()).expand(batch.cells)


def transposed(batch, rates, generator):
    return honest(batch, rates, generator).flatten(1).T


def refusing(batch, rates, generator):
    raise ConfigError("not today")


@pytest.fixture
def brief(monkeypatch):
    """Fewer rates, batches and samples: what they are is tested apart."""
    monkeypatch.setattr(conformance, "RATES", (0.0, 0.3, 1.0))
    monkeypatch.setattr(conformance, "BATCHES", (2, 31))
    monkeypatch.setattr(conformance, "SAMPLES", 1024)


def broken(mask: Mask) -> dict[str, str]:
    return {finding.check: finding.broken for finding in findings(mask) if finding.broken}


def test_an_honest_mask_passes_every_check(brief):
    assert findings(Mask(Bernoulli(), Zero(), 0.3)) == [Finding(name, "") for name in NAMES]


def test_the_seed_is_free(brief):
    assert findings(Mask(Hides(honest), Zero(), 0.3), draw=12345) == [Finding(name, "") for name in NAMES]


def test_a_break_is_named_with_its_place(brief):
    found = broken(Mask(Hides(too_few), Zero(), 0.3))
    assert set(found) == {
        "rates may differ between samples",
        "rate 1 hides everything and stays finite",
        "the realised rate is the nominal one",
    }
    assert found["rate 1 hides everything and stays finite"].startswith(
        "an eligible cell is visible at rate 1 (columns ("
    )
    assert "batch of 2, rate" in found["rate 1 hides everything and stays finite"]
    assert " of the cells were hidden at rate " in found["the realised rate is the nominal one"]
    assert "batch of 1024" in found["the realised rate is the nominal one"]


def test_one_draw_for_the_whole_batch_is_found(brief):
    assert broken(Mask(Hides(shared), Zero(), 0.3))


@pytest.mark.parametrize(("hide", "error"), [(transposed, "Error: "), (refusing, "ConfigError: not today")])
def test_what_a_pattern_raises_is_a_break_in_one_line(brief, hide, error):
    found = broken(Mask(Hides(hide), Zero(), 0.3))
    assert error in found["hidden is bool and broadcasts"]
    assert not any("\n" in how for how in found.values())


def test_native_parameters_need_no_rate(brief):
    assert broken(Mask(Block(side=3), Zero(), None)) == {}


def test_only_data_that_the_mask_accepts_are_tried(brief, monkeypatch):
    tried = []
    monkeypatch.setattr(conformance, "EXACT", (lambda found: tried.append(found),))
    monkeypatch.setattr(conformance, "STATISTICAL", ())
    conformance.EXACT[0].__name__ = "seen"
    assert findings(Mask(Block(), Zero(), 0.3)) == [Finding("seen", "")]
    assert {found.features.kind for found in tried} == {"image"}
    assert {found.rate for found in tried} == {0.3, 1.0}
    assert {len(found.inputs) for found in tried} == {2, 31}
    assert not any(found.ragged for found in tried)


def test_ragged_data_are_tried_where_there_are_such(brief, monkeypatch):
    tried = []
    monkeypatch.setattr(conformance, "EXACT", (lambda found: tried.append((found.features.kind, found.ragged)),))
    monkeypatch.setattr(conformance, "STATISTICAL", ())
    conformance.EXACT[0].__name__ = "seen"
    findings(Mask(Bernoulli(), Zero(), 0.3))
    assert set(tried) == {
        ("columns", False),
        ("columns", True),
        ("image", False),
        ("sequence", False),
        ("sequence", True),
    }


def test_statements_about_shares_rest_on_many_samples():
    assert SAMPLES >= 4096
    assert SAMPLES > 256 in BATCHES
    assert 1 in BATCHES
    assert {0.0, 1.0} < set(RATES)
    assert min(RATES[1:]) <= 1e-3


def test_what_a_mask_refuses_is_no_break():
    place = next(situations(Mask(Block(), Zero(), 0.3), 2))
    columns = next(situations(Mask(Bernoulli(), Zero(), 0.3), 2)).features
    refused = Situation(place.mask, columns, 2, 0)

    def fails(found):
        raise Broken("always")

    holds(fails, refused)
    with pytest.raises(Broken, match="always"):
        holds(fails, place)


@pytest.mark.parametrize("ragged", [False, True])
def test_only_ragged_data_may_be_refused_late(ragged):
    first = next(situations(Mask(Hides(refusing), Zero(), 0.3), 2))
    found = Situation(first.mask, first.features, 2, 0, ragged)

    def check(found):
        found.masked()

    if ragged:
        holds(check, found)
    else:
        with pytest.raises(ConfigError, match="not today"):
            holds(check, found)
