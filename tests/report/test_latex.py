"""LaTeX prints names as they stand."""

from __future__ import annotations

import re

import pytest

from maskbench.report.latex import document, escape
from maskbench.report.pieces import Column, Link, Table

NASTY = '_ % $ & # { } ~ ^ \\ < > | " [x] −1.0 – R² a·b'


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a_b", r"a\_b"),
        ("50 %", r"50 \%"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("−1.0", "$-$1.0"),
        ("[x]", "{[}x{]}"),
        ("a\nb", "a b"),
        ("50\N{NO-BREAK SPACE}%", r"50~\%"),
        ("plain 0.3", "plain 0.3"),
    ],
)
def test_escape(name: str, shown: str) -> None:
    assert escape(name) == shown


def test_nothing_that_latex_reads_is_left() -> None:
    written = escape(NASTY)
    for known in (r"\\text\w+\{\}", r"\\[_%$&#{}]", r"\$\S*?\$", r"\{\[\}", r"\{\]\}"):
        written = re.sub(known, "", written)
    assert not set(written) & set('_%$&#{}~^\\<>|"[]')


def test_a_table_is_long_and_aligned() -> None:
    table = Table("Cap_tion", (Column("a", numeric=False), Column("n")), (("x&y", Link("8", "arm-1")), ("z", "9")))
    text = document([table, table], "t")
    assert text.count(r"\begin{longtable}{lr}") == text.count(r"\end{longtable}") == 2
    assert r"\caption{Cap\_tion}\label{tab:t1}" in text
    assert r"\label{tab:t2}" in text
    assert "x\\&y & 8 \\\\\n" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\endhead"):
        assert rule in text
