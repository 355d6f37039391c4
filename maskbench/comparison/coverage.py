"""What was planned and what became of it: every run that no estimate uses is counted and listed."""

from __future__ import annotations

import pandas as pd

from maskbench.comparison.pairs import STATES as PAIR_STATES
from maskbench.comparison.table import EXTRA
from maskbench.comparison.table import STATES as RUN_STATES

PROBLEM = ["problem", "block", "arm", "seed", "run_id", "detail"]


def count(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row for each block: `planned` is the sum of the five RUN_STATES, `masked` of the PAIR_STATES.

    `masked` counts finished masked runs, `partners` finished unmasked ones. `duplicate` and
    `retried` count rows beside the one that counts; `code_differs` pairs in use whose two runs
    ran different code.
    """
    states = pd.crosstab(table["block"], table["state"])
    counts = states.reindex(columns=[*RUN_STATES, *EXTRA], fill_value=0)
    counts.insert(0, "planned", counts[list(RUN_STATES)].sum(axis=1))
    finished = table[table["state"] == "finished"]
    kinds = finished["masked"].map({True: "masked", False: "partners"})
    for kind in ("partners", "masked"):
        counts[kind] = finished[kinds == kind].groupby("block").size()
    for state in PAIR_STATES:
        counts[state] = pairs[pairs["state"] == state].groupby("block").size()
    used = pairs[pairs["state"] == "used"]
    counts["code_differs"] = used.groupby("block")["code_differs"].sum()
    counts = counts.fillna(0).astype(int)
    counts.columns.name = None
    return counts.reset_index()


def problems(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row for each run or pair that no estimate uses, with the reason; PROBLEM are its columns."""
    runs = table[table["state"] != "finished"]
    runs = runs.assign(problem=runs["state"], detail=runs["reason"])
    unused = pairs[pairs["state"] != "used"].assign(problem=lambda rows: rows["state"])
    mixed = pairs[(pairs["state"] == "used") & pairs["code_differs"]]
    mixed = mixed.assign(problem="code differs", detail="used, but the pair ran different code")
    listed = [part[PROBLEM] for part in (runs, unused, mixed) if len(part)]
    if not listed:
        return pd.DataFrame(columns=PROBLEM)
    return pd.concat(listed, ignore_index=True)
