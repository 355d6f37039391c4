"""The checks on a user's own pattern, fill or mask."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from maskbench.config.menu import menu
from maskbench.description import KINDS
from maskbench.errors import ConfigError, nearest
from maskbench.gallery.catalogue import entries, entry
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.conformance import findings
from maskbench.masks.contract import Fill, Pattern
from maskbench.masks.fills import Zero
from maskbench.masks.mask import INPUT, Mask
from maskbench.masks.situations import situations
from maskbench.masks.token_fills import Unknown

RATE = 0.3


def checked(target: str, settings: Sequence[str], folder: Path | None) -> tuple[list[str], bool]:
    """(lines to print, whether all holds) for `module:Name` with `key=value` settings, or for a mask's name."""
    masks = _masks(target, settings, folder)
    lines, holds = [], True
    for title, mask in masks:
        kinds = {place.features.kind for place in situations(mask, 1)}
        fits = ", ".join(kind for kind in KINDS if kind in kinds)
        lines.append(f"{title} on {fits}")
        for check, broken in findings(mask):
            holds = holds and not broken
            lines.append(f"  {'FAILED' if broken else 'ok':6} {check}{': ' + broken if broken else ''}")
    lines.append("all checks hold" if holds else "some checks do not hold: see FAILED above")
    return lines, holds


def _masks(target: str, settings: Sequence[str], folder: Path | None) -> list[tuple[str, Mask]]:
    """The masks to check, titled; more than one where no mask fits all data that the part fits."""
    if ":" not in target:
        if settings:
            raise ConfigError(f"mask '{target}' has its settings in its YAML; name=value is for module:Name")
        found = entry(entries(menu(folder)), target)
        return [(found.name, found.mask)]
    part = _made(target, settings)
    if isinstance(part, Mask):
        candidates = [part]
    elif isinstance(part, Pattern):
        candidates = [Mask(part, fill, rate) for fill in (Zero(), Unknown()) for rate in (RATE, None)]
    else:
        place = INPUT if INPUT in part.places else "inside"
        candidates = [Mask(Bernoulli(), part, RATE, place=place)]
    fitting = [(f"{target} with {_other(part, mask)}", mask) for mask in candidates if any(situations(mask, 1))]
    if not fitting:
        raise ConfigError(f"{target} accepts none of the shapes it is tried on; see what its check() refuses")
    return fitting


def _other(part: object, mask: Mask) -> str:
    other = mask.fill if isinstance(part, Pattern) else mask.pattern
    return f"{'fill' if isinstance(part, Pattern) else 'pattern'} {type(other).__name__}"


def _made(target: str, settings: Sequence[str]) -> Mask | Pattern | Fill:
    """The object behind `module:Name`, made with the settings if it is a class or function."""
    where, _, name = target.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(where)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"module '{where}' cannot be imported from here: {error}") from error
    finally:
        sys.path.pop(0)
    if not hasattr(module, name):
        raise ConfigError(f"module '{where}' has no '{name}'.{nearest(name, vars(module))}")
    found = getattr(module, name)
    if inspect.isclass(found) or inspect.isfunction(found):
        try:
            found = found(**_settings(settings))
        except TypeError as error:
            raise ConfigError(f"{target} cannot be made: {error}; give its settings as name=value") from error
    if not isinstance(found, (Mask, Pattern, Fill)):
        raise ConfigError(
            f"{target} is a {type(found).__name__}; a pattern subclasses maskbench.masks.contract.Pattern, "
            "a fill maskbench.masks.contract.Fill, and a mask is a maskbench.masks.mask.Mask"
        )
    return found


def _settings(settings: Sequence[str]) -> dict[str, Any]:
    found = {}
    for setting in settings:
        key, is_, value = setting.partition("=")
        if not is_:
            raise ConfigError(f"'{setting}' is no setting; write name=value")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"'{setting}' is no setting; write name=value, with the value in YAML") from error
    return found
