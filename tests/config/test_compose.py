"""Compose: the cached menu gives what Hydra's own composition gives, for every choice and kind of override."""

from __future__ import annotations

import itertools

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from omegaconf import OmegaConf

from maskbench.config import compose
from maskbench.config.compose import Composer, typed
from maskbench.config.explain import EXPLAINED, explain
from maskbench.config.identity import canonical
from maskbench.config.menu import menu
from maskbench.config.schema import MaskConfig
from maskbench.errors import ConfigError
from tests.helpers import BUNDLED, CONF, FETCHED, FILL_HOMES, composer, data_for, home, loader, options

FITTING = [
    *([f"data={name}", "model=transformer"] for name in BUNDLED),
    *([f"model={name}", f"data={data_for(name)}"] for name in options("model")),
    *([f"preprocess={name}"] for name in options("preprocess")),
    *([f"preprocess/scale={name}"] for name in ("none", "robust")),
    *([f"preprocess/impute={name}"] for name in ("mean", "median")),
    ["preprocess/encode=ordinal"],
    ["preprocess/denoise=median"],
    *(list(home(name)) for name in options("mask")),
    *(list(home(FILL_HOMES.get(name, "exact_count"), name)) for name in options("mask/fill")),
    *([f"mask/schedule={name}", "mask=bernoulli"] for name in options("mask/schedule")),
    *([f"train={name}"] for name in options("train")),
    ["evaluate=default"],
    ["evaluate=text", "data=descriptions", "model=transformer"],
    *([f"tracking={name}"] for name in options("tracking")),
    *([f"experiment={name}"] for name in options("experiment") if name not in FETCHED),
]
VALUES = [
    [],
    ["seed=3", "train.lr=0.1", "train.patience=4", "mask.rate=0.125"],
    ["evaluate.rates=[0.2,0.4]", "study=a study", "split_seed=0", "+model.note=hello"],
    ["train.epochs=1", "train.epochs=2", "compute.threads=2", "tracking.uri=sqlite:///x.db", "+model.extra={a:1}"],
    ["~evaluate.corruptions.bernoulli", "train.lr=1", "preprocess.steps=[]"],
    ["seed=${train.epochs}", "train.epochs=7"],
    ["mask.rate=1", "evaluate.rates=[0.5,1]", "model.name='1.50'", "split_seed=null", "study=3", "train.lr=1e-4"],
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


@pytest.fixture
def thorough(monkeypatch):
    """The overrides that OmegaConf was asked to set on a copy of the whole menu."""
    seen, by_omegaconf = [], compose._by_omegaconf
    monkeypatch.setattr(
        compose, "_by_omegaconf", lambda node, values: seen.extend(map(str, values)) or by_omegaconf(node, values)
    )
    return seen


def test_an_ordinary_sweep_sets_kept_values(ours, thorough):
    for mask, lr, seed in itertools.product(("mask=none", "mask=block"), ("train.lr=0.1", "train.lr=1"), range(3)):
        ours.compose(["data=digits", mask, "mask.rate=0.5", lr, f"seed={seed}", "model.width=7", "split_seed=null"])
    ours.compose(["mask=gaussian_noise", "evaluate.rates=[0.2]", "evaluate.corruptions.gaussian_noise.fill.std=2"])
    ours.compose([])
    assert not thorough


@pytest.mark.parametrize(
    "odd",
    [
        ["+model.note=x"],
        ["++seed=3"],
        ["~evaluate.corruptions.bernoulli"],
        ["seed=${train.epochs}"],
        ["study='${data.name}'"],
        ["compute={threads:2}"],
        ["train.lr=0.1", "train.lr=0.2"],
        ["model.places={hidden:{kind:image}}", "model.places.hidden.kind=columns"],
        ["evaluate.rates.0=0.05"],
        ["mask.card.hides=little"],
        ["evaluate.corruptions.bernoulli.card={hides:little}"],
    ],
    ids=" ".join,
)
def test_what_is_not_ordinary_is_left_to_omegaconf(ours, thorough, odd):
    ours.compose(["mask=bernoulli", *odd])
    assert thorough


LINES = [
    "seed=3", "seed=1.5", "seed=???", "split_seed=null", "train.lr=1", "train.lr=fast", "train.lr.x=1", "compute=3",
    "mask.rate=null", "mask.rate='0.5'", "mask.fill.std=2", "mask.fill.std=null", "mask.fill=null", "mask.pattern={}",
    "mask.pattern.side=low", "mask.card=null", "model.width=2.5", "model.places=null", "model.places.hidden.kind=image",
    "data.nonsense=1", "nonsense=1", "__class__=1", "study=1.50", "compute.threads=1.0", "evaluate.corruptions=null",
    "evaluate.rates=[1]", "evaluate.rates=[0.1,much]", "evaluate.rates.0=0.2", "preprocess.steps=[]", "tracking.uri=x",
    "train.epochs=${train.batch_size}", "train.batch_size=32", "mask.pattern={side:low}", "~model.width", "~mask.rate",
]  # fmt: skip
"""Good and bad, ordinary and odd."""


@pytest.mark.parametrize("mask", ["gaussian_noise", "mnar_self", "drop_block"])
def test_both_ways_lead_to_the_same(monkeypatch, mask):
    def outcome(ours: Composer, lines) -> str:
        try:
            return repr(ours.draft([f"mask={mask}", *lines]))
        except EXPLAINED as error:
            return explain(error)

    quick, thorough = composer(), composer()
    monkeypatch.setattr(thorough, "_independent", lambda *_: None)
    for lines in (*([line] for line in LINES), *itertools.pairwise(LINES), *zip(LINES[7:], LINES, strict=False)):
        assert outcome(quick, lines) == outcome(thorough, lines), lines


@pytest.mark.parametrize("line", ["mask.pattern.side=low", "mask.pattern.side=2", "mask.pattern.side=null"])
def test_a_value_that_fits_one_menu_is_refused_by_another(line):
    """The side of a block is a number, of another null, and of mnar_self a word."""
    fresh, fitting = composer(), {"low": {"block", "mnar_self"}, "2": {"block", "drop_block"}}
    for mask in ("block", "mnar_self", "drop_block", "block"):
        if mask in fitting.get(line.partition("=")[2], {"block", "mnar_self"}):
            fresh.draft([f"mask={mask}", line])
        else:
            with pytest.raises(ConfigError, match=r"mask\.pattern\.side"):
                fresh.draft([f"mask={mask}", line])


def test_a_menu_may_refer_and_leave_open(tmp_path):
    own = yaml.safe_load((CONF / "mask" / "bernoulli.yaml").read_text())
    follows, asks = own | {"rate": "${train.lr}"}, own | {"pattern": own["pattern"] | {"unit": "???"}}
    (tmp_path / "mask").mkdir()
    for name, node in {"follows": follows, "asks": asks}.items():
        (tmp_path / "mask" / f"{name}.yaml").write_text(yaml.safe_dump(node, sort_keys=False))
    users = composer(menu(tmp_path))
    assert [users.compose(["mask=follows", f"train.lr={lr}"]).mask.rate for lr in (0.25, 0.5)] == [0.25, 0.5]
    assert users.compose(["mask=asks", "mask.pattern.unit=cell", "seed=2"]).mask.pattern["unit"] == "cell"
    with pytest.raises(EXPLAINED, match=r"mask\.pattern\.unit"):
        users.compose(["mask=asks", "seed=2"])


@pytest.mark.parametrize("line", ["evaluate.rates=[0.1,0.4]", "model.accepts=[columns,image]"])
def test_runs_share_no_value(ours, line):
    first, expected = ours.compose([line, "seed=1"]), ours.compose([line, "seed=1"])
    first.evaluate.rates.clear()
    first.model["accepts"].clear()
    first.model["places"]["hidden"].clear()
    assert ours.compose([line, "seed=1"]) == expected
    assert expected.evaluate.rates
    assert expected.model["accepts"]


def test_what_a_mask_says_to_people_can_be_set_and_changes_no_run(ours):
    said = ours.compose(["mask=bernoulli", "mask.card.hides=little", "evaluate.corruptions.bernoulli.card.use=none"])
    assert said == ours.compose(["mask=bernoulli"])


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
