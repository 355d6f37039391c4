"""What is shown is what the mask does: before, hidden, after, at the rates it can reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from maskbench.config.build import dataset_of
from maskbench.config.compose import typed
from maskbench.description import KINDS
from maskbench.errors import ConfigError
from maskbench.gallery.catalogue import entries
from maskbench.gallery.examples import USUAL, of_dataset, photos, shown
from maskbench.gallery.looks import look, looks
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.block import Block
from maskbench.masks.contract import Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import INPUT, Mask
from tests.helpers import loader, stock

CONTEXTS = {kind: of_dataset(dataset_of(typed(stock([f"data={USUAL[kind]}"])))) for kind in KINDS}
ON_INPUTS = [each for each in entries(loader()) if each.config.place == INPUT]
COLUMNS = CONTEXTS["columns"]
RANDOM = Mask(Bernoulli(), Zero(), 0.5)


@dataclass(frozen=True)
class UpTo(Pattern):
    """Reaches rates up to `most`."""

    most: float

    def check(self, features, rate):
        if rate > self.most:
            raise ConfigError(f"at most {self.most}, not {rate}")

    def sample(self, batch, rates, generator):
        return Bernoulli().sample(batch, rates, generator)


@dataclass(frozen=True)
class Highest(Pattern):
    """Hides the cells with the highest scores."""

    scored: ClassVar[str] = "cell"

    def sample(self, batch, rates, generator):
        flat = batch.scores.flatten(1)
        return (flat >= flat.quantile(1 - rates[0].float(), 1, keepdim=True)).view(batch.cells)


@pytest.mark.parametrize("each", ON_INPUTS, ids=lambda each: each.name)
def test_every_mask_on_inputs_can_be_looked_at_on_all_it_fits(each):
    for kind in each.kinds:
        if (each.name, kind) == ("knockout", "sequence"):  # its gap lies within the range of the pixels at the border
            continue
        context = photos() if kind == "image" else CONTEXTS[kind]
        inputs = shown(context, 4)
        kept = inputs.clone()
        for found in looks(each.name, each.mask, context, inputs, [0.4]):
            assert torch.equal(inputs, kept)
            assert torch.equal(found.before, inputs)
            assert found.hidden.dtype == torch.bool
            assert found.hidden.shape == found.after.shape == inputs.shape
            assert bool(found.hidden.any())
            assert found.rate == 0.4
            assert 0 < found.realised <= 1
            assert not found.after.requires_grad


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
def test_cells_that_are_not_hidden_stay(kind):
    context = CONTEXTS[kind]
    inputs = shown(context, 8)
    found = look(Mask(Bernoulli(), Zero(), 0.4), context, inputs)
    assert torch.equal(found.after, inputs.masked_fill(found.hidden, 0))
    assert found.realised == pytest.approx(found.hidden.double().mean().item(), abs=1e-12)


def test_the_realised_rate_leaves_out_what_cannot_be_hidden():
    context = CONTEXTS["tokens"]
    inputs = context.rows[:50]
    bert = next(each for each in ON_INPUTS if each.name == "bert").mask
    found = looks("bert", bert, context, inputs, [1.0])[0]
    assert found.realised == 1.0
    assert not bool(found.hidden.all())


def test_rate_0_shows_nothing_hidden():
    found = looks("x", RANDOM, COLUMNS, shown(COLUMNS, 4), [0.0])[0]
    assert not bool(found.hidden.any())
    assert found.hidden.shape == found.before.shape
    assert found.realised == 0
    assert torch.equal(found.before, found.after)


def test_rates_are_shown_in_their_order():
    inputs = shown(COLUMNS, 200)
    found = looks("x", RANDOM, COLUMNS, inputs, [0.6, 0.1, 1.0])
    assert [each.rate for each in found] == [0.6, 0.1, 1.0]
    for each in found:
        five = 5 * (each.rate * (1 - each.rate) / inputs.numel()) ** 0.5
        assert abs(each.realised - each.rate) <= five


def test_rates_out_of_reach_are_left_out():
    found = looks("x", Mask(UpTo(0.4), Zero(), 0.1), COLUMNS, shown(COLUMNS, 4), [0.1, 0.3, 0.6])
    assert [each.rate for each in found] == [0.1, 0.3]


def test_no_rate_in_reach_is_an_error_that_names_why():
    mask = Mask(UpTo(0.4), Zero(), 0.1)
    with pytest.raises(ConfigError, match=r"^mask 'x' on these data: at most 0.4, not 0.6$"):
        looks("x", mask, COLUMNS, shown(COLUMNS, 4), [0.5, 0.6])
    with pytest.raises(ConfigError, match=r"^no rate to show mask 'x' at$"):
        looks("x", mask, COLUMNS, shown(COLUMNS, 4), [])


def test_a_rate_fixed_by_the_parameters_is_the_only_one():
    context = CONTEXTS["image"]
    found = looks("x", Mask(Block(side=3), Zero(), None), context, shown(context, 4), [0.1, 0.3])
    assert len(found) == 1
    assert found[0].rate == Block(side=3).implied_rate(context.features)
    with pytest.raises(ConfigError, match="Block hides cells of image"):
        looks("x", Mask(Block(side=3), Zero(), None), COLUMNS, shown(COLUMNS, 4), [0.1])


def test_a_mask_inside_a_model_is_refused():
    with pytest.raises(
        ConfigError, match="mask 'x' works inside a model and changes no input; its card: maskbench masks x"
    ):
        looks("x", Mask(Bernoulli(), Zero(), 0.5, place="hidden"), COLUMNS, shown(COLUMNS, 4), [0.5])


@pytest.mark.parametrize("kind", ["columns", "image", "sequence"])
def test_patterns_that_ask_for_scores_get_the_distance_from_the_mean(kind):
    context = photos() if kind == "image" else CONTEXTS[kind]
    inputs = shown(context, 5)
    found = looks("x", Mask(Highest(), Zero(), 0.3), context, inputs, [0.3])[0]
    away = (inputs - context.rows.mean(0)).abs()
    away = away.mean(1, keepdim=True) if kind == "image" else away
    hidden = found.hidden[:, :1] if kind == "image" else found.hidden
    for row in range(5):
        assert bool((~hidden[row]).any())
        if bool(hidden[row].any()):
            assert away[row][hidden[row]].min() >= away[row][~hidden[row]].max()


def test_looks_are_those_of_their_seed():
    inputs = shown(COLUMNS, 4)
    one, same, other = (look(RANDOM, COLUMNS, inputs, seed) for seed in (0, 0, 1))
    assert torch.equal(one.hidden, same.hidden)
    assert not torch.equal(one.hidden, other.hidden)
