"""What to run: expand overrides, make them canonical, drop repetitions, add partners, leave out what is finished."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hydra.core.override_parser.types import Override

from maskbench.config.compose import Composer
from maskbench.config.identity import identify, partner
from maskbench.config.schema import Config
from maskbench.errors import ConfigError
from maskbench.records import UNMASKED, Identity
from maskbench.tracking.known import Known

Overrides = tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """One run of a sweep, its config composed and checked; `overrides` compose the same one again."""

    config: Config
    identity: Identity
    overrides: Overrides

    def under(self, sweep: str, parent: str) -> Planned:
        """The same run, told which sweep and parent run it belongs to."""
        tracking = replace(self.config.tracking, sweep=sweep, parent=parent)
        told = (f"tracking.sweep={sweep}", f"tracking.parent={parent}")
        return Planned(replace(self.config, tracking=tracking), self.identity, (*self.overrides, *told))


@dataclass(frozen=True)
class Plan:
    """The distinct runs of a sweep, each partner before the first run that needs it."""

    runs: tuple[Planned, ...]
    duplicates: int
    partners: int
    uri: str | None
    study: str

    @property
    def key(self) -> str:
        """Hash of all keys: the same command gives the same sweep."""
        keys = sorted(run.identity.key for run in self.runs)
        return hashlib.sha256("".join(keys).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Standing:
    """A plan against what the store knows: `todo` is what still needs training."""

    todo: tuple[Planned, ...]
    finished: tuple[Planned, ...]
    counts: Counter[str]
    """How many of the plan are new, finished, failed, stale, or running in another process."""
    other_code: int
    """Finished runs of another version of the code."""


def expand(overrides: Sequence[Override]) -> Iterator[Overrides]:
    """Every combination of the swept values; a later override replaces an earlier one of the same key."""
    values: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_sweep_override():
            if key == "experiment":
                raise ConfigError(
                    "experiment takes one choice in a sweep: its launcher and sweep settings cannot differ by run"
                )
            if not override.is_discrete_sweep():
                raise ConfigError(f"{override.input_line}: only lists, range, choice and glob can be swept")
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            values[key] = [f"{key}={override.get_value_element_as_str()}"]
    yield from itertools.product(*values.values())


def make_plan(composer: Composer, jobs: Iterable[Overrides]) -> Plan:
    """Compose, check and deduplicate the jobs and add their unmasked partners."""
    distinct: dict[str, Planned] = {}
    duplicates = 0
    places: set[tuple[str | None, str]] = set()
    for overrides in jobs:
        run = planned(composer, overrides)
        places.add((run.config.tracking.uri, run.config.study))
        duplicates += run.identity.key in distinct
        distinct.setdefault(run.identity.key, run)
    if len(places) != 1:
        raise ConfigError("a sweep is one study in one store; do not sweep over study or tracking.uri")
    runs: dict[str, Planned] = {}
    for run in distinct.values():
        pair_key = run.identity.pair_key
        if pair_key not in runs:
            runs[pair_key] = _partner(run)
        runs[run.identity.key] = run
    return Plan(tuple(runs.values()), duplicates, len(runs) - len(distinct), *places.pop())


def planned(composer: Composer, overrides: Sequence[str]) -> Planned:
    """One run, composed and checked."""
    config = composer.compose(overrides)
    return Planned(config, identify(config), tuple(overrides))


def _partner(run: Planned) -> Planned:
    unmasked = partner(run.config)
    kept = [line for line in run.overrides if not line.lstrip("+~").startswith(("mask=", "mask.", "mask/"))]
    return Planned(unmasked, identify(unmasked), (*kept, f"mask={UNMASKED}"))


def standing(plan: Plan, known: Iterable[Known], code: str) -> Standing:
    """Which runs of the plan are finished, and why the others are not."""
    states: dict[str, str] = {}
    codes: dict[str, str] = {}
    for run in known:
        if states.get(run.key) != "finished":
            states[run.key] = _state(run)
            codes[run.key] = run.tags.get("code", "")
    finished = tuple(run for run in plan.runs if states.get(run.identity.key) == "finished")
    todo = tuple(run for run in plan.runs if states.get(run.identity.key) != "finished")
    counts = Counter(states.get(run.identity.key, "new") for run in plan.runs)
    return Standing(todo, finished, counts, sum(codes[run.identity.key] != code for run in finished))


def _state(run: Known) -> str:
    if run.status == "RUNNING":
        return "running" if run.running else "stale"
    return run.status.lower()
