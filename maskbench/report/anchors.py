"""Where on the page a run or an arm stands: ids that are safe whatever a run is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

MOST_RUNS = 12_000
"""Runs listed on the page; runs.csv has all."""


@dataclass(frozen=True)
class Anchors:
    """The ids of what the page's list of runs holds: by run id, and by (block, arm)."""

    runs: Mapping[str, str]
    arms: Mapping[tuple[str, str], str]

    def arm(self, block: str, arm: str) -> str:
        """The id of an arm's runs; empty where the list does not hold them."""
        return self.arms.get((block, arm), "")


def anchors(runs: pd.DataFrame) -> Anchors:
    """Ids for the first MOST_RUNS rows of a comparison's `runs`: `run-<run id>` and `arm-<number>`."""
    listed = runs.head(MOST_RUNS)
    found: dict[str, str] = {}
    for number, run in enumerate(listed["run_id"]):
        if run and run not in found:
            name = "run-" + re.sub(r"[^A-Za-z0-9_.-]", "_", run)
            # An id that had to be changed might be another run's; the tilde is in no unchanged one.
            found[run] = name if name == f"run-{run}" else f"{name}~{number}"
    places = list(dict.fromkeys(zip(listed["block"], listed["arm"], strict=True)))
    return Anchors(found, {place: f"arm-{number}" for number, place in enumerate(places, start=1)})
