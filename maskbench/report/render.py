"""The one place of the report that writes files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

import pandas as pd
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from maskbench.comparison import Comparison
from maskbench.report import latex, markdown, tables
from maskbench.report.figures import Drawn, draw
from maskbench.report.material import Material, gather
from maskbench.report.pieces import About, Cell, Column, Link, Picture, Piece, Section
from maskbench.report.sections import SECTIONS

TEMPLATES = ("report.html.j2", "report.md.j2", "style.css")
FIGURES = "figures"


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written: the page, its Markdown, and by name the CSV and LaTeX tables and the figures."""

    html: Path
    markdown: Path
    tables: Mapping[str, Path]
    latex: Mapping[str, Path]
    figures: Mapping[str, Path]


@dataclass(frozen=True)
class Rendered:
    """A report as text and pictures, not yet written."""

    html: str
    markdown: str
    latex: Mapping[str, str]
    figures: Mapping[str, Drawn]


def write_report(
    comparison: Comparison,
    out: Path,
    *,
    study: str = "study",
    command: str | None = None,
    running: bool = False,
    curves: pd.DataFrame | None = None,
) -> ReportFiles:
    """Write report.html, report.md, CSV and LaTeX tables and the figures into the folder `out`, made if absent.

    `command` is what reproduces the study, `running` says it is not finished, `curves` has the columns run_id, curve,
    step and value. Nothing in the files depends on the time or the machine.
    """
    rendered = render(gather(comparison, About(study, command, running), curves))
    out.mkdir(parents=True, exist_ok=True)
    return ReportFiles(
        _write(out / "report.html", rendered.html),
        _write(out / "report.md", rendered.markdown),
        {name: _write_csv(out / f"{name}.csv", table) for name, table in _frames(comparison)},
        {name: _write(out / f"{name}.tex", text) for name, text in rendered.latex.items()},
        _write_figures(out / FIGURES, rendered.figures),
    )


def render(material: Material) -> Rendered:
    """The report in every format."""
    built = [(section, list(section.build(material))) for section in SECTIONS]
    parts = [(section, pieces) for section, pieces in built if pieces]
    drawn = {
        piece.name: draw(piece.figure, piece.name, piece.title, piece.description)
        for piece in _pieces(parts)
        if isinstance(piece, Picture)
    }
    context = {"about": material.about, "parts": parts, "folder": FIGURES}
    context["drawn"] = {name: Markup(figure.inline) for name, figure in drawn.items()}
    page = _environment(html=True).get_template("report.html.j2")
    notes = _environment(html=False).get_template("report.md.j2")
    return Rendered(page.render(context), notes.render(context), _latex(material), drawn)


def _pieces(parts: list[tuple[Section, list[Piece]]]) -> Iterator[Piece]:
    for _, pieces in parts:
        yield from pieces


def _frames(comparison: Comparison) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every table of a comparison with its name."""
    for field in fields(comparison):
        value = getattr(comparison, field.name)
        if isinstance(value, pd.DataFrame):
            yield field.name, value


def _latex(material: Material) -> dict[str, str]:
    """The answers, and each block's arms in its primary metric."""
    rows = tables.records(material.comparison.answers)
    answers = tables.table(tables.PAPER_ANSWER, rows, "Does masking help? Positive differences mean that it does.")
    arms = [
        tables.table(
            tables.PAPER_ARM, tables.records(view.arms), f"{view.answer['block']}: test {tables.unit(view.answer)}"
        )
        for view in material.views
    ]
    return {"answers": latex.document([answers], "answers"), "effects": latex.document(arms, "effects")}


def _environment(*, html: bool) -> Environment:
    folder = files("maskbench.report")
    sources = {name: (folder / name).read_text("utf-8") for name in TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": _md, "fence": markdown.fence, "tr": _row, "nb": _unbroken}
    return environment


def _md(value: object) -> str:
    return markdown.escape(str(value))


def _unbroken(text: str) -> str:
    """`text` with its numbers and per cent signs kept on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _row(cells: tuple[Cell, ...], columns: tuple[Column, ...]) -> Markup:
    """A row of a table on the page."""
    return Markup("".join(_cell(cell, column) for cell, column in zip(cells, columns, strict=True)))


def _cell(cell: Cell, column: Column) -> str:
    text = escape(str(cell))
    if isinstance(cell, Link) and cell.to:
        text = Markup('<a href="#{}">{}</a>').format(cell.to, text)
    if column.numeric:
        return f'<td class="n">{text}</td>'
    return f'<td class="word {text}">{text}</td>' if column.title == "verdict" else f"<td>{text}</td>"


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _write_csv(path: Path, table: pd.DataFrame) -> Path:
    return _write(path, table.to_csv(index=False, lineterminator="\n"))


def _write_figures(folder: Path, figures: Mapping[str, Drawn]) -> dict[str, Path]:
    """One SVG and one PNG file for each figure; figures of an earlier report are removed."""
    folder.mkdir(exist_ok=True)
    for old in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        old.unlink()
    for name, figure in figures.items():
        _write(folder / f"{name}.svg", figure.svg)
        (folder / f"{name}.png").write_bytes(figure.png)
    return {f"{name}.{kind}": folder / f"{name}.{kind}" for name in figures for kind in ("svg", "png")}
