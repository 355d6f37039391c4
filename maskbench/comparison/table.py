"""The border of a comparison: a table of runs is checked once, named, and every row given a state."""

from __future__ import annotations

import pandas as pd

from maskbench.comparison.settings import arm_labels, as_text, block_labels, setting_columns
from maskbench.errors import DataError, nearest
from maskbench.records import UNMASKED

REQUIRED = ("data", "model", "mask", "rate", "seed")

STATES = ("finished", "failed", "diverged", "killed", "running", "missing")
"""What can become of a planned run."""

DIVERGED = "diverged"
"""How the reason of a failed run begins whose loss was no longer finite."""

EXTRA = ("duplicate", "retried")
"""Rows beside the one that counts: finished once more, or ended otherwise before or after."""

_STATE_OF = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
    "RUNNING": "running",
    "SCHEDULED": "running",
    "PLANNED": "missing",
}


def prepare(runs: pd.DataFrame, planned: pd.DataFrame | None = None) -> pd.DataFrame:
    """`runs`, then what was planned without a run, sorted by block, arm and seed.

    Adds `block`, `arm`, `masked`, `identity`, `state` (one of STATES for the one row of each
    identity that counts, one of EXTRA for others), `run_id` and `reason` where absent. Without
    a plan every arm of a block is expected to have every seed of the block. Raises DataError.
    """
    rows = _stack(runs, planned)
    texts = as_text(rows)
    _check_values(rows, texts)
    for column in ("data", "model", "mask", "seed"):
        rows[column] = texts[column]
    rows["fill"] = texts.get("fill", "")
    rows["masked"] = texts["mask"] != UNMASKED
    rows["rate"] = pd.to_numeric(texts["rate"].replace("", None))
    rows["block"], rows["arm"] = block_labels(texts), arm_labels(texts)
    rows["identity"] = _identities(rows)
    rows["state"] = _states(rows)
    rows = rows[rows["state"] != "planned"]
    if planned is None:
        rows = _with_gaps(rows)
    order = ["block", "masked", "mask", "rate", "arm", "seed", "position"]
    return rows.sort_values(order).reset_index(drop=True)


def _stack(runs: pd.DataFrame, planned: pd.DataFrame | None) -> pd.DataFrame:
    """Both tables in one, with a known status and a run id in every row."""
    _check_columns(runs, "The table of runs")
    rows = runs.assign(status=runs.get("status", "FINISHED"))
    rows = rows.assign(run_id=_run_ids(runs))
    if planned is not None:
        _check_columns(planned, "The plan")
        wanted = [*setting_columns(planned.columns), "seed"]
        if "key" in planned and "key" in runs:
            wanted.append("key")
        todo = planned[wanted].assign(status="PLANNED", run_id="")
        rows = pd.concat([rows, todo], ignore_index=True) if len(runs) else todo
    if rows.empty:
        raise DataError("The table of runs is empty: there is nothing to compare.")
    rows = rows.reset_index(drop=True)
    if "reason" not in rows:
        rows["reason"] = ""
    return rows.assign(position=range(len(rows)), reason=rows["reason"].astype(object).fillna(""))


def _run_ids(runs: pd.DataFrame) -> list[str]:
    """The run ids, or the row numbers (from 1) of a table that has none."""
    if "run_id" in runs:
        return [str(value) for value in runs["run_id"]]
    return [f"row {number}" for number in range(1, len(runs) + 1)]


def _check_columns(table: pd.DataFrame, what: str) -> None:
    if not len(table.columns):
        raise DataError(f"{what} is empty: there is nothing to compare.")
    for column in REQUIRED:
        if column not in table:
            raise DataError(f"{what} has no column '{column}'.{nearest(column, table.columns)}")


def _check_values(rows: pd.DataFrame, texts: pd.DataFrame) -> None:
    """Every row has a name, a seed, a numeric rate and a known status, or a DataError names the row."""
    for column in ("data", "model", "mask", "seed"):
        blank = texts.index[texts[column] == ""]
        if len(blank):
            raise DataError(f"Row {blank[0] + 1} of the table of runs has no {column}.")
    rates = pd.to_numeric(texts["rate"].replace("", None), errors="coerce")
    wrong = texts.index[rates.isna() & (texts["rate"] != "")]
    if len(wrong):
        raise DataError(f"Row {wrong[0] + 1} has the rate '{texts['rate'][wrong[0]]}', no number.")
    unknown = rows.index[~rows["status"].isin(list(_STATE_OF))]
    if len(unknown):
        value = rows["status"][unknown[0]]
        raise DataError(f"Row {unknown[0] + 1} has the status '{value}'. Known: {', '.join(list(_STATE_OF)[:-1])}.")


def _identities(rows: pd.DataFrame) -> pd.Series[str]:
    """The key of each run, or block, arm and seed where it has none."""
    own = rows["block"] + "\n" + rows["arm"] + "\n" + rows["seed"]
    if "key" not in rows:
        return own
    keys = rows["key"].astype(object)
    keyed = keys.notna() & (keys != "")
    # A row without a key, of a plan or an older table, is the keyed run of the same settings.
    known = dict(zip(own[keyed], keys[keyed], strict=True))
    return keys.where(keyed, own.map(known).fillna(own)).astype(str)


def _states(rows: pd.DataFrame) -> pd.Series[str]:
    """The last finished row of an identity counts, else its last row, a mere plan last of all."""
    finished, real = rows["status"] == "FINISHED", rows["status"] != "PLANNED"
    ranked = rows.assign(worth=2 * finished + real).sort_values(["worth", "position"])
    counted = ~ranked.duplicated("identity", keep="last").sort_index()
    states = rows["status"].map(_STATE_OF)
    states = states.mask(~counted & finished, "duplicate").mask(~counted & ~finished, "retried")
    diverged = rows["reason"].astype(str).str.strip().str.lower().str.startswith(DIVERGED)
    states = states.mask((states == "failed") & diverged, "diverged")
    return states.where(counted | real, "planned")


def _with_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` and one missing run for each seed of a block that an arm of it lacks."""
    settings = ["data", "model", "mask", "rate", "fill", "masked"]
    arms = rows.drop_duplicates(["block", "arm"])[["block", "arm", *settings]]
    grid = arms.merge(rows[["block", "seed"]].drop_duplicates(), on="block")
    seen = set(zip(rows["block"], rows["arm"], rows["seed"], strict=True))
    absent = [cell not in seen for cell in zip(grid["block"], grid["arm"], grid["seed"], strict=True)]
    gaps = grid[absent].assign(state="missing", run_id="", reason="", identity="", position=len(rows))
    return pd.concat([rows, gaps], ignore_index=True) if len(gaps) else rows
