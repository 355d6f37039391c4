"""Every data set of the menu with its card, and what is found in one when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from maskbench.config.build import dataset_of, features_of, split_of
from maskbench.config.compose import typed
from maskbench.config.menu import load, menu
from maskbench.data.dataset import Dataset, Rows
from maskbench.data.fetched import archives, cache
from maskbench.errors import ConfigError, nearest

COLUMNS, CLASSES = 40, 20
"""So many are named one by one."""
ASKED = ("path", "target", "id")
"""Settings of a reader of the user's own data that have no value until the user gives one."""


@dataclass(frozen=True)
class Card:
    """What people should know of a data set; `archives` are the keys of those it is read from.

    `asks` are the settings that only the user knows, as the path of a file.
    """

    name: str
    says: dict[str, str] = field(default_factory=dict)
    archives: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """`there`: can be read at once; `fetch`: an archive is missing; `yours`: the user's own files."""
        if self.asks:
            return "yours"
        needed = archives.sources(self.archives) if self.archives else []
        return "there" if all(cache.find(source) for source in needed) else "fetch"

    def lines(self) -> list[str]:
        """The card as lines of text."""
        asks = ", ".join(f"data.{key}=" for key in self.asks)
        rows = [("state", self.state), *(item for item in self.says.items() if item[0] != "about")]
        rows += [("needs", asks)] if asks else []
        width = max(len(key) for key, _ in rows)
        return [f"{self.name}: {self.says.get('about', '')}", *(f"  {key.ljust(width)}  {said}" for key, said in rows)]


def cards(folder: Path | None = None) -> list[Card]:
    """The cards of all data sets in the order of their names; none is read."""
    loader = menu(folder)
    return [_card(loader, name) for name in sorted(loader.get_group_options("data", ObjectType.CONFIG))]


def _card(loader: ConfigLoader, name: str) -> Card:
    found = cast(Any, loader).repository.load_config(f"data/{name}").config
    plain = cast(dict[str, Any], OmegaConf.to_container(found))
    says = {key: str(value) for key, value in (plain.get("card") or {}).items()}
    keys = tuple(key.strip() for key in says.get("archive", "").split(",") if key.strip())
    return Card(name, says, keys, tuple(key for key in ASKED if plain.get(key, "") is None))


def card(name: str, folder: Path | None = None) -> Card:
    """The card of one data set; raises ConfigError with the nearest name."""
    found = {each.name: each for each in cards(folder)}
    if name not in found:
        raise ConfigError(f"there is no data set '{name}'.{nearest(name, found)} All of them: maskbench data")
    return found[name]


def archives_of(names: Sequence[str], folder: Path | None = None) -> list[str]:
    """The keys of the archives that these data sets are read from; the key of an archive stands for itself."""
    known = {each.name: each.archives for each in cards(folder)} | {
        source.key: (source.key,) for source in archives.SOURCES
    }
    for name in names:
        if name not in known:
            raise ConfigError(
                f"there is no data set or archive '{name}'.{nearest(name, known)} All of them: maskbench data"
            )
        if not known[name]:
            raise ConfigError(f"data '{name}' are read from no archive; there is nothing to fetch")
    return list(dict.fromkeys(key for name in names for key in known[name]))


def facts(name: str, overrides: Sequence[str], folder: Path | None = None) -> list[str]:
    """What is in a data set, read with the settings given: shape, parts, classes, columns, gaps, copies."""
    config = typed(load(menu(folder), [f"data={name}", "mask=none", *overrides]))
    dataset, split, after = dataset_of(config), split_of(config), features_of(config)
    description = dataset.description
    shape = " x ".join(str(size) for size in description.features.shape)
    parts = ", ".join(f"{part} {len(rows)}" for part, rows in vars(split).items())
    published = "" if dataset.parts is None or config.data["split"] == "own" else ", published"
    rows = len(dataset.targets)
    lines = [
        f"  found: {rows} rows of {description.features.kind} ({shape}), {description.task}",
        f"  parts: {parts}{published}",
    ]
    if after.shape != description.features.shape:
        lines.append(f"  after preprocessing: {' x '.join(str(size) for size in after.shape)}")
    lines += [*_outcomes(dataset), *_copies(dataset, split.train, split.test), *_columns(dataset)]
    return [*lines, f"  read from: {dataset.origin or 'a function'}", f"  fingerprint: {dataset.fingerprint[:16]}"]


def _outcomes(dataset: Dataset) -> Iterator[str]:
    """Classes with their counts, or the range of a regression's target."""
    targets = dataset.targets
    if dataset.description.task == "regression":
        yield f"  target: from {targets.min():g} to {targets.max():g}, mean {targets.mean():g}"
        return
    counts = np.bincount(targets.astype(np.int64), minlength=dataset.description.outputs)
    names = dataset.classes or tuple(str(number) for number in range(len(counts)))
    first = ", ".join(f"{label} {count}" for label, count in zip(names[:CLASSES], counts, strict=False))
    rest = f" and {len(names) - CLASSES} more" if len(names) > CLASSES else ""
    yield f"  classes: {len(names)}: {first}{rest}"


def _copies(dataset: Dataset, train: Rows, test: Rows) -> Iterator[str]:
    rows, distinct = len(dataset.targets), len(np.unique(dataset.twins))
    if rows > distinct:
        crossing = int(np.isin(dataset.twins[test], dataset.twins[train]).sum())
        yield f"  copies: {rows - distinct} rows repeat another's inputs; {crossing} test rows also occur in train"


def _columns(dataset: Dataset) -> Iterator[str]:
    """Types, categories and gaps, column by column where the columns have names."""
    features = dataset.description.features
    if features.kind == "tokens":
        return
    gaps = np.isnan(dataset.inputs) if dataset.inputs.dtype == np.float32 else np.zeros(dataset.inputs.shape, bool)
    if gaps.any():
        yield f"  gaps: {int(gaps.sum())} of {gaps.size} numbers are not there"
    if features.kind != "columns" or not dataset.columns:
        return
    levels = features.levels or (0,) * features.shape[0]
    for name, count, missing in list(zip(dataset.columns, levels, gaps.sum(0).tolist(), strict=True))[:COLUMNS]:
        kind = f"{count} categories" if count else "number"
        yield f"    {name}: {kind}{f', {missing} missing' if missing else ''}"
    if len(dataset.columns) > COLUMNS:
        yield f"    and {len(dataset.columns) - COLUMNS} more columns"
