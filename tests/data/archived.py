"""Tests that read a fetched archive, or a tiny one in its place."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from maskbench.config.build import OURS, make
from maskbench.data.dataset import Dataset
from maskbench.data.fetched import archives, cache
from maskbench.data.fetched.archives import Source, sources
from tests.data.fetched.test_members import zipped
from tests.helpers import CONF


def needs(*keys: str) -> pytest.MarkDecorator:
    """A mark that skips where one of these archives is not fetched, and says how it is."""
    absent = [source.key for source in (sources(keys) if keys else ()) if not cache.find(source)]
    told = ", ".join(f"'{key}'" for key in absent)
    reason = f"not in {cache.archives_folder()}: archive {told}; maskbench data fetch {' '.join(absent)}"
    return pytest.mark.skipif(bool(absent), reason=reason)


def node(name: str) -> dict[str, object]:
    """The YAML of a data set of the menu."""
    return yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())


@lru_cache(maxsize=8)
def shipped(name: str, **changed: object) -> Dataset:
    """A data set of the menu as its YAML describes it, or with settings changed."""
    settings = {key: value for key, value in node(name).items() if key not in (*OURS, "defaults")}
    return make(settings | changed, f"data '{name}'")


def facts(dataset: Dataset) -> dict[str, object]:
    """What can be counted: repeated inputs, inputs that come with several classes, gaps, constant columns, parts."""
    inputs, twins = dataset.inputs, dataset.twins
    found: dict[str, object] = {"shape": inputs.shape, "repeats": len(twins) - len(np.unique(twins))}
    if dataset.description.task == "classification":
        pairs = np.unique(np.stack([twins, dataset.targets]), axis=1)
        found["torn"] = int((np.bincount(pairs[0]) > 1).sum())
        found["classes"] = np.bincount(dataset.targets).tolist()
    if inputs.ndim == 2:
        found["constant"] = np.flatnonzero(np.nanmin(inputs, 0) == np.nanmax(inputs, 0)).tolist()
        gaps = np.isnan(inputs).sum(0)
        found["gaps"] = {dataset.columns[column]: int(gaps[column]) for column in np.flatnonzero(gaps)}
    if dataset.parts is not None:
        found["parts"] = np.bincount(dataset.parts).tolist()
    return {key: value for key, value in found.items() if value}


def assert_told(name: str, found: dict[str, object]) -> None:
    """The card says what `facts` found."""
    card, parts, repeats = node(name)["card"], found.get("parts"), found.get("repeats")
    assert card["size"].startswith(f"{found['shape'][0]} ")
    assert (f"{repeats} rows repeat" if repeats else "No row repeats") in card["notes"]
    split = (
        f"published, {parts[0]} + {parts[2]};" if parts else "drawn 60 / 20 / 20 %, rows with equal inputs on one side"
    )
    assert card["split"].startswith(split)


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, dict[str, bytes]]) -> None:
    """Tiny zip archives in the place of those of the catalogue: their members by archive."""
    (folder / "archives").mkdir()
    planted = []
    for key, members in files.items():
        path = folder / "archives" / f"{key}.whl"
        zipped(path, members)
        packed = path.read_bytes()
        planted.append(Source(key, path.name, len(packed), hashlib.sha256(packed).hexdigest(), "pip", key, "MIT"))
    monkeypatch.setattr(archives, "SOURCES", tuple(planted))
    monkeypatch.setenv(cache.FOLDER, str(folder))
