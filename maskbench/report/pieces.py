"""What a report is made of, free of any format: a section yields pieces, a template writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from maskbench.report.material import Material


@dataclass(frozen=True)
class About:
    """What the report is of: the study's name, the command that made it, whether it still runs."""

    study: str
    command: str | None
    running: bool


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Verdict:
    """One block's answer: the word, the sentence, and what stands in small print below."""

    kind: ClassVar[str] = "verdict"
    word: str
    sentence: str
    detail: str


@dataclass(frozen=True)
class Link:
    """Text of a table that leads to the id `to` on the page; an empty `to` leads nowhere."""

    text: str
    to: str

    def __str__(self) -> str:
        return self.text


Cell = str | Link


@dataclass(frozen=True)
class Column:
    """A table's column; numbers stand right."""

    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table of finished text. Where `folded` is not empty it is the line that opens the table."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure with its accessible name, what it shows in words, and a caption."""

    kind: ClassVar[str] = "picture"
    name: str
    figure: Figure
    title: str
    description: str
    caption: str


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    kind: ClassVar[str] = "terms"
    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """A command or other text to copy."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Run:
    """A run in a list: the id of its place on the page (empty where it was not started), its own id, seed and state."""

    anchor: str
    run_id: str
    seed: str
    state: str


@dataclass(frozen=True)
class Runs:
    """The runs of one block, arm by arm: (place on the page, arm, its runs)."""

    kind: ClassVar[str] = "runs"
    title: str
    arms: tuple[tuple[str, str, tuple[Run, ...]], ...]


Piece = Text | Heading | Verdict | Table | Picture | Terms | Code | Runs


@dataclass(frozen=True)
class Section:
    """One part of the report; without pieces it is left out."""

    name: str
    title: str
    build: Callable[[Material], Iterable[Piece]]
