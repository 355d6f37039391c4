"""The sections of the report, in order: adding one is one function and one entry of SECTIONS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from maskbench.comparison import Comparison
from maskbench.report import figures, methods, tables
from maskbench.report.pieces import (
    About,
    Code,
    Column,
    Heading,
    Picture,
    Piece,
    Section,
    Table,
    Terms,
    Text,
    Verdict,
)
from maskbench.report.views import View, strongest, views
from maskbench.report.words import caveat, headline, plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FIGURES = 12
"""Blocks that get figures; the tables hold all."""

MOST = {"arm": 40, "kind": 24}
MOST_ROWS = 1000
"""Arms and kinds of mask in a figure, and rows in a table of the page; the CSV files hold all."""


def answers(comparison: Comparison, about: About) -> Iterator[Piece]:
    """One sentence a block, then the numbers."""
    if about.running:
        yield Text("This sweep is still running. Every number here can change; wait for the end.")
    rows = tables.records(comparison.answers)
    for row in rows:
        yield Verdict(row["verdict"], headline(row), caveat(row))
    if not rows:
        yield Text("There is no masked run to compare.")
        return
    units = {tables.unit(row) for row in rows}
    # One unit for all is said once; a study of several metrics names it in every row.
    what = f"Differences in test {units.pop()}; positive" if len(units) == 1 else "Positive"
    fields = tables.ANSWER if not units else (*tables.ANSWER[:3], tables.UNIT, *tables.ANSWER[3:])
    yield tables.table(fields, rows, f"{what} means that masking helped.")


def coverage(comparison: Comparison, about: About) -> Iterator[Piece]:
    """What was planned and what became of it, with the reasons."""
    counts = comparison.coverage
    total = counts[list(tables.COVERAGE)].sum()
    yield Text(_coverage_sentence(total, comparison.has_plan))
    shown = {name: title for name, title in tables.COVERAGE.items() if total[name] or name in KEPT}
    head = (Column("data · model", numeric=False), *(Column(title) for title in shown.values()))
    rows = [(str(row["block"]), *(f"{row[name]:,}" for name in shown)) for row in tables.records(counts)]
    hidden = [title for name, title in tables.COVERAGE.items() if name not in shown]
    none = f" None: {', '.join(hidden)}." if hidden else ""
    yield Table(f"Runs and pairs.{none}", head, tuple(rows))
    found = comparison.problems
    if len(found):
        title = f"Every run and pair that is not used, with the reason ({len(found):,})"
        listed = tables.records(found.head(MOST_ROWS))
        yield tables.table(tables.PROBLEM, listed, _cut(len(found)), folded=title)
    if comparison.ignored:
        names = ", ".join(comparison.ignored)
        yield Text(f"Not compared, because no direction is known for them: {names}.")


KEPT = ("planned", "finished", "failed", "missing", "used", "broken", "no partner")
"""Counts that are shown even where they are zero."""


def arms(comparison: Comparison, about: About) -> Iterator[Piece]:
    """Every arm of every block in its primary metric, then the chosen one in every measure."""
    yield Text(
        "These tables explore; the answers above decide. p is adjusted by Benjamini-Hochberg over "
        "the masks of one block and measure."
    )
    for view in views(comparison):
        rows = tables.records(view.arms.head(MOST_ROWS))
        fold = f"{view.answer['block']}: {view.total} masks" if view.total > 2 * MOST["arm"] else ""
        yield tables.table(tables.ARM, rows, _arms_caption(view), fold)
        effects = comparison.effects
        own = (effects["block"] == view.answer["block"]) & (effects["arm"] == view.answer["arm"])
        if own.any():
            title = f"{view.answer['block']}: {view.answer['arm']} in every measure"
            yield tables.table(tables.MEASURE, tables.records(effects[own]), title, folded=title)


def explained(comparison: Comparison, about: About) -> Iterator[Piece]:
    """What every number means, what computed it, and how to get it again."""
    yield Terms(methods.TERMS)
    yield Text(f"Computed with {methods.versions()}.")
    if about.command:
        yield Heading("Reproduce")
        yield Code(about.command)


def every_run(comparison: Comparison, about: About) -> Iterator[Piece]:
    """Every run by its id."""
    rows = tables.records(comparison.runs)
    yield tables.table(tables.RUN, rows, "", folded=f"{plural(len(rows), 'run')}, by id")


@dataclass(frozen=True)
class Plot:
    """A kind of figure, drawn once for each block: what it is called, how it is read, how it is drawn."""

    name: str
    title: str
    caption: str
    column: str
    """What is counted, `arm` or `kind`, where there is more than MOST of it."""
    draw: Callable[[View], Figure]

    def __call__(self, comparison: Comparison, about: About) -> Iterator[Piece]:
        """How to read the figures, then one figure for each block; nothing where there is no pair."""
        found = views(comparison)
        if found:
            yield Text(self.caption)
        for place, view in enumerate(found[:MOST_FIGURES], start=1):
            drawn = strongest(view, MOST[self.column], self.column)
            cut = len(drawn.arms) < view.total
            note = f"Drawn: {len(drawn.arms)} of {view.total} masks, the best on validation." if cut else ""
            title = f"{self.title}, {view.answer['block']}"
            yield Picture(f"{self.name}{place}", self.draw(drawn), title, headline(view.answer), note)
        if len(found) > MOST_FIGURES:
            yield Text(f"Drawn: the first {MOST_FIGURES} of {len(found)} blocks; the tables hold all.")


FOREST = Plot(
    "forest",
    "Paired differences",
    "Small dots are seeds, the circle is their mean, the bar its 95 % interval; a filled circle is settled. The "
    "diamond is the primary estimate, the grey band too small to matter. ▸ chosen on validation, ☆ best on test.",
    "arm",
    figures.forest,
)

HEATMAP = Plot(
    "heatmap",
    "Differences by rate",
    "Mean test difference for each mask and rate. Colour: better (blue) or worse (orange) than without a mask, "
    "stronger for larger differences. ▲ helps, ▼ hurts, ■ equal; no mark: unsettled. Solid frame: chosen on "
    "validation. Dotted frame: best on test. Grey: no run.",
    "kind",
    figures.heatmap,
)

CURVE = Plot(
    "curve",
    "Difference over the rate",
    "Mean test difference over the share really hidden, with 95 % intervals (single ones, not for the whole "
    "curve); filled circles are settled. Above the line: better than without.",
    "kind",
    figures.curves,
)


SECTIONS = (
    Section("answers", "Does masking help?", answers),
    Section("coverage", "What the answers rest on", coverage),
    Section("forest", "Every seed, every mask", FOREST, pictured=True),
    Section("heatmap", "Mask × rate", HEATMAP, pictured=True),
    Section("curve", "How much to hide", CURVE, pictured=True),
    Section("arms", "All masks (exploratory)", arms),
    Section("methods", "How to read the numbers", explained),
    Section("runs", "All runs", every_run),
)


def _arms_caption(view: View) -> str:
    """What the numbers of one block's table are, and what would be worth having."""
    worth = view.scale.amount(view.answer["smallest_effect"])
    caption = f"{view.answer['block']}: test {tables.unit(view.answer)}"
    return f"{caption}; smallest effect worth having {worth}. {_cut(view.total)}".strip()


def _coverage_sentence(total: pd.Series[int], has_plan: bool) -> str:
    plan = "planned" if has_plan else "expected (every mask with every seed)"
    text = (
        f"{total['finished']:,} of {plural(total['planned'], 'run')} {plan} are finished; "
        f"{total['used']:,} of {plural(total['masked'], 'masked run')} could be paired and used."
    )
    lost = total["planned"] - total["finished"] + total["masked"] - total["used"]
    return text if lost else f"{text} Nothing is left out."


def _cut(count: int) -> str:
    """The sentence that says a table was cut, or nothing."""
    return f"The first {MOST_ROWS:,} of {count:,} rows; the CSV file has all." if count > MOST_ROWS else ""
