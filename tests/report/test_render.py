"""The written report: complete, self-contained, escaped, and the same twice."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maskbench.comparison import compare
from maskbench.comparison.simulated import simulated_runs
from maskbench.report import ReportFiles, write_report
from tests.report.studies import curves_of, full_runs

EFFECTS = {("block", 0.1): 0.05, ("block", 0.3): 0.0, ("bernoulli", 0.3): -0.05}
NASTY = "<script>alert('x')</script>"
VOID = {"meta", "br", "hr", "img", "input", "link"}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return simulated_runs(np.random.default_rng(0), effects=EFFECTS, data=("a", "b"))


@pytest.fixture(scope="module")
def report(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    out = tmp_path_factory.mktemp("out") / "new" / "report"
    return write_report(compare(runs), out, study="my study", command="maskbench sweep")


class Page(HTMLParser):
    """Collects tags and attributes, and checks that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_all_files_are_there(report: ReportFiles) -> None:
    assert report.html.name == "report.html"
    assert report.markdown.read_text().startswith("# maskbench: my study\n")
    frames = {"answers", "effects", "pairs", "coverage", "problems", "runs"}
    assert set(report.tables) == frames | {"power", "ranks", "across", "sensitivity", "items"}
    assert set(report.latex) == {"answers", "effects"}
    assert {path.suffix for path in report.figures.values()} == {".svg", ".png"}
    assert all(path.stat().st_size for path in report.figures.values())
    assert len(pd.read_csv(report.tables["answers"])) == 2
    assert len(pd.read_csv(report.tables["pairs"])) == 2 * 3 * 8


def test_the_page_needs_nothing_from_outside(report: ReportFiles) -> None:
    page = Page(report.html.read_text())
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "img", "base"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "xlink:href"}:
                assert (value or "").startswith("#"), (tag, name, value)
    assert not re.search(r"@import|url\((?!#)", report.html.read_text())


def test_ids_are_unique_and_figures_have_names(report: ReportFiles) -> None:
    tags = Page(report.html.read_text()).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    figures = [attributes for tag, attributes in tags if tag == "svg"]
    assert len(figures) == len(report.figures) / 2 >= 10
    assert all(attributes["role"] == "img" for attributes in figures)
    named = {name for attributes in figures for name in str(attributes["aria-labelledby"]).split()}
    assert named <= set(ids)
    for name in named:
        assert ids.count(name) == 1


def test_the_same_table_gives_the_same_bytes(runs: pd.DataFrame, report: ReportFiles, tmp_path: Path) -> None:
    again = write_report(compare(runs), tmp_path, study="my study", command="maskbench sweep")
    first, second = ({path.relative_to(where.html.parent): path for path in files(where)} for where in (report, again))
    assert first.keys() == second.keys()
    assert len(first) > 30
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def files(report: ReportFiles) -> list[Path]:
    return sorted(path for path in report.html.parent.rglob("*") if path.is_file())


def test_links_lead_somewhere(report: ReportFiles, runs: pd.DataFrame) -> None:
    page = report.html.read_text()
    ids = {str(attributes["id"]) for _, attributes in Page(page).tags if "id" in attributes}
    assert {f"run-{run}" for run in runs["run_id"]} <= ids
    targets = [str(attributes.get("href")) for tag, attributes in Page(page).tags if tag == "a"]
    assert len(targets) > 50
    assert {target.removeprefix("#") for target in targets} <= ids
    pictures = re.findall(r"!\[[^\n]*\]\((.*)\)", report.markdown.read_text())
    assert len(pictures) == len(report.figures) / 2
    assert all((report.markdown.parent / picture).is_file() for picture in pictures)


def test_a_run_that_is_not_used_leads_to_its_place(runs: pd.DataFrame, tmp_path: Path) -> None:
    lost = runs.assign(reason="")
    lost.loc[lost.index[1], ["status", "reason"]] = ["FAILED", "out of memory"]
    page = write_report(compare(lost), tmp_path).html.read_text()
    run = runs["run_id"].iloc[1]
    assert f'<a href="#run-{run}">{run}</a>' in page
    assert f'id="run-{run}"' in page


def test_figures_of_an_earlier_report_go(runs: pd.DataFrame, tmp_path: Path) -> None:
    write_report(compare(runs), tmp_path)
    fewer = write_report(compare(runs[runs["data"] == "a"]), tmp_path)
    assert set((tmp_path / "figures").iterdir()) == set(fewer.figures.values())


def test_curves_bring_their_figures(tmp_path: Path) -> None:
    runs = full_runs(seeds=3)
    written = write_report(compare(runs), tmp_path, curves=curves_of(runs))
    assert {"robust1.png", "matrix1.png", "learning1.png"} <= set(written.figures)
    assert not {"robust1.png", "learning1.png"} & set(write_report(compare(runs), tmp_path).figures)


def test_nothing_from_a_table_is_read_as_markup(runs: pd.DataFrame, tmp_path: Path) -> None:
    evil = runs.replace({"data": {"a": NASTY}, "mask": {"block": f"{NASTY}{{{{7*7}}}}"}})
    evil = evil.assign(run_id=NASTY + evil["run_id"], reason="", **{f"test/{NASTY}": 1.0})
    evil.loc[evil.index[1], ["status", "reason"]] = ["FAILED", NASTY]
    written = write_report(compare(evil), tmp_path, study=NASTY, command=NASTY)
    page, notes = written.html.read_text(), written.markdown.read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 20
    assert "{{7*7}}" in page
    assert "{{49}}" not in page
    assert "<script" not in notes.replace(f"```\n{NASTY}\n```", "")
    tex = written.latex["effects"].read_text()
    assert "<script" not in tex
    assert r"\textless{}script\textgreater{}" in tex
    assert r"\{\{7*7\}\}" in tex
    for path in written.figures.values():
        assert path.suffix == ".png" or "<script" not in path.read_text()


def test_numbers_stand_right_and_words_left(report: ReportFiles) -> None:
    page = report.html.read_text()
    assert re.search(r'<td class="n"><a href="#arm-\d+">8</a></td>', page)
    assert '<td class="word helps">helps</td>' in page


def test_a_running_sweep_is_announced(runs: pd.DataFrame, tmp_path: Path) -> None:
    assert "Still running" in write_report(compare(runs), tmp_path, running=True).html.read_text()
    assert "Still running" not in write_report(compare(runs), tmp_path).html.read_text()


@pytest.mark.parametrize("rows", ["mask != 'none'", "mask == 'none'", "seed == 0", "seed < 3"])
def test_a_poor_study_still_has_a_report(runs: pd.DataFrame, tmp_path: Path, rows: str) -> None:
    page = write_report(compare(runs.query(rows)), tmp_path).html.read_text()
    assert "Does masking help?" in page
    assert "helps</strong>" not in page


def test_a_report_is_small_enough_to_open_anywhere(report: ReportFiles) -> None:
    assert report.html.stat().st_size < 700_000


def test_markdown_tables_have_one_line_a_row(report: ReportFiles) -> None:
    lines = report.markdown.read_text().splitlines()
    heads = [place for place, line in enumerate(lines) if line.startswith("| --- |")]
    assert len(heads) >= 8
    for place in heads:
        assert lines[place - 1].count("|") == lines[place].count("|") == lines[place + 1].count("|")
