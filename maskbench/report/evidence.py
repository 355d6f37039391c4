"""The sections behind the answers: choosing, corrupted inputs, cost, many data sets, training, power, sensitivity."""

from __future__ import annotations

import math
from collections.abc import Iterator

from maskbench.records import UNMASKED
from maskbench.report import figures, tables
from maskbench.report.costs import costs
from maskbench.report.curves import under_trained
from maskbench.report.material import Material
from maskbench.report.pieces import Code, Picture, Piece, Table, Text
from maskbench.report.plots import COST, LEARNING, MATRIX, ROBUSTNESS
from maskbench.report.power import command_for, settle
from maskbench.report.views import axis
from maskbench.report.words import Row, p_value, plural, row_scale, share
from maskbench.report.words import arm as named

MOST_BLOCKS = 40
"""Blocks in a figure with one row a block."""

MOST_NAMED = 12
"""Under-trained masks that are named beside the chosen ones."""

ENOUGH_DATA = 6
"""Data sets from which on ranks are drawn; below, chance alone orders most of them."""


def selection(material: Material) -> Iterator[Piece]:
    """What choosing on validation is worth beside picking blindly, and what picking on test would promise."""
    rows = [
        row for row in material.linked(tables.records(material.comparison.answers)) if math.isfinite(row["estimate"])
    ]
    if not any(row["n_arms"] > 1 for row in rows):
        return
    yield Text(
        "Three ways to name one mask. Open circle: any of the tried masks, picked blindly (their mean). Diamond: the "
        "one validation chooses, estimated on seeds that did not choose it; the answers above use this. Star: the one "
        "that looks best on test. The way from diamond to star is optimism: no new run would keep it."
    )
    yield from _by_metric(rows, "selection", "What choosing is worth", _selection)
    yield _table(tables.SELECTION, rows, "Test differences by how the mask was named")


def robustness(material: Material) -> Iterator[Piece]:
    """The chosen mask on corrupted test inputs, as areas, curves and by training rate."""
    effects = material.comparison.effects
    rows: list[Row] = []
    for view in material.views:
        answer = view.answer
        own = effects[(effects["block"] == answer["block"]) & (effects["arm"] == answer["arm"])]
        own = own[own["part"].str.startswith("robust/") & (own["metric"] == answer["metric"])]
        rows += material.linked(tables.records(own))
    if rows:
        caption = "Difference averaged over the corruption's strengths (area under its curve)"
        yield _table(tables.ROBUST, rows, caption)
    yield from ROBUSTNESS(material)
    yield from MATRIX(material)


def cost(material: Material) -> Iterator[Piece]:
    """What the chosen masks cost, and which masks give more for their time."""
    rows = costs(material)
    if rows:
        caption = "Medians of runs with the chosen mask and without, in pairs that ran on the same hardware."
        yield tables.table(tables.COST, rows, caption)
    yield from COST(material)


def many_data(material: Material) -> Iterator[Piece]:
    """The effect over data sets and the ranks of masks over them."""
    answers = material.linked(tables.records(material.comparison.answers))
    for place, total in enumerate(tables.records(material.comparison.across), start=1):
        rows = [row for row in answers if (_model(row), row["metric"]) == (total["model"], total["metric"])]
        rows = [row for row in rows if math.isfinite(row["estimate"])]
        if not rows or not math.isfinite(total["mean"]):
            continue
        sentence = _across_sentence(total, rows[0])
        yield Text(sentence)
        title = f"Every data set, {total['model']}"
        figure = figures.many_data(rows[:MOST_BLOCKS], total, row_scale(rows[0]), axis(rows[0]))
        yield Picture(f"across{place}", figure, title, sentence, _drawn(len(rows)))
    ranks = material.comparison.ranks
    for place, ((model, metric), group) in enumerate(ranks.groupby(["model", "metric"], sort=False), start=1):
        yield from _ranks(str(model), str(metric), tables.records(group), place)


def learning(material: Material) -> Iterator[Piece]:
    """Which arms were still improving when training ended, then the curves."""
    blocks = {str(view.answer["block"]): str(view.answer["arm"]) for view in material.views}
    runs = material.comparison.runs
    falling = [found for found in under_trained(runs) if found[0] in blocks]
    compared = [found for found in falling if found[1] in (blocks[found[0]], UNMASKED)]
    if compared:
        names = [f"{block}, {named(arm)} ({count} of {n} seeds)" for block, arm, count, n in compared]
        yield Text(
            f"Still falling at the end: {'; '.join(names)}. There the validation loss was lowest in the last epoch of "
            "most seeds; with more epochs the comparison may come out differently, because masks slow training down."
        )
    elif "fit/best_epoch" in runs and len(blocks):
        yield Text("Neither the chosen masks nor training without one were still improving at the end in most seeds.")
    others = [f"{block}, {arm}" for block, arm, *_ in falling if arm not in (blocks[block], UNMASKED)]
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        yield Text(f"Of the masks not chosen, still falling: {'; '.join(others[:MOST_NAMED])}{more}.")
    yield from LEARNING(material)


def power(material: Material) -> Iterator[Piece]:
    """What the seeds so far could detect, and how many would settle what is open."""
    rows = material.linked(tables.records(material.comparison.power))
    if not rows:
        return
    wanted = [row for row in rows if row["verdict"] == "unsettled"]
    for row in wanted[:MOST_BLOCKS]:
        yield Text(settle(row))
    yield Text(
        "Circle: the true effect that this many seeds would detect with a chance of 80 %; filled where that is no "
        "larger than the smallest effect worth having (grey bar). n → seeds needed for that."
    )
    yield from _by_metric(rows, "power", "What could be detected", _power)
    yield _table(tables.POWER, rows, "Spread of the paired differences and what it takes")
    more = command_for(wanted, material.about.command)
    if more:
        yield Text("The seeds for the most demanding of the open answers; runs that are finished are not repeated:")
        yield Code(more)


def sensitivity(material: Material) -> Iterator[Piece]:
    """Whether the answers hang on one seed, on the mean, on the test, or on the test items."""
    rows = material.scaled(tables.records(material.comparison.sensitivity))
    if rows:
        shaky = [str(row["block"]) for row in rows if row["stable"] == False]  # noqa: E712 - NaN is not unstable
        text = "Every verdict stays the same" if not shaky else f"The verdict is not the same for {', '.join(shaky)}"
        yield Text(f"{text} when any one seed is dropped.")
        yield _table(tables.SENSITIVITY, rows, "The primary test difference, computed otherwise")
    items = material.scaled(tables.records(material.comparison.items))
    if items:
        yield Text(
            "All seeds share one split here, so the intervals above speak of training noise only. Another draw of "
            "test items would move the result as well; this table says by how much."
        )
        yield _table(tables.ITEMS, items, "Test items that masking won and lost")


def _selection(rows: list[Row]) -> figures.Figure:
    return figures.selection(rows, row_scale(rows[0]), axis(rows[0]))


def _power(rows: list[Row]) -> figures.Figure:
    return figures.power_strip(rows, row_scale(rows[0]), row_scale(rows[0]).unit or str(rows[0]["metric"]))


def _by_metric(rows: list[Row], name: str, title: str, draw: figures.FromRows) -> Iterator[Picture]:
    """One figure for each metric with a row a block: blocks judged by different metrics share no axis."""
    for place, metric in enumerate(dict.fromkeys(row["metric"] for row in rows), start=1):
        own = [row for row in rows if row["metric"] == metric]
        description = "; ".join(f"{row['block']}: {row['verdict']}" for row in own[:MOST_BLOCKS])
        yield Picture(f"{name}{place}", draw(own[:MOST_BLOCKS]), f"{title}, {metric}", description, _drawn(len(own)))


def _ranks(model: str, metric: str, rows: list[Row], place: int) -> Iterator[Piece]:
    """Mean ranks of one model's masks: a figure where there are enough data sets, a table in any case."""
    n, p = int(rows[0]["n_data"]), rows[0]["friedman_p"]
    ordered = f"Friedman test that all rank alike: p = {p_value(p)}." if math.isfinite(p) else ""
    few = f" {n} data sets are too few for a figure: chance orders them." if n < ENOUGH_DATA else ""
    yield Text(f"Mean ranks of the masks of {model} over {plural(n, 'data set')}; 1 is best. {ordered}{few}".strip())
    if n >= ENOUGH_DATA:
        best = sorted(rows, key=lambda row: (row["arm"] != UNMASKED, row["mean_rank"]))[:MOST_BLOCKS]
        title, caption = f"Mean ranks, {model}, {metric}", "Filled: differs from no mask. Grey: cannot be told from it."
        yield Picture(f"ranks{place}", figures.mean_ranks(best), title, ordered or title, caption)
    rows = sorted(rows, key=lambda row: (row["mean_rank"], row["arm"]))
    fold = f"{model}: mean ranks of {len(rows)} arms"
    yield tables.table(tables.RANK, rows, fold, folded=fold if len(rows) > MOST_BLOCKS else "")


def _model(answer: Row) -> str:
    """The model as `across` and `ranks` name it: with what else tells blocks of one data set apart."""
    return str(answer["block"]).removeprefix(f"{answer['data']} · ")


def _across_sentence(total: Row, like: Row) -> str:
    """The mean effect over data sets in words."""
    scale = row_scale(like)
    mean = f"{scale.signed(total['mean'])} {scale.unit}".strip()
    text = (
        f"{total['model']} over {plural(int(total['n_data']), 'data set')}: on average {mean} of test {total['metric']}"
    )
    if math.isfinite(total["ci_low"]):
        text += f" (95 % interval {scale.interval(total['ci_low'], total['ci_high'])}, p = {p_value(total['p_value'])})"
    if math.isfinite(total["prob_new"]):
        text += f"; chance that masking helps on a new data set of this sort: {share(total['prob_new'])}"
    return f"{text}."


def _table(fields: tuple[tables.Field, ...], rows: list[Row], caption: str) -> Table:
    """A table of blocks that names the unit once where all share it, else in every row."""
    units = {tables.unit(row) for row in rows}
    if len(units) == 1:
        return tables.table(fields, rows, f"{caption}: {units.pop()}.")
    return tables.table((fields[0], tables.UNIT, *fields[1:]), rows, f"{caption}.")


def _drawn(count: int) -> str:
    return f"Drawn: the first {MOST_BLOCKS} of {count} blocks." if count > MOST_BLOCKS else ""
