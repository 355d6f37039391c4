"""From overrides to jobs: every combination of the swept values, with keys that move together as one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from maskbench.errors import ConfigError, nearest

Overrides = tuple[str, ...]
"""What composes one job."""

ZIP = "hydra.sweeper.zip"


def expand(overrides: Sequence[Override], zipped: Sequence[Sequence[str]] = ()) -> Iterator[Overrides]:
    """Every combination of the swept values; the keys of a zipped group take their first values together, and so on.

    A later override replaces an earlier one of the same key.
    """
    axes: dict[str, list[Overrides]] = {}
    swept: set[str] = set()
    for override in overrides:
        key = override.get_key_element()
        swept.discard(key)
        if override.is_sweep_override():
            swept.add(key)
        axes[key] = [(f"{key}={value}",) for value in _values(override)]
    for group in zipped:
        _zip(axes, swept, group)
    for combination in itertools.product(*axes.values()):
        yield tuple(itertools.chain.from_iterable(combination))


def _values(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise ConfigError(f"{override.input_line}: only lists, range, choice and glob can be swept")
    values = list(override.sweep_string_iterator())
    if not values:
        raise ConfigError(f"{override.input_line}: it has no value; give it at least one")
    return values


def _zip(axes: dict[str, list[Overrides]], swept: set[str], group: Sequence[str]) -> None:
    """Make one axis of a group of keys, in the place of the first."""
    said = f"{ZIP}=[[{','.join(group)}]]"
    names = {key.lstrip("+~"): key for key in axes if key in swept}
    for name in group:
        if name not in names:
            raise ConfigError(
                f"{said}: {name} is not swept.{nearest(name, names)} Give it as many values as the others"
            )
    keys = [names[name] for name in group]
    lengths = [len(axes[key]) for key in keys]
    if len(set(lengths)) > 1:
        counts = ", ".join(f"{name} has {length}" for name, length in zip(group, lengths, strict=True))
        raise ConfigError(f"{said}: keys that move together take equally many values; {counts}")
    rows = zip(*(axes[key] for key in keys), strict=True)
    together = [tuple(itertools.chain.from_iterable(row)) for row in rows]
    first = next(key for key in axes if key in keys)
    for key in keys:
        axes[key] = together if key == first else [()]


def zip_groups(node: Any) -> tuple[tuple[str, ...], ...]:
    """The groups of keys of a sweeper's `zip`; raises ConfigError where it is no list of lists of names."""
    form = f"{ZIP}={node}: give groups of swept keys, for example {ZIP}=[[data,model]]"
    groups = [] if node is None else node
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        raise ConfigError(form)
    names = [name for group in groups for name in group]
    if not all(isinstance(name, str) for name in names) or any(len(group) < 2 for group in groups):
        raise ConfigError(form)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"{ZIP}={node}: {twice[0]} stands twice; a key moves with one group only")
    return tuple(tuple(group) for group in groups)


def params_of(node: Any) -> list[str]:
    """A sweeper's `params` as overrides; raises ConfigError where it is no mapping."""
    if node is not None and not isinstance(node, Mapping):
        raise ConfigError(
            f"hydra.sweeper.params={node}: give names and values, for example {{mask: 'bernoulli,block'}}"
        )
    return [f"{key}={value!s}" for key, value in (node or {}).items()]
