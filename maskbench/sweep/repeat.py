"""Repeating a study's own sweeps with another number of seeds."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from maskbench.config.menu import load, menu
from maskbench.errors import ConfigError
from maskbench.sweep.asked import COMMAND, Flags, flags_of, names_seed
from maskbench.tracking.known import SWEEP
from maskbench.tracking.store import Store

STUDY = "study="
WHERE = ("tracking.", "tracking=")
HYDRA = ("hydra.", "hydra/")


def repeats(flags: Flags) -> bool:
    """Whether a command names a study and a number of seeds, and nothing else that would decide a run."""
    bare = [arg.lstrip("+") for arg in flags.rest]
    named = any(arg.startswith(STUDY) for arg in bare)
    return flags.seeds is not None and named and all(arg.startswith((STUDY, *WHERE, *HYDRA)) for arg in bare)


def repeated(flags: Flags) -> tuple[Flags, tuple[tuple[str, ...], ...]]:
    """The command with the menu that the study's sweeps used, and their arguments with its seeds and its store.

    Raises ConfigError where the study has no sweep that ended.
    """
    store = _store_of(flags)
    before = [
        asked
        for run in store.known()
        if run.tags.get("kind") == SWEEP and run.status in ("FINISHED", "FAILED")
        for asked in _asked(run.tags.get("note", ""))
        if not repeats(asked)
    ]
    if not before:
        raise ConfigError(
            f"study '{store.study}' has no sweep in {store.location.uri} that ended and could be repeated; "
            "say what to sweep, for example mask=bernoulli,block"
        )
    menus = {asked.config_dir for asked in before} - {None}
    if flags.config_dir is None and len(menus) > 1:
        raise ConfigError(
            f"the sweeps of study '{store.study}' used --config-dir {' and '.join(sorted(map(str, menus)))}; "
            "give the one that has the choices of all"
        )
    ours = replace(flags, config_dir=flags.config_dir or (menus.pop() if menus else None))
    return ours, tuple(dict.fromkeys(_with_seeds(asked, flags) for asked in before))


def _store_of(flags: Flags) -> Store:
    own = [arg for arg in flags.rest if not arg.startswith(HYDRA)]
    if any("," in arg for arg in own if arg.startswith(STUDY)):
        raise ConfigError(f"{' '.join(own)}: --seeds repeats the sweeps of one study at a time")
    node = load(menu(None if flags.config_dir is None else Path(flags.config_dir)), own)
    return Store(node.tracking.uri, node.study)


def _asked(note: str) -> Iterator[Flags]:
    """What a sweep's command asked for; nothing where the note is no such command."""
    try:
        words = shlex.split(note)
        if tuple(words[:2]) == COMMAND:
            yield flags_of(words[2:])
    except (ValueError, ConfigError):  # a note that somebody wrote by hand
        return


def _with_seeds(asked: Flags, flags: Flags) -> tuple[str, ...]:
    kept = _without(asked.rest, WHERE)
    own = [arg for arg in flags.rest if arg.startswith((*WHERE, *HYDRA))]
    return (*(arg for arg in kept if not names_seed(arg)), f"seed=range({flags.seeds})", *own)


def _without(args: Sequence[str], beginnings: tuple[str, ...]) -> Iterable[str]:
    return (arg for arg in args if not arg.lstrip("+").startswith(beginnings))
