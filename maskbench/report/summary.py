"""The answers in a few lines and a few numbers, for places that show no report."""

from __future__ import annotations

import math
import re

from maskbench.comparison import Comparison
from maskbench.report.markdown import escape
from maskbench.report.power import settle
from maskbench.report.tables import records
from maskbench.report.words import caveat, coverage_sentence, headline

NUMBERS = {
    "n": "n_pairs",
    "mean": "estimate",
    "sd": "sd",
    "ci_low": "ci_low",
    "ci_high": "ci_high",
    "p_adj": "p_adjusted",
    "optimism": "optimism",
    "extra_time": "extra_time",
    "mean_of_arms": "mean_of_arms",
    "n_arms": "n_arms",
}

COUNTS = ("planned", "finished", "used", "broken", "no partner")


CODES = {"helps": 1.0, "equal": 0.0, "hurts": -1.0}
"""A settled verdict as a number, to sort and filter runs by; an unsettled one has none."""


def summary_markdown(comparison: Comparison) -> str:
    """One Markdown list entry for each block: the verdict sentence and its numbers; then what they rest on.

    Below: how many runs were finished and used, what would settle each open answer, and where the rest is.
    """
    rows = records(comparison.answers)
    if not rows:
        return "No masked run to compare.\n"
    lines = [f"- **{row['verdict']}** {escape(f'{headline(row)} {caveat(row)}'.strip())}" for row in rows]
    lines += ["", escape(coverage_sentence(comparison))]
    wanted = [row for row in records(comparison.power) if row["verdict"] == "unsettled"]
    if wanted:
        lines += ["", "What would settle it:", "", *(f"- {escape(settle(row))}" for row in wanted)]
    lines += ["", "Every number, figure and run: artifact report/report.html."]
    return "\n".join(lines) + "\n"


def answer_metrics(comparison: Comparison) -> dict[str, float]:
    """Each block's finite numbers as `answer/<block>/<name>` and the counts of runs as `coverage/<state>`.

    Names are in characters MLflow takes in a key. `verdict` is 1 for helps, -1 for hurts, 0 for equal.

    Blocks whose names differ only in other characters are numbered apart.
    """
    found = {f"coverage/{name.replace(' ', '_')}": float(comparison.coverage[name].sum()) for name in COUNTS}
    power = comparison.power.set_index("block")
    for number, row in enumerate(records(comparison.answers), start=1):
        block = re.sub(r"[^A-Za-z0-9_. -]+", "-", str(row["block"]).replace(" · ", "."))
        if f"answer/{block}/n" in found:
            block = f"{block}-{number}"
        more = power.loc[row["block"]].to_dict() if row["block"] in power.index else {}
        values = {**{name: row[column] for name, column in NUMBERS.items()}, "verdict": CODES.get(row["verdict"])}
        values |= {name: more.get(name) for name in ("detectable_effect", "seeds_needed")}
        for name, value in values.items():
            if value is not None and math.isfinite(value):
                found[f"answer/{block}/{name}"] = float(value)
    return found
