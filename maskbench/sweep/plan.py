"""What to run: compose jobs, leave out the excluded, drop repetitions, add partners, leave out what is finished."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from maskbench.config.compose import Composer, checked
from maskbench.config.identity import identify, partner
from maskbench.config.schema import Config
from maskbench.errors import ConfigError, nearest
from maskbench.records import UNMASKED, Identity
from maskbench.sweep.exclude import EXCLUDE, Entry, excluded_by, said
from maskbench.sweep.expand import Overrides
from maskbench.tracking.known import Known

NEW, FINISHED, FAILED, KILLED, STALE, RUNNING = "new", "finished", "failed", "killed", "stale", "running"
ONLY: Mapping[str, tuple[str, ...]] = {
    NEW: (NEW,),
    FAILED: (FAILED,),
    KILLED: (KILLED,),
    STALE: (STALE,),
    RUNNING: (RUNNING,),
    "missing": (NEW, KILLED, STALE),
}
"""The words of `--only`, and the states that each means."""


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
class Grid:
    """Jobs that were asked for together, and the entries that leave some of them out."""

    jobs: Iterable[Overrides]
    exclude: Sequence[Entry] = ()


@dataclass(frozen=True)
class Plan:
    """The distinct runs of a sweep in one study, each partner before the first run that needs it."""

    runs: tuple[Planned, ...]
    duplicates: int
    partners: int
    uri: str | None
    study: str
    excluded: int = 0
    only: frozenset[str] = frozenset()
    """The states whose runs are trained; empty for all that are not finished."""
    warnings: tuple[str, ...] = ()

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
    """How many of the plan are new, finished, failed, killed, stale, or running in another process."""
    other_code: int
    """Finished runs of another version of the code."""
    left_out: int = 0
    """Unfinished runs that are not to be trained now."""
    states: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Both by key: each run's state, and why it failed."""


def only_states(node: Any) -> frozenset[str]:
    """The states that a sweeper's `only` means; raises ConfigError for a word that is none."""
    words = [word.strip() for word in node.split(",")] if isinstance(node, str) else node or ()
    for word in words if isinstance(words, Sequence) else (words,):
        if word not in ONLY:
            raise ConfigError(f"--only: unknown word '{word}'.{nearest(str(word), ONLY)} There are: {', '.join(ONLY)}")
    return frozenset(state for word in words for state in ONLY[word])


def make_plans(composer: Composer, grids: Iterable[Grid], only: Collection[str] = ()) -> list[Plan]:
    """One plan per study, in order of appearance; jobs composed, checked, deduplicated, with unmasked partners."""
    studies: dict[str, _Study] = {}
    uris: set[str | None] = set()
    warnings: list[str] = []
    for grid in grids:
        drafts = [(overrides, composer.draft(overrides)) for overrides in grid.jobs]
        found = excluded_by(drafts, grid.exclude)
        used = {place for places in found for place in places}
        warnings += [_unused(entry) for place, entry in enumerate(grid.exclude) if place not in used]
        for (overrides, draft), places in zip(drafts, found, strict=True):
            study = studies.setdefault(draft.study, _Study())
            uris.add(draft.tracking.uri)
            study.excluded += bool(places)
            if not places:
                study.add(_planned(draft, overrides))
    if len(uris) > 1:
        raise ConfigError("a sweep is in one store; do not sweep over tracking.uri")
    warnings += [f"study '{name}': all its jobs are excluded" for name, study in studies.items() if not study.distinct]
    return _plans(studies, uris.pop(), frozenset(only), warnings)


def _unused(entry: Entry) -> str:
    return f"{EXCLUDE}: no run has {said(entry)}, so it leaves out nothing"


@dataclass
class _Study:
    """What was collected of one study so far."""

    distinct: dict[str, Planned] = field(default_factory=dict)
    duplicates: int = 0
    excluded: int = 0

    def add(self, run: Planned) -> None:
        """Take a run, or count it as a duplicate."""
        self.duplicates += run.identity.key in self.distinct
        self.distinct.setdefault(run.identity.key, run)

    def with_partners(self) -> Iterator[Planned]:
        """The runs, each partner before the first run that needs it."""
        seen: set[str] = set()
        for run in self.distinct.values():
            pair_key = run.identity.pair_key
            if pair_key not in seen and pair_key != run.identity.key:
                seen.add(pair_key)
                yield self.distinct.get(pair_key) or _partner(run)
            if run.identity.key not in seen:
                seen.add(run.identity.key)
                yield run


def _plans(studies: Mapping[str, _Study], uri: str | None, only: frozenset[str], warnings: Sequence[str]) -> list[Plan]:
    plans: list[Plan] = []
    for name, study in studies.items():
        runs = tuple(study.with_partners())
        if runs:
            said_once = () if plans else tuple(dict.fromkeys(warnings))
            partners = len(runs) - len(study.distinct)
            plans.append(Plan(runs, study.duplicates, partners, uri, name, study.excluded, only, said_once))
    if not plans:
        raise ConfigError(f"{EXCLUDE} leaves out every run; drop an entry")
    return plans


def planned(composer: Composer, overrides: Sequence[str]) -> Planned:
    """One run, composed and checked."""
    return _planned(composer.draft(overrides), overrides)


def _planned(draft: Config, overrides: Sequence[str]) -> Planned:
    config = checked(draft)
    return Planned(config, identify(config), tuple(overrides))


def _partner(run: Planned) -> Planned:
    unmasked = partner(run.config)
    kept = [line for line in run.overrides if not line.lstrip("+~").startswith(("mask=", "mask.", "mask/"))]
    return Planned(unmasked, identify(unmasked), (*kept, f"mask={UNMASKED}"))


def standing(plan: Plan, known: Iterable[Known], code: str) -> Standing:
    """Which runs of the plan are finished, and why the others are not."""
    latest: dict[str, Known] = {}
    for attempt in known:
        if attempt.key not in latest or latest[attempt.key].status != "FINISHED":
            latest[attempt.key] = attempt
    states = {run.identity.key: NEW for run in plan.runs}
    states |= {key: _state(attempt) for key, attempt in latest.items() if key in states}
    finished = tuple(run for run in plan.runs if states[run.identity.key] == FINISHED)
    unfinished = [run for run in plan.runs if states[run.identity.key] != FINISHED]
    todo = tuple(run for run in unfinished if not plan.only or states[run.identity.key] in plan.only)
    return Standing(
        todo,
        finished,
        counts=Counter(states.values()),
        other_code=sum(latest[run.identity.key].tags.get("code", "") != code for run in finished),
        left_out=len(unfinished) - len(todo),
        states=states,
        reasons={key: latest[key].tags.get("reason", "") for key, state in states.items() if state == FAILED},
    )


def _state(run: Known) -> str:
    if run.status == "RUNNING":
        return RUNNING if run.running else STALE
    return run.status.lower()
