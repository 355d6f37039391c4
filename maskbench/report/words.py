"""How numbers and verdicts are put into words, the same in every format of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskbench.comparison import Comparison
from maskbench.records import METRICS, UNMASKED, Metric

Row = Mapping[str, Any]
"""One row of a comparison's table, by column name."""

NONE = "–"
"""What stands where there is no number."""


@dataclass(frozen=True)
class Scale:
    """How a metric's differences are written: times `factor`, in `unit`, with `decimals`."""

    factor: float
    unit: str
    decimals: int

    def number(self, value: float) -> str:
        """Without a plus: `2.40`, `−0.31`, `–` for NaN."""
        return number(value * self.factor, self.decimals)

    def signed(self, value: float) -> str:
        """With its sign: `+2.40`."""
        return signed(value * self.factor, self.decimals)

    def interval(self, low: float, high: float) -> str:
        """`+1.87 to +2.93`, `–` where there is none."""
        return f"{self.signed(low)} to {self.signed(high)}" if math.isfinite(low) else NONE

    def amount(self, value: float) -> str:
        """The size with its unit: `2.40 points`."""
        return f"{self.number(abs(value))} {self.unit}".strip()


def scale_of(metric: Metric, smallest: float) -> Scale:
    """Two significant digits of the smallest worthwhile effect; shares as percentage points."""
    shares = metric.unit == "share"
    factor = 100.0 if shares else 1.0
    size = smallest * factor
    decimals = 3 if not size > 0 else max(0, min(8, 1 - math.floor(math.log10(size))))
    unit = "points" if shares else "" if metric.name == "r2" else metric.unit
    return Scale(factor, unit, decimals)


def row_scale(row: Row) -> Scale:
    """The scale of a row that names its metric and its smallest worthwhile effect."""
    return scale_of(METRICS[row["metric"]], row["smallest_effect"])


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign and no negative zero; `–` where there is none."""
    if not math.isfinite(value):
        return NONE
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float, decimals: int) -> str:
    """`number` with a plus before what is above zero."""
    text = number(value, decimals)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def p_value(value: float) -> str:
    """`0.012`, `0.0004`; two significant digits below a hundredth, `–` for NaN."""
    if not math.isfinite(value):
        return NONE
    return f"{value:.3f}" if value >= 0.01 else f"{value:.2g}"


def percent(value: float) -> str:
    """A signed share as a whole percentage, `+12 %`."""
    return NONE if not math.isfinite(value) else f"{signed(value * 100, 0)}\N{NO-BREAK SPACE}%"


def rate(value: float) -> str:
    """A rate asked for, with at most three decimals; `–` where an arm has none."""
    return NONE if not math.isfinite(value) else f"{value:.3f}".rstrip("0").rstrip(".")


def realised(value: float) -> str:
    """A measured rate, with three decimals; `–` where it was not measured."""
    return number(value, 3)


def count(value: float) -> str:
    """A count, `1,200`; `–` where there is none."""
    return f"{value:,.0f}" if math.isfinite(value) else NONE


def share(value: float) -> str:
    """A share as a whole percentage without a sign, `71 %`."""
    return NONE if not math.isfinite(value) else f"{number(value * 100, 0)}\N{NO-BREAK SPACE}%"


def arm(name: str) -> str:
    """An arm's name, and `without a mask` for the partners."""
    return "without a mask" if name == UNMASKED else name


def yes(value: object) -> str:
    """`yes`, `no`, or `–` where it is not known."""
    return NONE if value is None or value != value else "yes" if value else "no"


def plural(count: int, word: str) -> str:
    """`1 pair`, `8 pairs`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def coverage_sentence(comparison: Comparison) -> str:
    """How many of the planned runs are finished, and how many could be used."""
    total = comparison.coverage.sum(numeric_only=True)
    plan = "planned" if comparison.has_plan else "expected (every mask with every seed)"
    text = (
        f"{total['finished']:,} of {plural(total['planned'], 'run')} {plan} are finished; "
        f"{total['used']:,} of {plural(total['masked'], 'masked run')} could be paired and used."
    )
    lost = total["planned"] - total["finished"] + total["masked"] - total["used"]
    return text if lost else f"{text} Nothing is left out."


def headline(answer: Row) -> str:
    """The verdict on one block in a sentence that needs no other knowledge."""
    return f"{answer['block']}: {_VERDICTS[answer['verdict']](answer)}"


def caveat(answer: Row) -> str:
    """What a reader of the headline should know beside it: how sure, from what, what it costs."""
    if not answer["n_pairs"] or not math.isfinite(answer["estimate"]):
        return ""
    scale = row_scale(answer)
    parts = [f"{_estimate(answer, scale)}; {plural(int(answer['n_pairs']), 'pair')}"]
    parts.append(f"adjusted p = {p_value(answer['p_adjusted'])}")
    if answer["chosen_lost"]:
        parts.append(f"without {plural(int(answer['chosen_lost']), 'run')} of {answer['arm']}")
    if math.isfinite(answer["extra_time"]):
        parts.append(f"training time {percent(answer['extra_time'])}")
    return ", ".join(parts) + "."


def _estimate(answer: Row, scale: Scale) -> str:
    """The estimate and its interval, with the unit."""
    text = f"{scale.signed(answer['estimate'])} {scale.unit}".strip()
    if not math.isfinite(answer["ci_low"]):
        return f"{text}, no interval"
    return f"{text} (95 % interval {scale.interval(answer['ci_low'], answer['ci_high'])})"


def _metric(answer: Row) -> str:
    return f"test {METRICS[answer['metric']].label}"


def _helps(answer: Row) -> str:
    amount = row_scale(answer).amount(answer["estimate"])
    return (
        f"masking helps. With {answer['arm']}, the mask chosen on validation, "
        f"{_metric(answer)} is better by about {amount}."
    )


def _hurts(answer: Row) -> str:
    amount = row_scale(answer).amount(answer["estimate"])
    return (
        f"masking hurts. Even with {answer['arm']}, the mask that looks best on validation, "
        f"{_metric(answer)} is worse by about {amount}."
    )


def _equal(answer: Row) -> str:
    bound = row_scale(answer).amount(answer["smallest_effect"])
    return (
        f"masking makes no difference worth having. With {answer['arm']}, the mask chosen on "
        f"validation, {_metric(answer)} changes by less than {bound}."
    )


def _unsettled(answer: Row) -> str:
    return f"open whether masking helps. {_why_open(answer)}"


def _why_open(answer: Row) -> str:
    """What keeps a block from being settled."""
    pairs, needed = int(answer["n_pairs"]), int(answer["pairs_needed"])
    if not answer["n_arms"]:
        return f"No masked run with a {_metric(answer)} can be compared with an unmasked partner yet."
    if pairs < needed:
        few = f"{plural(pairs, 'pair')} {'is' if pairs == 1 else 'are'}" if pairs else "One seed is"
        return f"{few} too few to tell an effect from luck; plan for at least {needed} seeds."
    if not math.isfinite(answer["ci_low"]):
        return "All pairs differ by the very same amount, so nothing shows how sure that amount is."
    return (
        f"{_metric(answer).capitalize()} with {answer['arm']}, the mask chosen on validation, differs from "
        "training without a mask by no more than luck can explain, and an effect worth having is not ruled out."
    )


_VERDICTS = {"helps": _helps, "hurts": _hurts, "equal": _equal, "unsettled": _unsettled}
