"""Training: `run`, `sweep` and `plan` hand their overrides to Hydra."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import typer

from maskbench.cli.app import RUN_FAILED, app, guarded, throw
from maskbench.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from maskbench.sweep.asked import Flags
    from maskbench.sweep.execute import Outcome

ACTIONS = ("--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--version")
"""Flags of Hydra that show something instead of running."""

passes_on = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command(context_settings=passes_on)
def run(context: typer.Context) -> None:
    """Train once: maskbench run data=wine mask=bernoulli mask.rate=0.3. Options: maskbench run --help."""
    outcomes: list[Outcome] = []
    errors: list[Exception] = []

    def once(config: DictConfig) -> Outcome | None:
        from maskbench.config.explain import EXPLAINED
        from maskbench.sweep.launch import run_once

        try:
            outcomes.append(run_once(config))
            return outcomes[-1]
        except EXPLAINED as error:  # raised here, Hydra would add a line of its own
            errors.append(error)
            return None

    _hydra(once, context.args)
    for error in errors:
        guarded(partial(throw, error))
    for outcome in outcomes:
        print(" ".join(part for part in (outcome.state, outcome.name, outcome.reason, outcome.run_id) if part))
        if outcome.state == "failed":
            raise typer.Exit(RUN_FAILED)


@app.command(context_settings=passes_on)
def sweep(context: typer.Context) -> None:
    """Train many: maskbench sweep mask=bernoulli,feature mask.rate=0.1,0.3 --seeds 8."""
    flags = guarded(partial(_flags, context.args))
    if flags.list_runs:
        guarded(partial(throw, ConfigError("--list belongs to maskbench plan, which takes the same arguments")))
    _multirun(flags, context.args)


@app.command(context_settings=passes_on)
def plan(context: typer.Context) -> None:
    """Show what a sweep would run, and how long it would take; --list names every run."""
    flags = guarded(partial(_flags, context.args))
    _multirun(flags, context.args, "hydra.sweeper.dry_run=true", f"hydra.sweeper.list_runs={flags.list_runs}")


def _flags(args: Sequence[str]) -> Flags:
    from maskbench.sweep.asked import flags_of
    from maskbench.sweep.plan import only_states

    flags = flags_of(args)
    only_states(flags.only if flags.only is not None else ())
    return flags


def _multirun(flags: Flags, args: Sequence[str], *more: str) -> None:
    from maskbench.sweep.asked import FLAGS, Asked, command_line
    from maskbench.sweep.repeat import repeated, repeats

    asked = Asked(command_line(args))
    if any(arg.split("=")[0] in ACTIONS for arg in flags.rest):
        if {"--help", "-h"} & {*flags.rest}:
            typer.echo(FLAGS)
        _hydra(asked, replace(flags, seeds=None, only=None).for_hydra())
        return
    if repeats(flags):
        flags, commands = guarded(partial(repeated, flags))
        asked = replace(asked, repeats=commands)
        for command in commands:
            typer.echo(f"repeats {command_line(command)}")
    _hydra(asked, ["--multirun", *flags.for_hydra(), *more])


def _hydra(task: Callable[[DictConfig], object], args: Sequence[str]) -> None:
    """Hand the arguments to Hydra; what it cannot use ends in one line and exit code 2."""
    import hydra

    from maskbench.config.schema import register

    register()
    sys.argv = ["maskbench", *args]
    entry = hydra.main(version_base="1.3", config_path="pkg://maskbench.conf", config_name="config")(task)
    guarded(partial(_choices_are_names, entry))


def _choices_are_names(entry: Callable[[], None]) -> None:
    """Hydra's own complaint about `mask=3` is a bare ValueError."""
    try:
        entry()
    except ValueError as error:
        if "Config group override" in str(error):
            raise ConfigError(f"a choice is a name, not a number or null: {' '.join(str(error).split())}") from error
        raise
