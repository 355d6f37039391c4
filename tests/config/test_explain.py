"""Explain: one line with the nearest right name for what a user got wrong."""

from __future__ import annotations

import pytest

from maskbench.config.explain import EXPLAINED, explain
from maskbench.errors import ConfigError, Diverged, nearest
from tests.helpers import composer, options


@pytest.fixture(scope="module")
def ours():
    return composer()


def line(ours, *overrides: str) -> str:
    with pytest.raises(EXPLAINED) as caught:
        ours.compose(list(overrides))
    return explain(caught.value)


@pytest.mark.parametrize(
    ("choice", "hint"),
    [
        ("mask=bernuli", "bernoulli"),
        ("mask=blok", "block"),
        ("mask/fill=zeros", "zero"),
        ("data=diabetis", "diabetes"),
        ("model=mpl", "mlp"),
        ("preprocess=standart", "standard"),
        ("train=defult", "default"),
    ],
)
def test_an_unknown_choice(ours, choice, hint):
    group, _, _ = choice.partition("=")
    everything = ", ".join(options(group))
    assert line(ours, choice) == f"unknown choice {choice}. Did you mean '{hint}'? There are: {everything}"


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("train.epoch", "epochs"),
        ("train.batchsize", "batch_size"),
        ("mask.rat", "rate"),
        ("model.widht", "width"),
        ("trian.lr", "train"),
        ("sed", "seed"),
        ("split_sed", "split_seed"),
        ("evaluate.rate", "rates"),
        ("compute.thread", "threads"),
    ],
)
def test_an_unknown_setting(ours, setting, hint):
    found = line(ours, f"{setting}=1")
    unknown = setting if setting != "trian.lr" else "trian"
    assert found.startswith(f"unknown setting '{unknown}'. Did you mean '{hint}'? There are: ")
    assert hint in found.partition("There are: ")[2].split(", ")


def test_nothing_is_suggested_where_nothing_is_near(ours):
    assert "Did you mean" not in line(ours, "zzzzzz=1")
    assert "Did you mean" not in line(ours, "mask=zzzzzz")
    assert nearest("zzzz", ["bernoulli"]) == ""
    assert nearest("bernouli", ["block", "bernoulli"]) == " Did you mean 'bernoulli'?"


def test_a_missing_value(ours):
    assert line(ours, "seed=???") == "setting 'seed' is missing; give it a value: seed=..."


@pytest.mark.parametrize("broken", ["mask", "train.lr=[1", "mask=[a]", "mask={a:1}", "train.epochs=1,2"])
def test_what_cannot_be_read_is_one_line_too(ours, broken):
    found = line(ours, broken)
    assert found
    assert "\n" not in found


@pytest.mark.parametrize("error", [ConfigError("rate is wrong"), Diverged("the loss became nan\nand more")])
def test_our_own_errors_say_their_first_line(error):
    assert explain(error) == str(error).split("\n")[0]


def test_an_error_without_words_has_its_name():
    assert explain(ConfigError()) == "ConfigError"


@pytest.mark.parametrize(
    ("other", "ours_is"), [("cutout", "block"), ("SpatialDropout", "channel_dropout"), ("MNAR", "mnar_self")]
)
def test_a_mask_by_the_name_it_has_elsewhere(ours, other, ours_is):
    everything = ", ".join(options("mask"))
    found = line(ours, f"mask={other}")
    assert found == f"unknown choice mask={other}. It is called mask={ours_is} here. There are: {everything}"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.path=~/x.csv", "data.path=~/x.csv cannot be read by Hydra; put the value in quotes of both kinds: "),
        ("data.path=~/x.csv", """: 'data.path="~/x.csv"'"""),
        ("data.target=Größe", """'data.target="Größe"'"""),
        ("data.path=x(1).csv", """'data.path="x(1).csv"'"""),
        ("seed=range(1", "seed=range(1 cannot be read: a bracket is open; close it"),
        ("nonsense", "'nonsense' is no setting; write it as key=value"),
    ],
)  # fmt: skip
def test_an_override_that_hydra_cannot_read(ours, override, said):
    assert said in line(ours, override)
