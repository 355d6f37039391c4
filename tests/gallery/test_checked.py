"""`maskbench check` on a user's own module: what holds, what does not and how, and what cannot be checked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maskbench.cli import app
from maskbench.masks import conformance
from maskbench.masks.checks import EXACT, STATISTICAL

CHECKS = len(EXACT + STATISTICAL)
OWN = """
from dataclasses import dataclass
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.cells import along, uniform
from maskbench.masks.contract import Fill, Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask


@dataclass(frozen=True)
class Good(Pattern):
    power: float = 1.0

    def sample(self, batch, rates, generator):
        return uniform(batch.cells, generator) < along(rates ** self.power, len(batch.cells))


@dataclass(frozen=True)
class Needs(Good):
    must: int = None

    def check(self, features, rate):
        assert self.must == 3
        super().check(features, rate)


@dataclass(frozen=True)
class Flat(Good):
    def sample(self, batch, rates, generator):
        return super().sample(batch, rates, generator).repeat_interleave(3, 0)


@dataclass(frozen=True)
class Picky(Good):
    kinds = ()


@dataclass(frozen=True)
class Minus(Fill):
    def apply(self, inputs, hidden, generator, context):
        return inputs.masked_fill(hidden, -1.0)


@dataclass(frozen=True)
class Both(Fill):
    def apply(self, inputs, hidden, generator, context):
        return inputs.masked_fill(hidden, -1.0) + 1


def made():
    return Mask(Good(), Minus(), 0.2)


ready = Mask(Good(), Zero(), 0.2)
settled = Good()
number = 3
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """A user's folder with a module; fewer rates, batches and samples."""
    Path(tmp_path / "own_masks.py").write_text(OWN)
    Path(tmp_path / "broken_masks.py").write_text("import nothing_of_that_name\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(conformance, "RATES", (0.0, 0.3, 1.0))
    monkeypatch.setattr(conformance, "BATCHES", (2, 31))
    monkeypatch.setattr(conformance, "SAMPLES", 1024)
    yield
    for name in ("own_masks", "broken_masks"):
        sys.modules.pop(name, None)
    assert str(tmp_path) not in sys.path


def check(*words: str, code: int) -> list[str]:
    done = CliRunner().invoke(app, ["check", *words])
    assert done.exit_code == code, done.output
    assert bool(done.stderr) == (code == 2)
    return (done.stderr or done.stdout).splitlines()


@pytest.mark.parametrize(
    ("target", "titles"),
    [
        ("own_masks:Good", ["with fill Zero on columns, image, sequence", "with fill Unknown on tokens"]),
        ("own_masks:settled", ["with fill Zero on columns, image, sequence", "with fill Unknown on tokens"]),
        ("own_masks:ready", ["with pattern Good on columns, image, sequence"]),
        ("own_masks:made", ["with pattern Good on columns, image, sequence"]),
        ("own_masks:Minus", ["with pattern Bernoulli on columns, image, sequence"]),
        ("maskbench.masks.block:Block", ["with fill Zero on image"]),
    ],
)
def test_what_holds(target, titles):
    lines = check(target, code=0)
    assert [line for line in lines if line.startswith(target)] == [f"{target} {title}" for title in titles]
    assert sum(line.startswith("  ok     ") for line in lines) == CHECKS * len(titles)
    assert len(lines) == (CHECKS + 1) * len(titles) + 1
    assert lines[-1] == "all checks hold"


def test_a_mask_of_the_menu():
    lines = check("cutout", code=0)
    assert lines[0] == "block on image"
    assert lines[-1] == "all checks hold"


def test_a_mask_of_the_users_own_menu(tmp_path):
    (tmp_path / "conf" / "mask").mkdir(parents=True)
    (tmp_path / "conf" / "mask" / "mine.yaml").write_text(
        "defaults: [{fill: zero}, {schedule: constant}, _self_]\nname: mine\nrate: 0.3\n"
        "pattern: {_target_: maskbench.masks.block.Block}\n"
    )
    assert check("mine", "--config-dir", "conf", code=0)[0] == "mine on image"


def test_settings_are_read_as_yaml():
    lines = check("own_masks:Good", "power=1", code=0)
    assert lines[-1] == "all checks hold"
    assert check("own_masks:Needs", "must=3", code=0)[-1] == "all checks hold"


def test_parameters_that_fix_the_rate():
    lines = check("maskbench.masks.block:Block", "side=1", code=0)
    assert lines[0] == "maskbench.masks.block:Block with fill Zero on image"


@pytest.mark.parametrize(
    ("words", "name", "how"),
    [
        (("own_masks:Good", "power=2"), "the realised rate is the nominal one", "of the cells were hidden at rate 0.3"),
        (("own_masks:Flat",), "hidden is bool and broadcasts", "Error: "),
        (("own_masks:Both",), "visible cells keep every bit", "a visible cell was changed"),
    ],
)
def test_what_does_not_hold_says_how_and_where(words, name, how):
    lines = check(*words, code=1)
    (failed,) = [line for line in lines if line.startswith(f"  FAILED {name}: ")][:1]
    assert how in failed
    assert failed.endswith(")")
    assert ", batch of " in failed
    assert lines[-1] == "some checks do not hold: see FAILED above"
    assert sum(line.startswith(("  ok", "  FAILED")) for line in lines) % CHECKS == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("own_mask:Good",), "module 'own_mask' cannot be imported from here: No module named 'own_mask'"),
        (("broken_masks:Good",), "No module named 'nothing_of_that_name'"),
        ((":Good",), "module '' cannot be imported from here"),
        (("own_masks:good",), "module 'own_masks' has no 'good'. Did you mean 'Good'?"),
        (("own_masks:",), "module 'own_masks' has no ''."),
        (("own_masks:Good", "powr=2"), "unexpected keyword argument 'powr'"),
        (("own_masks:Good", "power"), "'power' is no setting; write name=value"),
        (("own_masks:Good", "power=[1"), "'power=[1' is no setting; write name=value"),
        (("own_masks:Pattern",), "own_masks:Pattern cannot be made: Can't instantiate abstract class Pattern"),
        (("own_masks:number",), "own_masks:number is a int; a pattern subclasses maskbench.masks.contract.Pattern"),
        (("own_masks:Picky",), "own_masks:Picky accepts none of the shapes it is tried on"),
        (("bernuli",), "there is no mask 'bernuli'. Did you mean 'bernoulli'?"),
        (("bernoulli", "unit=step"), "mask 'bernoulli' has its settings in its YAML"),
        (("bernoulli", "--config-dir", "nowhere"), "--config-dir=nowhere is no folder"),
    ],
)
def test_what_cannot_be_checked_is_one_line(words, says):
    lines = check(*words, code=2)
    assert len(lines) == 1
    assert lines[0].startswith("maskbench: error: ")
    assert says in lines[0]
