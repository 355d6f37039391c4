"""A figure becomes clean SVG and PNG: named, themed, safe whatever it is called, and the same twice."""

from __future__ import annotations

import re
import struct
from importlib.resources import files
from xml.etree import ElementTree

import pytest

from maskbench.comparison import compare
from maskbench.report import figures
from maskbench.report.figures.style import VARIABLES, draw
from maskbench.report.views import View, views
from tests.report.studies import drawn_runs

EVERY = [figures.forest, figures.heatmap, figures.curves, figures.cost_front]
every = pytest.mark.parametrize("make", EVERY)


def view_of(name: str = "block") -> View:
    return views(compare(drawn_runs({(name, 0.1): 0.03, ("other", 0.1): 0.0})))[0]


@pytest.fixture(scope="module")
def view() -> View:
    return view_of()


@every
def test_it_is_the_same_twice(make: object, view: View) -> None:
    assert callable(make)
    assert draw(make(view), "one", "t", "d") == draw(make(view), "one", "t", "d")


@every
def test_the_inline_form_is_named_themed_and_sized_by_the_page(make: object, view: View) -> None:
    assert callable(make)
    svg = draw(make(view), "one", "A <title>", "what & why").inline
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "one-title one-desc"
    assert [child.text for child in list(root)[:2]] == ["A <title>", "what & why"]
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "var(--ink)" in svg
    assert not any(colour in svg for colour in VARIABLES)
    assert all(found.startswith("one-") for found in re.findall(r'\bid="([^"]*)"', svg))
    links = re.findall(r'href="#([^"]*)"', svg)
    assert all(found.startswith(("one-", "run-", "arm-")) for found in links)
    assert 'href="to:' not in svg


@every
def test_the_file_stands_for_itself(make: object, view: View) -> None:
    assert callable(make)
    svg = draw(make(view), "one", "A <title>", "d").svg
    root = ElementTree.fromstring(svg)
    assert root.get("width")
    assert root.get("role") == "img"
    assert "var(--" not in svg
    assert 'href="to:' not in svg
    assert "date" not in svg.lower()
    assert "<metadata" not in svg


def chunks(png: bytes) -> list[bytes]:
    found, place = [], 8
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        found.append(png[place + 4 : place + 8])
        place += 12 + size
    return found


def test_the_png_says_neither_when_nor_by_what_it_was_made(view: View) -> None:
    png = draw(figures.forest(view), "one", "t", "d").png
    assert png.startswith(b"\x89PNG")
    assert not {b"tEXt", b"iTXt", b"zTXt", b"tIME"} & set(chunks(png))


@every
@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x_1$ \\frac{a}{b}", "中文 🙂", "{}", "a & 'b' \"c\""])
def test_any_name_is_drawn_as_it_stands(make: object, name: str) -> None:
    assert callable(make)
    drawn = draw(make(view_of(name)), "one", name, name)
    for svg in (drawn.inline, drawn.svg):
        assert "<script" not in svg
        written = " ".join(ElementTree.fromstring(svg).itertext())
        assert written.count(name) >= 3


def test_figures_have_the_colours_of_the_page() -> None:
    light = (files("maskbench.report") / "style.css").read_text("utf-8").split("@media")[0]
    for colour, variable in VARIABLES.items():
        assert f"{variable.removeprefix('var(').removesuffix(')')}: {colour}" in light
