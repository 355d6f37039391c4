"""Compose: the cached menu gives what Hydra's own composition gives, for every choice and kind of override."""

from __future__ import annotations

import itertools

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from omegaconf import OmegaConf

from maskbench.config.compose import Composer, typed
from maskbench.config.explain import EXPLAINED
from maskbench.config.identity import canonical
from maskbench.config.schema import MaskConfig
from maskbench.errors import ConfigError
from tests.helpers import FILL_HOMES, composer, home, loader, options

FITTING = [
    *([f"data={name}", "model=transformer"] for name in options("data")),
    *([f"model={name}", "data=digits"] for name in options("model")),
    *([f"preprocess={name}"] for name in options("preprocess")),
    *(list(home(name)) for name in options("mask")),
    *(list(home(FILL_HOMES.get(name, "exact_count"), name)) for name in options("mask/fill")),
    *([f"mask/schedule={name}", "mask=bernoulli"] for name in options("mask/schedule")),
    *([f"train={name}"] for name in options("train")),
    ["evaluate=default"],
    ["evaluate=text", "data=descriptions", "model=transformer"],
    *([f"tracking={name}"] for name in options("tracking")),
    *([f"experiment={name}"] for name in options("experiment")),
]
VALUES = [
    [],
    ["seed=3", "train.lr=0.1", "train.patience=4", "mask.rate=0.125"],
    ["evaluate.rates=[0.2,0.4]", "study=a study", "split_seed=0", "+model.note=hello"],
    ["train.epochs=1", "train.epochs=2", "compute.threads=2", "tracking.uri=sqlite:///x.db", "+model.extra={a:1}"],
    ["~evaluate.corruptions.bernoulli", "train.lr=1", "preprocess.steps=[]"],
    ["seed=${train.epochs}", "train.epochs=7"],
]


@pytest.fixture(scope="module")
def ours() -> Composer:
    return composer()


def by_hydra(overrides):
    """The canonical config by Hydra's public way."""
    with initialize_config_module("maskbench.conf", version_base="1.3"):
        node = hydra_compose("config", overrides)
    return canonical(typed(node))


PAIRS = [(groups, VALUES[place % len(VALUES)]) for place, groups in enumerate(FITTING)]
"""Every choice with one of the value overrides, every value override with ten choices: Hydra takes its time."""


@pytest.mark.parametrize(("groups", "values"), PAIRS, ids=" ".join)
def test_it_equals_hydra(ours, groups, values):
    if "data=descriptions" in groups:  # its corruptions are others
        values = [value for value in values if not value.startswith("~evaluate")] or ["seed=4"]
    overrides = [*values[:1], *groups, *values[1:]]
    found, expected = ours.compose(overrides), by_hydra(overrides)
    assert found == expected
    assert repr(found) == repr(expected)  # 1 is not 1.0


def test_composing_one_run_changes_no_other(ours):
    before = ours.compose(["mask=bernoulli"])
    changed = ours.compose(["mask=bernoulli", "mask.rate=0.9", "+mask.pattern._convert_=all", "evaluate.rates=[1.0]"])
    changed.data["layout"] = "spoiled"
    changed.evaluate.corruptions.clear()
    assert ours.compose(["mask=bernoulli"]) == before
    assert before.evaluate.corruptions


def test_the_order_of_runs_does_not_matter():
    jobs = list(itertools.product(["mask=none", "mask=bernoulli"], ["train.lr=0.1", "train.lr=0.2"], ["seed=0"]))
    forth, back = composer(), composer()
    one = [forth.compose(job) for job in jobs]
    two = [back.compose(job) for job in reversed(jobs)]
    assert one == two[::-1]


def test_groups_are_composed_once(ours, monkeypatch):
    fresh, calls = composer(), []
    load = fresh._loader.load_configuration
    monkeypatch.setattr(fresh._loader, "load_configuration", lambda *args: calls.append(args) or load(*args))
    for seed in range(5):
        fresh.compose(["data=wine", "mask=bernoulli", f"seed={seed}"])
    assert len(calls) == 1


def test_overrides_of_hydra_itself_reach_the_composition():
    def told(*own: str) -> Composer:
        return Composer(loader(), OmegaConf.create({"job": {"config_name": "config"}, "overrides": {"hydra": own}}))

    assert told("hydra.job.name=x").compose([]) == told().compose([])
    with pytest.raises(EXPLAINED):
        told("hydra.nonsense=x").compose([])


@pytest.mark.parametrize("rate", ["", "mask.rate=0.7", "mask.rate=0"])
@pytest.mark.parametrize(
    "more", [[], ["mask/fill=noise"], ["mask.rescale=inverted"], ["mask/fill=noise", "mask.fill.std=9"]]
)
def test_none_has_one_form(ours, rate, more):
    found = ours.compose([*(["mask=none", rate] if rate else ["mask=none"]), *more])
    assert found == ours.compose([])
    assert found.mask == MaskConfig()


def test_other_masks_keep_what_they_say(ours):
    mask = ours.compose(["mask=bernoulli", "mask/fill=noise", "mask.rate=0", "mask.fill.std=2"]).mask
    assert (mask.name, mask.rate, mask.rescale) == ("bernoulli", 0.0, "none")
    assert isinstance(mask.rate, float)
    assert (mask.fill["name"], mask.fill["std"]) == ("noise", 2)


@pytest.mark.parametrize("where", ["train.", "evaluate.", "tracking.", "compute.", "preprocess.", "mask.", ""])
def test_keys_cannot_be_added_to_typed_nodes(ours, where):
    with pytest.raises(EXPLAINED):
        ours.compose([f"+{where}nonsense=1"])


@pytest.mark.parametrize("where", ["train.", "compute.", ""])
def test_added_keys_are_refused_by_name_with_the_nearest(ours, where):
    known = {"train.": "epochs", "compute.": "threads", "": "study"}[where]
    with pytest.raises(ConfigError, match=rf"unknown setting '{where}{known}x'\. Did you mean '{known}'\?"):
        ours.compose([f"+{where}{known}x=1"])
