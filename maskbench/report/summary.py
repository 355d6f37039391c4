"""The answers in a few lines and a few numbers, for places that show no report."""

from __future__ import annotations

import math
import re

from maskbench.comparison import Comparison
from maskbench.report.markdown import escape
from maskbench.report.tables import records
from maskbench.report.words import caveat, headline

NUMBERS = {
    "n": "n_pairs",
    "mean": "estimate",
    "sd": "sd",
    "ci_low": "ci_low",
    "ci_high": "ci_high",
    "p_adj": "p_adjusted",
    "optimism": "optimism",
    "extra_time": "extra_time",
}


def summary_markdown(comparison: Comparison) -> str:
    """One Markdown list entry for each block: the verdict sentence and its numbers."""
    lines = [
        f"- **{row['verdict']}** {escape(f'{headline(row)} {caveat(row)}'.strip())}"
        for row in records(comparison.answers)
    ]
    return "\n".join(lines) + "\n" if lines else "No masked run to compare.\n"


def answer_metrics(comparison: Comparison) -> dict[str, float]:
    """Each block's finite numbers as `answer/<block>/<name>`, in characters MLflow takes in a key.

    Blocks whose names differ only in other characters are numbered apart.
    """
    found: dict[str, float] = {}
    for number, row in enumerate(records(comparison.answers), start=1):
        block = re.sub(r"[^A-Za-z0-9_. -]+", "-", str(row["block"]).replace(" · ", "."))
        if f"answer/{block}/n" in found:
            block = f"{block}-{number}"
        for name, column in NUMBERS.items():
            if math.isfinite(row[column]):
                found[f"answer/{block}/{name}"] = float(row[column])
    return found
