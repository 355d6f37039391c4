"""Hydra's and OmegaConf's exceptions in one line: what is wrong, where, and what to do."""

from __future__ import annotations

from importlib.resources import files

import yaml
from hydra.errors import CompactHydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from maskbench.errors import MaskbenchError, nearest

EXPLAINED = (MaskbenchError, CompactHydraException, OmegaConfBaseException)
"""What a user can cause with a config."""


def explain(error: BaseException) -> str:
    """One line for an error of composing, checking or running."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options is not None:
        return _unknown_choice(error)
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)):
        return _unknown_key(cause)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, MissingMandatoryValue):
        return f"setting '{error.full_key}' is missing; give it a value: {error.full_key}=..."
    if isinstance(cause, OmegaConfBaseException):
        return f"{_first(error).removeprefix('Error merging override ')}: {_first(cause)}"
    return _first(error)


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    options = list(error.options or ())
    hint = _other_name(choice) if group == "mask" else ""
    return f"unknown choice {group}={choice}.{hint or nearest(choice, options)} There are: {', '.join(options)}"


def _unreadable(error: OverrideParseException) -> str:
    """An override outside Hydra's grammar: most often a value with signs of its own, which has to be quoted."""
    key, is_, value = str(error.override).partition("=")
    if not is_:
        return f"'{error.override}' is no setting; write it as key=value"
    if any(value.count(opening) != value.count(closing) for opening, closing in ("[]", "{}", "()")):
        return f"{key}={value} cannot be read: a bracket is open; close it"
    bare = value.strip("'\"")
    return f"{key}={value} cannot be read by Hydra; put the value in quotes of both kinds: '{key}=\"{bare}\"'"


def _other_name(choice: str) -> str:
    """` It is called mask=block here.` where the literature has another name for a shipped mask, or nothing."""
    for file in files("maskbench.conf").joinpath("mask").iterdir():
        if file.name.endswith(".yaml"):
            card = yaml.safe_load(file.read_text(encoding="utf-8")).get("card") or {}
            if choice in card.get("also", ()):
                return f" It is called mask={file.name.removesuffix('.yaml')} here."
    return ""


def _unknown_key(cause: OmegaConfBaseException) -> str:
    where, key = str(cause.full_key), str(cause.key)
    known = list(cause.parent_node.keys()) if hasattr(cause.parent_node, "keys") else []
    names = [str(name) for name in known]
    return f"unknown setting '{where}'.{nearest(key, names)} There are: {', '.join(names)}"


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
