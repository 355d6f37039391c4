"""Which test items masking won and lost, where all seeds share one split."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from maskbench.comparison.inference import CONFIDENCE

COLUMN = "items/correct"
"""Which test items a run got right: "<n>:<base64 of numpy.packbits(correct, in order)>"."""

RESAMPLES = 9999
BOOTSTRAP_SEED = 20240609
"""Fixed, so that the same table gives the same interval."""

COLUMNS = [
    *("block", "metric", "n_items", "gained", "lost", "mcnemar_p", "ci_low", "ci_high"),
]


def items_table(table: pd.DataFrame, pairs: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """One row for each block whose chosen arm was tested on one split throughout, with known items; else none.

    Items are the sample here, seeds are not: an item is `gained` where the masked runs got it right in more seeds than
    their partners. `mcnemar_p` is exact over these items; the interval, of the mean difference in accuracy, draws
    items anew. A block with an item list that is missing or cannot be read has no row.
    """
    rows = []
    if COLUMN in table:
        correct = table.set_index("position")[COLUMN]
        for block, arm in zip(answers["block"], answers["arm"], strict=True):
            used = pairs[(pairs["block"] == block) & (pairs["arm"] == arm) & (pairs["state"] == "used")]
            difference = _difference(used, correct)
            if difference is not None:
                rows.append({"block": block, "metric": "accuracy", **item_numbers(difference, len(used))})
    return pd.DataFrame(rows, columns=COLUMNS)


def unpacked(text: object) -> NDArray[np.bool_] | None:
    """The items of one run, True where it was right; None for anything that is no such list."""
    count, _, packed = str(text).partition(":")
    try:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(packed, validate=True), dtype=np.uint8))
    except (binascii.Error, ValueError):
        return None
    if not (count.isascii() and count.isdigit()) or len(count) > 12 or not 0 <= len(bits) - int(count) < 8:
        return None
    return bits[: int(count)].astype(bool) if int(count) else None


def item_numbers(net: NDArray[np.int64], seeds: int) -> dict[str, float]:
    """The numbers about each item's seeds won minus seeds lost `net`, out of `seeds`."""
    gained, lost = int((net > 0).sum()), int((net < 0).sum())
    values, counts = np.unique(net / seeds, return_counts=True)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    # Drawing items anew is drawing how often each value comes up.
    means = generator.multinomial(len(net), counts / len(net), size=RESAMPLES) @ values / len(net)
    low, high = np.quantile(means, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    p = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    return {
        "n_items": len(net),
        "gained": gained,
        "lost": lost,
        "mcnemar_p": float(p),
        "ci_low": float(low),
        "ci_high": float(high),
    }


def _difference(used: pd.DataFrame, correct: pd.Series[str]) -> NDArray[np.int64] | None:
    """For each item the seeds won minus lost over the pairs in use; None where this cannot be said."""
    if used.empty or used["split"].iloc[0] == "" or used["split"].nunique() > 1:
        return None
    masked = [unpacked(text) for text in correct.loc[used["position"]]]
    partners = [unpacked(text) for text in correct.loc[used["partner_position"]]]
    found = [bits for bits in (*masked, *partners) if bits is not None]
    if len(found) < 2 * len(used) or len({len(bits) for bits in found}) > 1:
        return None
    half = len(used)
    return np.asarray(np.sum(found[:half], axis=0, dtype=int) - np.sum(found[half:], axis=0, dtype=int))
