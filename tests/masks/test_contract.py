"""What is asked of every mask, over the whole catalogue: a new mask is covered by its YAML."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbench.masks.checks import EXACT, STATISTICAL
from maskbench.masks.conformance import BATCHES, RATES, SAMPLES, holds
from maskbench.masks.situations import situations
from tests.helpers import Case, catalogue, options

every_case = pytest.mark.parametrize("case", catalogue(), ids=str)
few = settings(max_examples=6, deadline=None, derandomize=True, database=None)


def test_the_catalogue_holds_every_mask_and_every_fill():
    assert {case.mask_name for case in catalogue()} == set(options("mask")) - {"none"}
    assert {case.fill_name for case in catalogue()} == set(options("mask/fill"))


@every_case
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
@few
@given(data=st.data())
def test_it_keeps(check, case, data):
    places = list(situations(case.mask, data.draw(st.sampled_from(BATCHES)), data.draw(st.integers(0, 2**32))))
    place = data.draw(st.sampled_from(places))
    ragged = place.features.kind != "image" and data.draw(st.booleans())
    holds(check, replace(place.at(data.draw(st.sampled_from(RATES[1:]))), ragged=ragged))


@every_case
@pytest.mark.parametrize("check", STATISTICAL, ids=lambda check: check.__name__)
def test_it_keeps_on_average(check, case: Case):
    for number, place in enumerate(situations(case.mask, SAMPLES, 1)):
        for rate in RATES[1:]:
            holds(check, replace(place.at(rate), ragged=bool(number % 2) and place.features.kind != "image"))
