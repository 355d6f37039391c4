"""Every option of every group composes, checks and builds: a new YAML is covered by lying in its folder."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from maskbench.config.build import build, dataset_of
from maskbench.config.compose import Composer
from maskbench.config.schema import Config
from maskbench.data.dataset import Dataset
from maskbench.data.fetched import cache
from maskbench.errors import ConfigError, DataError
from maskbench.experiment import run_experiment
from maskbench.sweep.expand import expand
from tests.data.archived import needs, node
from tests.helpers import CONF, FETCHED, FILL_HOMES, OWN, SHIPPED, card, composer, loader, options

GROUPS = sorted(
    str(folder.relative_to(CONF)) for folder in CONF.rglob("*") if folder.is_dir() and list(folder.glob("*.yaml"))
)
CHOICES = [f"{group}={option}" for group in GROUPS for option in options(group) if group != "experiment"]
QUICK = ("train.epochs=1", "train.batch_size=512")


@pytest.fixture(scope="module")
def compose() -> Composer:
    return composer()


def fitting(compose: Composer, overrides: list[str]) -> Config:
    """The config of these overrides on the first data set that fits."""
    for data in ("wine", "digits", "diabetes", "digits_rows", "descriptions"):
        for model in ("mlp", "transformer"):
            chosen = [] if any(override.startswith("model=") for override in overrides) else [f"model={model}"]
            with contextlib.suppress(ConfigError):
                return compose.compose([f"data={data}", *chosen, *overrides])
    raise AssertionError(f"{overrides} fit no data set")


def test_the_groups_are_listed():
    assert {"data", "evaluate", "experiment", "mask", "mask/fill", "model", "preprocess", "tracking", "train"} <= set(
        GROUPS
    )


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if not choice.startswith("data=")])
def test_every_choice_composes_checks_and_runs_on_data_that_fit(compose, choice):
    group, _, name = choice.partition("=")
    given = [f"mask={FILL_HOMES.get(name, 'bernoulli')}"] if group.startswith("mask/") else []
    config = fitting(compose, [*given, choice, *QUICK])
    if group in ("mask", "preprocess", "model"):
        node = getattr(config, group)
        assert (node["name"] if isinstance(node, dict) else node.name) == name
    record = run_experiment(build(config))
    assert record.metrics["fit/epochs"] == 1


def archives(data: str) -> list[str]:
    """The archives a data set is read from."""
    return [key.strip() for key in card(data).get("archive", "").split(",") if key.strip()]


@pytest.mark.parametrize("data", [pytest.param(name, marks=needs(*archives(name))) for name in SHIPPED])
def test_every_data_set_composes_checks_and_runs(compose, data):
    model = "embedding_bag" if "text" in str(node(data).get("defaults")) else "mlp"
    config = compose.compose([f"data={data}", f"model={model}", "mask=none", "evaluate.rates=[0.5]", *QUICK])
    dataset = dataset_of(config)
    assert isinstance(dataset, Dataset)
    assert dataset.description.name == data
    assert run_experiment(build(config)).metrics["fit/epochs"] == 1


@pytest.mark.parametrize("data", OWN)
def test_a_reader_of_own_files_says_in_one_line_what_it_needs(compose, data, monkeypatch, tmp_path):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    with pytest.raises((ConfigError, DataError)) as found:
        compose.compose([f"data={data}"])
    message = str(found.value)
    assert "\n" not in message
    assert ("maskbench data fetch cifar10" if data == "cifar10" else "data.") in message


@pytest.mark.parametrize(
    "experiment", [pytest.param(name, marks=needs(*FETCHED.get(name, ()))) for name in options("experiment")]
)
def test_every_experiment_expands_to_runs_that_check(compose, experiment):
    node = yaml.safe_load((CONF / "experiment" / f"{experiment}.yaml").read_text())
    sweeper = node["hydra"]["sweeper"]
    params = [f"{key}={value}" for key, value in sweeper["params"].items()]
    jobs = list(expand(OverridesParser.create(config_loader=loader()).parse_overrides(params), sweeper.get("zip", ())))
    assert len(jobs) >= 6
    for job in jobs[:: len(jobs) // 6]:
        assert compose.compose([f"experiment={experiment}", *job]).study == experiment


def test_smoke_meets_every_data_set_model_and_mask():
    sweeper = yaml.safe_load((CONF / "experiment" / "smoke.yaml").read_text())["hydra"]["sweeper"]
    met = {key: [name.strip() for name in str(names).split(",")] for key, names in sweeper["params"].items()}
    assert len({len(met[key]) for key in sweeper["zip"][0]}) == 1
    assert set(met["data"]) == set(SHIPPED)
    assert set(met["model"]) == set(options("model"))
    assert set(met["mask"]) == set(options("mask"))


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_file_says_in_a_comment_what_it_is_and_carries_its_own_name(path: Path):
    text = path.read_text()
    lines = text.splitlines()
    assert any(line.startswith("# ") and len(line) > 10 for line in lines[:2])
    node = yaml.safe_load(text)
    if "name" in node:
        assert node["name"] == path.stem
    assert "name" in node or path.parent.name not in ("data", "mask", "fill", "model", "preprocess")


def test_same_stem_three_places():
    """A model has one YAML, one module and one test of the same name; a family of masks one module and one test."""
    here = Path(__file__).parent.parent
    for name in options("model"):
        assert (CONF.parent / "models" / f"{name}.py").is_file()
        assert (here / "models" / f"test_{name}.py").is_file()
    for path in (CONF.parent / "masks").glob("[!_]*.py"):
        assert (here / "masks" / f"test_{path.name}").is_file()


COMPOSE = """
import sys
from omegaconf import OmegaConf
from maskbench.config.compose import Composer
from maskbench.config.identity import identify
from maskbench.config.menu import menu
composer = Composer(menu(), OmegaConf.create({'job': {'config_name': 'config'}, 'overrides': {'hydra': []}}))
identify(composer.compose(['data=wine', 'mask=feature', 'mask.rate=0.2']))
print(sorted({'torch', 'pandas', 'mlflow', 'sklearn'} & set(sys.modules)))
"""


def test_composing_and_checking_never_import_torch():
    found = subprocess.run([sys.executable, "-c", COMPOSE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
