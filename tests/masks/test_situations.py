"""The data masks are tried on: every kind, nowhere 0, everywhere different, and ragged where that exists."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from maskbench.description import KINDS, Features
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.contract import Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.masks.situations import SHAPES, TRAIN_ROWS, VOCABULARY, Situation, examples, situations
from maskbench.masks.token_fills import Unknown

PLACES = [
    Features(kind, shape, VOCABULARY if kind == "tokens" else None)
    for kind, shapes in SHAPES.items()
    for shape in shapes
]
every_place = pytest.mark.parametrize("features", PLACES, ids=lambda features: f"{features.kind}-{features.shape}")


@dataclass(frozen=True)
class Asks(Pattern):
    """A pattern that wants scores."""

    of: str

    @property
    def scored(self):
        return self.of

    def sample(self, batch, rates, generator):
        assert batch.scores is not None
        assert tuple(batch.scores.shape) == (batch.cells if self.of == "cell" else batch.cells[:1])
        return torch.ones(batch.cells, dtype=torch.bool)


def bernoulli(features: Features, samples: int = 31, ragged: bool = False) -> Situation:
    fill = Unknown() if features.kind == "tokens" else Zero()
    return Situation(Mask(Bernoulli(), fill, 0.3), features, samples, 7, ragged)


def test_there_are_tiny_odd_and_many_channelled_data_of_every_kind():
    assert set(SHAPES) == set(KINDS)
    for kind, shapes in SHAPES.items():
        assert any(max(shape) == 1 for shape in shapes), kind
        assert any(size % 2 and size > 2 for shape in shapes for size in shape), kind
    assert {shape[0] for shape in SHAPES["image"]} > {1, 2}
    assert {shape[1] for shape in SHAPES["sequence"]} > {1, 2}
    assert any(shape[1] != shape[2] for shape in SHAPES["image"])


@every_place
def test_whole_examples_are_nowhere_0_and_everywhere_different(features):
    rows = examples(features, 64, 3, ragged=False)
    assert tuple(rows.shape) == (64, *features.shape)
    if features.kind == "tokens":
        assert rows.dtype == torch.int64
        assert int(rows.min()) == 5
        return
    assert rows.dtype == torch.float32
    assert bool((rows != 0).all())
    assert bool(rows.isfinite().all())
    assert abs(rows.double().mean().item() - 5) <= 5 / rows.numel() ** 0.5
    assert len(rows.flatten().unique()) > 0.99 * rows.numel()


@every_place
def test_examples_are_those_of_their_seed(features):
    first, same, other = (examples(features, 64, seed, ragged=False) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("features", [place for place in PLACES if place.kind != "image"], ids=str)
def test_ragged_examples_lack_something(features):
    rows = examples(features, 256, 3, ragged=True)
    if features.kind == "tokens":
        lengths = (rows != VOCABULARY.pad).sum(1)
        ends = torch.arange(features.shape[0]) < lengths[:, None]
        assert torch.equal(ends, rows != VOCABULARY.pad)
        assert set(lengths.tolist()) == set(range(features.shape[0] + 1))
        assert bool((rows == VOCABULARY.special[0]).any())
    elif features.kind == "sequence":
        there = rows.isfinite()
        assert torch.equal(there.all(2), there.any(2))
        assert set(there.all(2).sum(1).tolist()) == set(range(features.shape[0] + 1))
        assert bool((there.all(2).int().diff(dim=1) <= 0).all())
    else:
        missing = rows.isnan().float()
        five = 5 * (0.16 / missing.numel()) ** 0.5
        assert abs(missing.mean().item() - 0.2) < five


@every_place
@pytest.mark.parametrize("samples", [0, 1, 31, TRAIN_ROWS, TRAIN_ROWS + 5])
def test_inputs_are_rows_of_the_train_part_over_and_over(features, samples):
    found = bernoulli(features, samples)
    rows = found.masking.context.rows
    assert len(rows) == TRAIN_ROWS
    assert len(found.inputs) == samples
    expected = [rows[number % TRAIN_ROWS] for number in range(samples)]
    assert not expected or torch.equal(found.inputs, torch.stack(expected))


@every_place
def test_masking_starts_at_the_same_place_of_the_stream(features):
    found = bernoulli(features)
    assert torch.equal(found.masked().hidden, found.masked().hidden)
    assert torch.equal(found.masked().hidden, replace(found).masked().hidden)
    if features.size > 8:
        assert not torch.equal(found.masked().hidden, replace(found, seed=8).masked().hidden)


@every_place
def test_a_ragged_situation_has_ragged_inputs(features):
    rows = bernoulli(features, TRAIN_ROWS, ragged=True).inputs
    assert torch.equal(rows.nan_to_num(), examples(features, TRAIN_ROWS, 8, ragged=True).nan_to_num())
    lacking = rows == VOCABULARY.pad if features.kind == "tokens" else rows.isnan()
    assert bool(lacking.any()) == (features.kind != "image")


def test_a_stream_may_go_on():
    found, stream = bernoulli(Features("columns", (13,))), None
    stream = found.stream()
    first, second = found.masked(stream=stream), found.masked(stream=stream)
    assert torch.equal(first.hidden, found.masked().hidden)
    assert not torch.equal(first.hidden, second.hidden)


def test_other_inputs_may_be_given():
    found = bernoulli(Features("columns", (13,)))
    assert torch.equal(found.masked(torch.ones(4, 13)).filled, (~found.masked(torch.ones(4, 13)).hidden).float())


def test_another_rate_and_a_rate_of_its_own():
    found = bernoulli(Features("image", (1, 8, 8)))
    assert found.rate == 0.3
    assert found.at(0.7).rate == 0.7
    assert found.rate == 0.3
    native = replace(found, mask=Mask(Block(side=3), Zero(), None))
    assert native.at(0.7) is native
    assert 0 < native.rate < 1


@pytest.mark.parametrize("of", ["cell", "sample"])
def test_patterns_that_ask_get_scores(of):
    for found in situations(Mask(Asks(of), Zero(), 0.3), 31):
        assert bool(found.masked().hidden.all())
        assert bool(found.masked(found.inputs[:2]).hidden.all())
        assert len(found.scores.unique()) > 0.99 * found.scores.numel()


def test_other_patterns_get_none():
    assert bernoulli(Features("columns", (13,))).scores is None


@pytest.mark.parametrize(
    ("mask", "kinds"),
    [
        (Mask(Bernoulli(), Zero(), 0.3), {"columns", "image", "sequence"}),
        (Mask(Bernoulli(), Unknown(), 0.3), {"tokens"}),
        (Mask(Bernoulli(unit="step"), Zero(), 0.3), {"sequence"}),
        (Mask(Block(), Zero(), 0.3), {"image"}),
        (Mask(Block(), Unknown(), 0.3), set()),
        (Mask(Bernoulli(), Zero(), 1.5), set()),
        (Mask(Bernoulli(), Zero(), None), set()),
    ],
    ids=lambda value: type(value.pattern).__name__ if isinstance(value, Mask) else " ".join(sorted(value)),
)
def test_situations_are_those_that_the_mask_accepts(mask, kinds):
    found = list(situations(mask, 5, 3))
    assert {place.features.kind for place in found} == kinds
    assert all(place.accepted and place.samples == 5 and place.seed == 3 and not place.ragged for place in found)
    accepted = {features.shape for features in PLACES if Situation(mask, features, 5, 3).accepted}
    assert {place.features.shape for place in found} == accepted


def test_a_vocabulary_has_every_kind_of_token():
    assert VOCABULARY.special
    assert VOCABULARY.continues
    assert len({VOCABULARY.pad, VOCABULARY.mask, VOCABULARY.unknown, *VOCABULARY.special}) == 3 + len(
        VOCABULARY.special
    )
    assert max(VOCABULARY.continues) < VOCABULARY.size
