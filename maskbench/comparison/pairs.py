"""Each finished masked run beside its unmasked partner: the differences every estimate is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from maskbench.comparison.measures import Measure, finite
from maskbench.records import Metric

STATES = ("used", "broken", "no partner", "not finite", "repeated")
"""What becomes of a finished masked run; all but `used` are listed and left out of every estimate."""

SETTINGS = ["block", "data", "model", "arm", "mask", "rate", "fill", "seed"]


def pair(table: pd.DataFrame, measures: Sequence[Measure], primary: Mapping[str, Metric]) -> pd.DataFrame:
    """One row for each finished masked run of a prepared `table`.

    `difference/<column>` is masked minus partner, turned so that positive means masking helped;
    `partner/<column>` is the partner's value, both in the metric's unit. `state` is one of
    STATES, `detail` says why. `split` is the split's hash, `test_share` test over training rows.
    `time_ratio` is masked over partner on the same hardware.
    """
    finished = table[table["state"] == "finished"].set_index("position", drop=False)
    masked, partners = finished[finished["masked"]], finished[~finished["masked"]]
    found = _partners(masked, partners)
    # A masked run without a partner meets a row of nothing, which no later step mistakes for one.
    beside = partners.reindex(found)
    beside.index = masked.index
    pairs = masked[[*SETTINGS, "run_id", "position"]].assign(
        partner_run_id=beside["run_id"].fillna(""), partner_position=beside["position"]
    )
    columns = {"realised_rate": finite(masked, "mask/realised_rate")}
    columns["time_ratio"] = _time_ratio(masked, beside)
    pairs["split"] = masked["hash/split"].fillna("").astype(str) if "hash/split" in masked else ""
    training = finite(masked, "split/train")
    columns["test_share"] = finite(masked, "split/test") / training.where(training > 0)
    for measure in measures:
        values, base = finite(masked, measure.column), finite(beside, measure.column)
        columns[f"difference/{measure.column}"] = measure.sign * (values - base)
        columns[f"partner/{measure.column}"] = base
    pairs = pd.concat([pairs, pd.DataFrame(columns, index=pairs.index)], axis=1)
    pairs["code_differs"] = _differ(masked, beside, "code") & found.notna()
    pairs["state"], pairs["detail"] = _judge(pairs, masked, beside, primary)
    return pairs.reset_index(drop=True)


def primary_difference(pairs: pd.DataFrame, part: str, primary: Mapping[str, Metric]) -> pd.Series[float]:
    """The paired difference of each row in `part` of its block's primary metric; NaN where absent."""
    values = pd.Series(np.nan, index=pairs.index, dtype=float)
    for block, metric in primary.items():
        column = f"difference/{part}/{metric.name}"
        if column in pairs:
            values = values.mask(pairs["block"] == block, pairs[column])
    return values


def _partners(masked: pd.DataFrame, partners: pd.DataFrame) -> pd.Series[float]:
    """The `position` of each masked run's partner, NaN where it has none.

    Where the run names its partner's key only that run will do, else the unmasked run of the
    same block and seed.
    """
    place = partners.drop_duplicates(["block", "seed"], keep="last")
    by_place = pd.Series(place["position"].to_numpy(), index=place["block"] + "\n" + place["seed"])
    found = (masked["block"] + "\n" + masked["seed"]).map(by_place).astype(float)
    if "pair_key" not in masked or "key" not in masked:
        return found
    keyed_partners = partners[partners["key"].notna() & (partners["key"] != "")]
    by_key = keyed_partners.set_index(keyed_partners["key"].astype(object))["position"]
    named = masked["pair_key"].notna() & (masked["pair_key"] != "")
    keyed = masked["pair_key"].astype(object).map(by_key).astype(float)
    return keyed.where(named, found)


def _differ(masked: pd.DataFrame, beside: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Whether a run and its partner disagree in `column`; one of them lacking it is disagreement."""
    if column not in masked:
        return pd.Series(False, index=masked.index)
    one, other = masked[column].astype(object), beside[column].astype(object)
    return (one != other) & ~(one.isna() & other.isna())


def _time_ratio(masked: pd.DataFrame, beside: pd.DataFrame) -> pd.Series[float]:
    base = finite(beside, "cost/seconds")
    ratio = finite(masked, "cost/seconds") / base.where(base > 0)
    return ratio.mask(_differ(masked, beside, "hardware"))


def _judge(
    pairs: pd.DataFrame, masked: pd.DataFrame, beside: pd.DataFrame, primary: Mapping[str, Metric]
) -> tuple[pd.Series[str], pd.Series[str]]:
    """State and detail of every pair; the first reason found counts."""
    state = pd.Series("used", index=pairs.index, dtype=object)
    detail = pd.Series("", index=pairs.index, dtype=object)

    def mark(rows: pd.Series[bool], word: str, why: str) -> None:
        rows = rows & (state == "used")
        state[rows], detail[rows] = word, why

    mark(pairs["partner_run_id"] == "", "no partner", "no finished unmasked run of this seed")
    for column in (c for c in masked.columns if c.startswith("hash/")):
        what = column.removeprefix("hash/")
        mark(_differ(masked, beside, column), "broken", f"the two runs differ in their {what}")
    for part in ("val", "test"):
        values = primary_difference(pairs, part, primary)
        mark(values.isna(), "not finite", f"{part} metric missing or not finite in one of the two")
    places = pairs[state == "used"].duplicated(["block", "arm", "seed"], keep="last")
    mark(
        places.reindex(pairs.index, fill_value=False),
        "repeated",
        "another run of this arm and seed, later in the table, counts",
    )
    return state, detail
