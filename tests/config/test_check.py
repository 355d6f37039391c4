"""Checks: what is refused before anything trains, and the one line that says so."""

from __future__ import annotations

import pytest

from maskbench.config.check import RANGES
from maskbench.config.explain import EXPLAINED, explain
from tests.helpers import composer

# per setting: the values just inside, and those just outside
EDGES: dict[str, tuple[list[str], list[str]]] = {
    "train.epochs": (["1"], ["0", "-1"]),
    "train.batch_size": (["1"], ["0", "-1"]),
    "train.lr": (["1e-12", "1e30"], ["0", "-1e-12", "nan", "inf"]),
    "train.weight_decay": (["0"], ["-1e-12", "nan", "inf"]),
    "train.patience": (["1", "null"], ["0", "-1"]),
    "mask.rate": (["0", "1", "1e-9"], ["-1e-9", "1.000001", "nan", "inf"]),
    "tracking.flush_seconds": (["1e-3"], ["0", "-1", "nan", "inf"]),
    "tracking.patience_seconds": (["0"], ["-1", "nan", "inf"]),
    "compute.threads": (["1"], ["0", "-1"]),
    "compute.device": (["auto", "cpu", "cuda"], ["gpu", "CPU", "cuda:0", "''"]),
    "seed": (["0"], ["-1"]),
    "split_seed": (["0", "null"], ["-1"]),
    "study": (["a", "A_1.-b c", "x" * 100], ["''", "x" * 101, "a/b", "'a:b'", "'<b>'"]),
    "evaluate.rates": (
        ["[1.0]", "[0.01,0.5]"],
        ["[0]", "[0.5,0.1]", "[0.1,0.1]", "[1.1]", "[-0.1,0.5]", "[nan]"],
    ),
}
INSIDE = [(name, value) for name, (inside, _) in EDGES.items() for value in inside]
OUTSIDE = [(name, value) for name, (_, outside) in EDGES.items() for value in outside]


@pytest.fixture(scope="module")
def ours():
    return composer()


def refusal(ours, *overrides: str) -> str:
    """The line a user reads."""
    with pytest.raises(EXPLAINED) as caught:
        ours.compose(list(overrides))
    line = explain(caught.value)
    assert "\n" not in line
    return line


def test_every_range_is_tried():
    assert {name for name, _, _ in RANGES} == set(EDGES)


@pytest.mark.parametrize(("name", "value"), INSIDE)
def test_the_ends_of_a_range_are_accepted(ours, name, value):
    ours.compose(["mask=bernoulli", f"{name}={value}"])


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_just_outside_is_refused_with_the_range(ours, name, value):
    wanted = {name: text for name, _, text in RANGES}[name]
    line = refusal(ours, "mask=bernoulli", f"{name}={value}")
    assert line.startswith(f"{name}=")
    assert line.endswith(f"is out of range: it must be {wanted}")


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        # which mask fits which data
        (["data=wine", "mask=block"], "mask 'block' on data 'wine': Block hides cells of image, and these"),
        (["data=wine", "mask=block"], "use bernoulli, exact_count or swap_noise"),
        (["data=digits", "mask=sensor_dropout"], "it hides some channels and keeps others, and these data have one"),
        (["data=digits", "mask=bert"], "fill MaskToken writes into tokens, and these data are image"),
        (["data=digits_rows", "mask=span_fixed", "mask.pattern.length=9"], "pattern.length=9 is not a whole number"),
        (["data=wine", "mask=mar_logistic", "mask.rate=0.9"], "only 0.6923 are in columns that may go missing"),
        (["data=digits", "mask=patch_mask", "mask.pattern.size=3"], "do not divide images of 8 x 8; use 1, 2, 4, 8"),
        (["mask=key_mask"], "works at place 'attention' inside the model, and model 'mlp' names no such place (it"),
        (["model=linear", "mask=hidden_dropout"], "model 'linear' names no such place (it has none); choose another"),
        (["mask=bernoulli", "mask.place=hidden", "mask/fill=mean"], "fill Mean works on the input only; set"),
        (["mask=bernoulli", "mask/schedule=cosine", "mask.schedule.spread=2"], "schedule.spread is how far the rate"),
        (["data=descriptions"], "takes columns or image or sequence, and data 'descriptions' are tokens"),
        (["data=descriptions"], "choose another model, for example model=transformer"),
        (["data=descriptions", "model=transformer", "evaluate=default"], "fill Zero writes into columns"),
        (["data=wine", "model=cnn"], "model 'cnn' takes image, and data 'wine' are columns; choose another model"),
        # settings of a mask
        (["mask=bernoulli", "mask.rate=null"], "it needs a rate; set mask.rate to a number"),
        (["mask=bernoulli", "mask.rescale=inverse"], "rescale is one of none, inverted, sparsity, not 'inverse'"),
        (["mask=bernoulli", "mask/fill=mean", "mask.rescale=inverted"], "rescale=inverted undoes a fill"),
        (["mask=gaussian_noise", "mask.fill.std=-1"], "fill.std is a spread of at least 0, not -1"),
        (["mask=gaussian_noise", "mask.fill.mode=multiply"], "fill.mode is one of replace, add, scale, not 'multiply'"),
        (["mask=uniform_scale", "mask.fill.low=1"], "fill.low is the smallest factor and lies in [0, 1), not 1"),
        (["mask=gaussian_noise", "mask/fill=zero"], "mask 'gaussian_noise' fill: "),
        (["mask=block", "+mask.pattern.sides=3"], "mask 'block' pattern: "),
        (["mask=block", "mask.pattern.side=3"], "amount to a rate of 0.118, and a rate is set"),
        (["mask=block", "mask.pattern.side=99", "mask.rate=null"], "pattern.side=99 pixels is not between 0 and 16"),
        # evaluation
        (["evaluate.rates=[]"], "evaluate.rates is empty, and the corruptions need test rates"),
        (["evaluate.corruptions.gaussian_noise.fill.std=-1"], "mask 'evaluate.corruptions.gaussian_noise' on data"),
        (["+mask@evaluate.corruptions.text=bert"], "mask 'evaluate.corruptions.text' on data"),
        (["+mask@evaluate.corruptions.x=hardest_first"], "follows the losses of training and cannot be met in a test"),
        (["+mask@evaluate.corruptions.x=bernoulli_learned"], "is trained along with the model and cannot be met"),
        (["+mask@evaluate.corruptions.x=hidden_dropout"], "works inside the model and cannot be met in a test"),
        (["+mask@evaluate.corruptions.x=uniform_scale_compounding"], "overwrites the training inputs and cannot"),
        (["evaluate.corruptions.bernoulli.rate=2"], "mask 'evaluate.corruptions.bernoulli' on data"),
        # data and targets
        (["data.layout=tensor"], "data.layout is one of image, columns, rows, not 'tensor'"),
        (["data.name=null"], "data has no name; choose one, for example data=digits"),
        (["model.name=null"], "model has no name; choose one, for example model=mlp"),
        (["data._target_=maskbench.data.sets.bundled.nothing"], "data 'digits': "),
        (["data._target_=builtins.dict"], "data 'digits': "),
        (["~data._target_"], "data 'digits' names no _target_"),
        (["mask=bernoulli", "mask.pattern._target_=maskbench.masks.nowhere.Pattern"], "mask 'bernoulli' pattern: "),
        (["preprocess.steps=[1]"], "preprocess 'standard'"),
        (["preprocess.steps=[{_target_:maskbench.data.preprocess.step.Nothing}]"], "preprocess 'standard'"),
    ],
)  # fmt: skip
def test_misfits_are_refused_in_one_line(ours, overrides, line):
    assert line in refusal(ours, *overrides)
    assert line in refusal(ours, *overrides)  # nothing of the first time is kept


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed=1.5", "seed=1.5: Value '1.5' of type 'float' could not be converted to Integer"),
        ("seed=true", "seed=true: "),
        ("seed=null", "seed=null: "),
        ("train.lr=fast", "train.lr=fast: Value 'fast' of type 'str' could not be converted to Float"),
        ("train.epochs=2.5", "train.epochs=2.5: "),
        ("mask.rate=true", "mask.rate=true: "),
        ("mask.rate=much", "mask.rate=much: "),
        ("evaluate.rates=[0.1,much]", "evaluate.rates=[0.1,much]: "),
        ("evaluate.rates=0.1", "evaluate.rates=0.1: "),
        ("model.width=wide", "model.width=wide is a str, and model.width takes a int such as 128"),
        ("model.width=2.5", "model.width=2.5 is a float"),
        ("model.width=true", "model.width=True is a bool"),
        ("model.dropout=true", "model.dropout=True is a bool"),
        ("model.dropout=a", "model.dropout=a is a str"),
        ("data.layout=3", "data.layout=3 is a int"),
        ("mask.fill.std=much", "mask.fill.std=much is a str, and mask.fill.std takes a float such as 1.0"),
        ("mask.fill.std=null", "mask.fill.std=None is a NoneType"),
        ("mask.fill.std=[1]", "mask.fill.std=[1] is a list"),
        ("model.dropout=null", "model.dropout=None is a NoneType"),
        ("evaluate.corruptions.gaussian_noise.fill.std=a", "evaluate.corruptions.gaussian_noise.fill.std=a is a str"),
        ("evaluate.corruptions.gaussian_noise.fill.std=null", "evaluate.corruptions.gaussian_noise.fill.std=None is"),
    ],
)
def test_wrong_types_are_refused(ours, override, line):
    assert line in refusal(ours, "mask=gaussian_noise", override)


@pytest.mark.parametrize("override", ["model.dropout=0", "model.width=7", "mask.fill.std=2", "train.lr=1"])
def test_a_whole_number_may_stand_for_a_float(ours, override):
    ours.compose(["mask=gaussian_noise", override])
