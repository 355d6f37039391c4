"""Tables for papers: booktabs, one long table each, every name escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable

from maskbench.report.pieces import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "−": "$-$",
    "–": "--",
    "·": r"$\cdot$",
    "²": r"$^2$",
    "×": r"$\times$",
    "→": r"$\to$",
    "\N{NO-BREAK SPACE}": "~",
}
"""What LaTeX would read, and the signs of this report that older fonts lack."""

_ESCAPED = re.compile("[" + re.escape("".join(_SPECIAL)) + "]")


def escape(text: str) -> str:
    """`text` on one line, as LaTeX prints it."""
    line = "".join(letter if letter.isprintable() or letter in _SPECIAL else " " for letter in text)
    return _ESCAPED.sub(lambda found: _SPECIAL[found.group()], line).replace("[", "{[}").replace("]", "{]}")


def document(tables: Iterable[Table], label: str) -> str:
    r"""Tables to `\input`, with a comment that says which packages they need."""
    head = "% \\usepackage{booktabs,longtable}; UTF-8\n"
    return head + "\n".join(_table(table, f"{label}{place}") for place, table in enumerate(tables, start=1))


def _table(table: Table, label: str) -> str:
    """One `longtable`, which breaks over pages by itself and repeats its head."""
    columns = "".join("r" if column.numeric else "l" for column in table.columns)
    head = f"\\toprule\n{_line(column.title for column in table.columns)}\\midrule\n"
    body = "".join(_line(str(cell) for cell in row) for row in table.rows)
    caption = f"\\caption{{{escape(table.caption)}}}\\label{{tab:{label}}}\\\\\n"
    return (
        f"\\begin{{longtable}}{{{columns}}}\n{caption}{head}\\endfirsthead\n{head}\\endhead\n"
        f"\\bottomrule\n\\endlastfoot\n{body}\\end{{longtable}}\n"
    )


def _line(cells: Iterable[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + " \\\\\n"
