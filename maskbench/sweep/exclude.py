"""Jobs that a sweep leaves out: those that have all the settings of an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from maskbench.config.identity import canonical
from maskbench.config.schema import Config
from maskbench.errors import ConfigError, nearest
from maskbench.sweep.expand import Overrides

EXCLUDE = "hydra.sweeper.exclude"

Entry = Mapping[str, Any]
"""Settings by name with the value, or a list of the values, that a job must have to be left out."""


MISSING: Any = object()
"""Stands for the value of a setting that a job does not have."""


def entries_of(node: Any) -> tuple[Entry, ...]:
    """The entries of a sweeper's `exclude`; raises ConfigError where it is no list of settings."""
    entries = [] if node is None else node
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and entry for entry in entries):
        raise ConfigError(
            f"{EXCLUDE}={node}: give a list of settings, for example {EXCLUDE}=[{{mask:block,model:linear}}]"
        )
    return tuple(entries)


def said(entry: Entry) -> str:
    """An entry as it is written."""
    return f"{{{', '.join(f'{name}: {value}' for name, value in entry.items())}}}"


def excluded_by(drafts: Sequence[tuple[Overrides, Config]], entries: Sequence[Entry]) -> list[tuple[int, ...]]:
    """For each job the places of the entries that leave it out.

    Raises ConfigError for a name that no job has.
    """
    if not entries:
        return [()] * len(drafts)
    unseen = {name: None for entry in entries for name in entry}
    found = []
    for overrides, draft in drafts:
        config = canonical(draft)
        values = {name: setting(name, overrides, config) for entry in entries for name in entry}
        for name, value in values.items():
            if value is not MISSING:
                unseen.pop(name, None)
        found.append(tuple(place for place, entry in enumerate(entries) if _all_as(entry, values)))
    for name in unseen:
        known = {known for _, draft in drafts[:1] for known in _names(draft)}
        raise ConfigError(f"{EXCLUDE}: no run has a setting '{name}'.{nearest(name, known)}")
    return found


def setting(name: str, overrides: Overrides, config: Config) -> Any:
    """What a job has under this name: a group's choice, or a setting by dotted name; MISSING where it has no such.

    A group whose choices have no name of their own (`train`) means the choice that the overrides make.
    """
    node: Any = config
    for part in name.replace("/", ".").split("."):
        node = _child(node, part)
    if is_dataclass(node) or isinstance(node, Mapping):
        node = _child(node, "name")
    if node is not MISSING:
        return node
    chosen = [line.partition("=")[2] for line in overrides if line.partition("=")[0].lstrip("+") == name]
    return chosen[-1] if chosen else MISSING


def _child(node: Any, name: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(name, MISSING)
    return getattr(node, name, MISSING) if is_dataclass(node) else MISSING


def _all_as(entry: Entry, values: Mapping[str, Any]) -> bool:
    return all(_is(values[name], wanted) for name, wanted in entry.items())


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list) and not isinstance(value, list):
        return any(_is(value, one) for one in wanted)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _names(node: Any, path: str = "") -> Iterator[str]:
    """Every name that `setting` finds in a config."""
    inner: Iterable[tuple[str, Any]] = ()
    if isinstance(node, Mapping):
        inner = node.items()
    elif is_dataclass(node):
        inner = ((field.name, getattr(node, field.name)) for field in fields(node))
    elif path:
        yield path
    for name, value in inner:
        if name == "name":
            yield path
        yield from _names(value, f"{path}.{name}" if path else name)
