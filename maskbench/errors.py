"""Errors a user can act on: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MaskbenchError(Exception):
    """Base of every error whose message is meant for the user; shown without a traceback."""


class ConfigError(MaskbenchError):
    """A setting that cannot be used, found before anything trains."""


class DataError(MaskbenchError):
    """Data that are missing, damaged or unfit for the task."""


class StoreError(MaskbenchError):
    """A tracking store that cannot be opened, read or written."""


class StoreAway(StoreError):
    """A store that cannot be used now and may be back in a moment: locked, or a server that does not answer."""


class Diverged(MaskbenchError):
    """A training whose loss became infinite or not a number."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """The choice most like `name` as a hint, `" Did you mean 'x'?"`, or nothing."""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
