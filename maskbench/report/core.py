"""The sections every report has: answers, coverage, all masks, methods and runs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from maskbench.report import methods, tables
from maskbench.report.anchors import MOST_RUNS
from maskbench.report.material import Material
from maskbench.report.pieces import Code, Column, Heading, Piece, Run, Runs, Table, Terms, Text, Verdict
from maskbench.report.views import View
from maskbench.report.words import caveat, coverage_sentence, headline, plural

MOST_ROWS, MOST_ROWS_IN_ALL = 1000, 3000
"""Rows in a table of the page, and in all tables of one section; the CSV files hold all."""

FOLDED = 80
"""Masks of a block above which its table is folded."""

KEPT = ("planned", "finished", "failed", "missing", "used", "broken", "no partner")
"""Counts that are shown even where they are zero."""


def answers(material: Material) -> Iterator[Piece]:
    """One sentence a block, then the numbers."""
    if material.about.running:
        yield Text("This sweep is still running. Every number here can change; wait for the end.")
    rows = material.linked(tables.records(material.comparison.answers))
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


def coverage(material: Material) -> Iterator[Piece]:
    """What was planned and what became of it, with the reasons."""
    comparison = material.comparison
    counts = comparison.coverage
    names = [name for name in tables.COVERAGE if name in counts]
    total = counts[names].sum()
    yield Text(coverage_sentence(comparison))
    shown = {name: tables.COVERAGE[name] for name in names if total[name] or name in KEPT}
    head = (Column("data · model", numeric=False), *(Column(title) for title in shown.values()))
    rows = [(str(row["block"]), *(f"{row[name]:,}" for name in shown)) for row in tables.records(counts)]
    hidden = [tables.COVERAGE[name] for name in names if name not in shown]
    none = f" None: {', '.join(hidden)}." if hidden else ""
    yield Table(f"Runs and pairs.{none}", head, tuple(rows))
    found = comparison.problems
    if len(found):
        title = f"Every run and pair that is not used, with the reason ({len(found):,})"
        listed = [
            {**row, "anchor": material.anchors.runs.get(row["run_id"], "")}
            for row in tables.records(found.head(MOST_ROWS))
        ]
        yield tables.table(tables.PROBLEM, listed, _cut(len(found), MOST_ROWS), folded=title)
    if comparison.ignored:
        names = list(comparison.ignored)
        yield Text(f"Not compared, because no direction is known for them: {', '.join(names)}.")


def arms(material: Material) -> Iterator[Piece]:
    """Every arm of every block in its primary metric, then the chosen one in every measure."""
    yield Text(
        "These tables explore; the answers above decide. p is adjusted by Benjamini-Hochberg over "
        "the masks of one block and measure."
    )
    effects = dict(list(material.comparison.effects.groupby("block", sort=False)))
    left = MOST_ROWS_IN_ALL
    for view in material.views:
        block, chosen = view.answer["block"], view.answer["arm"]
        most = min(MOST_ROWS, left)
        rows = material.linked(tables.records(view.arms.head(most)))
        left -= len(rows)
        fold = f"{block}: {view.total} masks" if view.total > FOLDED else ""
        yield tables.table(tables.ARM, rows, _arms_caption(view, most), fold)
        own = effects[block]
        own = own[own["arm"] == chosen]
        if len(own):
            title = f"{block}: {chosen} in every measure"
            yield tables.table(tables.MEASURE, tables.records(own), title, folded=title)


def explained(material: Material) -> Iterator[Piece]:
    """What every number means, what computed it, and how to get it again."""
    yield Terms(methods.TERMS)
    yield Text(f"Computed with {methods.versions()}.")
    if material.about.command:
        yield Heading("Reproduce")
        yield Code(material.about.command)


def every_run(material: Material) -> Iterator[Piece]:
    """Every run by its id, under its arm."""
    runs = material.comparison.runs
    yield Text(f"Numbers of pairs and dots lead here. {_cut(len(runs), MOST_RUNS)}".strip())
    listed = runs.head(MOST_RUNS)
    listed = listed.assign(place=listed["run_id"].map(material.anchors.runs).fillna(""))
    # A run that a table names twice has one place on the page: its first.
    listed["place"] = listed["place"].mask(listed["place"].duplicated(), "")
    for block, rows in listed.groupby("block", sort=False):
        groups = rows.groupby("arm", sort=False)
        yield Runs(
            f"{block}: {plural(len(rows), 'run')}",
            tuple((material.anchors.arm(str(block), str(arm)), str(arm), _runs(own)) for arm, own in groups),
        )


def _runs(rows: pd.DataFrame) -> tuple[Run, ...]:
    columns = (rows[name] for name in ("place", "run_id", "seed", "state"))
    return tuple(Run(*(str(value) for value in values)) for values in zip(*columns, strict=True))


def _arms_caption(view: View, most: int) -> str:
    """What the numbers of one block's table are, and what would be worth having."""
    worth = view.scale.amount(view.answer["smallest_effect"])
    caption = f"{view.answer['block']}: test {tables.unit(view.answer)}"
    return f"{caption}; smallest effect worth having {worth}. {_cut(view.total, most)}".strip()


def _cut(count: int, most: int) -> str:
    """The sentence that says a table was cut, or nothing."""
    return f"The first {most:,} of {count:,} rows; the CSV file has all." if count > most else ""
