"""Every check on one mask: what `maskbench check` runs, and the tests over the whole catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from maskbench.errors import ConfigError
from maskbench.masks.checks import EXACT, STATISTICAL, Broken
from maskbench.masks.mask import Mask
from maskbench.masks.situations import Situation, situations

RATES = (0.0, 1e-3, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BATCHES = (1, 2, 31, 256)
SAMPLES = 4096
"""Samples behind every statement about shares."""


class Finding(NamedTuple):
    """One check of one mask: `broken` says how and where it does not hold, empty if it does."""

    check: str
    broken: str


def findings(mask: Mask, draw: int = 0) -> list[Finding]:
    """Every check over all data that the mask accepts, at all rates, on small and large batches."""
    return [Finding(check.__name__.replace("_", " "), _first_break(check, mask, draw)) for check in EXACT + STATISTICAL]


def holds(check: Callable[[Situation], None], found: Situation) -> None:
    """Run a check where the mask takes the data; raises Broken.

    What the mask refuses is no break of the contract, nor is ragged data that it refuses when fitted.
    """
    if not found.accepted:
        return
    try:
        check(found)
    except ConfigError:
        if not found.ragged:
            raise


def _first_break(check: Callable[[Situation], None], mask: Mask, draw: int) -> str:
    for size in BATCHES if check in EXACT else (SAMPLES,):
        for place in situations(mask, size, draw):
            for rate, ragged in ((rate, ragged) for rate in RATES[1:] for ragged in (False, True)):
                if ragged and place.features.kind == "image":
                    continue
                try:
                    holds(check, replace(place.at(rate), ragged=ragged))
                except Exception as error:  # a pattern of one's own may raise anything
                    how = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
                    where = f"{place.features.kind} {place.features.shape}, batch of {size}, rate {rate:g}"
                    return f"{' '.join(how.split())} ({where})"
    return ""
