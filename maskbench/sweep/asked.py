"""What was asked for on the command line: our own flags apart from what Hydra reads, and the command to keep."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskbench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from maskbench.sweep.execute import Outcome

COMMAND = ("maskbench", "sweep")
OURS = ("--seeds", "--only", "--config-dir")
"""Flags with a value that we read; the last is Hydra's."""
HYDRAS = (
    *("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--resolve", "--package", "-p", "--info", "-i"),
    *("--run", "-r", "--multirun", "-m", "--shell-completion", "-sc", "--config-path", "-cp", "--config-name", "-cn"),
    "--experimental-rerun",
)
"""Flags that Hydra reads itself."""
FLAGS = """\
--seeds N         seeds 0 to N-1; alone with study=NAME it repeats the study's own sweeps with N seeds
--only WORDS      train only runs that are: new, failed, killed, stale, running, missing (new, killed or stale)
--list            plan only: name every run with its state
"""


@dataclass(frozen=True)
class Asked:
    """The task of every job of a sweep, which tells the sweeper the command it comes from."""

    command: str
    repeats: tuple[tuple[str, ...], ...] = ()
    """The arguments of the sweeps that are to be repeated in its place."""

    def __call__(self, config: DictConfig) -> Outcome:
        """What every Hydra job does."""
        from maskbench.sweep.launch import task

        return task(config)


@dataclass(frozen=True)
class Flags:
    """The flags of a command, and its other arguments."""

    seeds: int | None
    only: str | None
    list_runs: bool
    config_dir: str | None
    """Hydra's own flag; a user's menu."""
    rest: tuple[str, ...]

    def for_hydra(self) -> list[str]:
        """The arguments that Hydra reads."""
        menu = [] if self.config_dir is None else ["--config-dir", self.config_dir]
        seeds = [] if self.seeds is None else [f"seed=range({self.seeds})"]
        only = [] if self.only is None else [f"hydra.sweeper.only=[{self.only}]"]
        return [*menu, *self.rest, *seeds, *only]


def flags_of(args: Sequence[str]) -> Flags:
    """Tell flags from other arguments, wherever they stand; raises ConfigError for values that cannot be."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in OURS:
        parser.add_argument(name)
    parser.add_argument("--list", action="store_true")
    try:
        found, rest = parser.parse_known_args(["--config-dir" if arg == "-cd" else arg for arg in args])
    except argparse.ArgumentError as error:
        said = str(error).removeprefix("argument ")
        raise ConfigError(f"{said}; for example --seeds 10, --only failed,missing, --config-dir FOLDER") from error
    for arg in rest:
        name = arg.split("=")[0]
        if name.startswith("-") and name not in HYDRAS:
            hint = nearest(name, (*OURS, "--list", *HYDRAS))
            raise ConfigError(f"unknown flag {name}.{hint} maskbench sweep --help shows all settings")
    seeds = None if found.seeds is None else _whole(found.seeds)
    if seeds is not None and any(names_seed(arg) for arg in rest):
        raise ConfigError(f"--seeds {seeds} and seed= say the same thing twice; give one of them")
    return Flags(seeds, found.only, found.list, found.config_dir, tuple(rest))


def names_seed(argument: str) -> bool:
    """Whether an override sets the seed."""
    return argument.lstrip("+~").startswith("seed=")


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(f"--seeds {text}: give a whole number above 0, for example --seeds 10")
    return int(text)


def command_line(args: Sequence[str]) -> str:
    """The command to copy."""
    return shlex.join([*COMMAND, *args])
