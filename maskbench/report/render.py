"""The one place of the report that writes files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from maskbench.comparison import Comparison
from maskbench.report import markdown
from maskbench.report.figures import to_svg
from maskbench.report.pieces import About, Picture, Piece
from maskbench.report.sections import SECTIONS

TEMPLATES = ("report.html.j2", "report.md.j2", "style.css")
TABLES = ("answers", "effects", "pairs", "coverage", "problems")


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written."""

    html: Path
    markdown: Path
    tables: Mapping[str, Path]


def write_report(
    comparison: Comparison,
    out: Path,
    *,
    study: str = "study",
    command: str | None = None,
    running: bool = False,
) -> ReportFiles:
    """Write report.html, report.md and the tables as CSV into the folder `out`, made if absent.

    `command` is what reproduces the study, `running` says it is not finished. Nothing in the
    files depends on the time or the machine.
    """
    about = About(study, command, running)
    out.mkdir(parents=True, exist_ok=True)
    page, notes = render(comparison, about)
    return ReportFiles(
        _write(out / "report.html", page),
        _write(out / "report.md", notes),
        {name: _write_csv(out / f"{name}.csv", getattr(comparison, name)) for name in TABLES},
    )


def render(comparison: Comparison, about: About) -> tuple[str, str]:
    """The report as HTML and as Markdown."""
    built = [(section, list(section.build(comparison, about))) for section in SECTIONS]
    context = {"about": about, "parts": [(section, pieces) for section, pieces in built if pieces]}
    page = _environment(html=True).get_template("report.html.j2")
    notes = _environment(html=False).get_template("report.md.j2")
    return page.render(context), notes.render(context)


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
    environment.filters |= {"svg": _svg, "md": markdown.escape, "fence": markdown.fence}
    return environment


def _svg(piece: Piece) -> Markup:
    """A picture as SVG; everything in it that came from a table was escaped when it was drawn."""
    assert isinstance(piece, Picture)
    return Markup(to_svg(piece.figure, piece.name, piece.title, piece.description))


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _write_csv(path: Path, table: pd.DataFrame) -> Path:
    return _write(path, table.to_csv(index=False, lineterminator="\n"))
