"""`maskbench data`: the list, fetching by name, errors of one line, and nothing heavy."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maskbench.cli import app
from maskbench.data import archives, cache
from maskbench.data.archives import Source

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


def data(*words: str) -> Result:
    return CliRunner().invoke(app, ["data", *words])


def test_the_list(folder):
    done = data()
    assert done.exit_code == 0
    head, here, away, at = done.stdout.splitlines()
    assert head.split() == ["archive", "size", "state", "by", "licence"]
    assert here.split() == ["here", "0.0", "MB", "there", "npm", "MIT"]
    assert away.split() == ["away", "30.9", "MB", "-", "apt-get", "GPL-3"]
    assert at == f"folder: {folder}"


def test_the_list_says_that_fetching_is_forbidden(folder, monkeypatch):
    monkeypatch.setenv(cache.OFFLINE, "1")
    assert data().stdout.splitlines()[-1] == f"folder: {folder} (MASKBENCH_OFFLINE is set)"


def test_the_list_leaves_a_wrong_file_alone(folder):
    (folder / "here-1.tgz").write_bytes(b"something else")
    assert data().stdout.splitlines()[1].split() == ["here", "0.0", "MB", "-", "npm", "MIT"]
    assert [path.name for path in folder.iterdir()] == ["here-1.tgz"]


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
        (["fetch", "hera"], "there is no archive 'hera'. Did you mean 'here'? There are here, away"),
        (["fetsh"], "'fetsh' says nothing here. Did you mean 'fetch'? maskbench data --help"),
    ],
)
def test_bad_words(folder, words, says):
    done = data(*words)
    assert (done.exit_code, done.stderr) == (2, f"maskbench: error: {says}\n")


def test_nothing_heavy_is_loaded(tmp_path):
    code = (
        "import atexit, sys; from maskbench.cli import main; sys.argv = ['maskbench', 'data'];"
        "atexit.register(lambda: print('LOADED', *{'torch', 'mlflow', 'pandas', 'numpy'} & set(sys.modules)));"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"
    assert "keel" in done.stdout
