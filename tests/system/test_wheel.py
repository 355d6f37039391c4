"""The wheel, installed in an environment of its own outside the repository, sweeps and reports."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source") / "maskbench"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(REPOSITORY), str(source)], check=True)
    _bring_changes(source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)  # the sdist first, and the wheel from it
    return next(folder.glob("*.whl"))


def _bring_changes(clone: Path) -> None:
    """What is not committed yet is tested too."""
    listing = [
        "git",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "maskbench",
        "conf",
        "hydra_plugins",
    ]
    names = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in [*filter(None, names), "pyproject.toml"]:
        source, target = REPOSITORY / name, clone / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the new environment's programs; its libraries are borrowed, maskbench is the wheel's."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def run(program: Path, *args: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(program), *args], cwd=folder, env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_carries_menu_and_plugins(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    menu = {str(Path("maskbench") / path.relative_to(REPOSITORY)) for path in (REPOSITORY / "conf").rglob("*.yaml")}
    assert menu <= names
    assert {"hydra_plugins/maskbench/sweeper.py", "maskbench/py.typed", "maskbench/conf/__init__.py"} <= names
    assert "hydra_plugins/__init__.py" not in names  # others' plug-ins share the folder
    assert not [name for name in names if name.startswith(("tests/", "conf/", "benchmarks/"))]


def test_it_sweeps_and_reports_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import maskbench; print(maskbench.__file__)", folder=tmp_path)
    assert str(installed.parent) in where
    grid = (
        "study=w",
        "data=wine",
        "model=linear",
        "train.epochs=2",
        "mask=bernoulli",
        "mask.rate=0.3",
        "seed=range(2)",
    )
    assert "4 runs: 4 new" in run(installed / "maskbench", "sweep", *grid, folder=tmp_path)
    assert "4 runs: 4 finished" in run(installed / "maskbench", "plan", *grid, folder=tmp_path)
    run(installed / "maskbench", "report", "--study", "w", folder=tmp_path)
    assert "wine" in (tmp_path / "reports" / "w" / "report.html").read_text()
