"""The house: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import LIBRARY, REPOSITORY

# From the ground up. Rooms on the left deal with tensors, rooms on the right with tables and stores,
# those in the middle with both or neither. A room imports from lower floors and from itself; below
# the floor where the sides meet, left and right do not know each other.
#   floor   left                        middle                          right
HOUSE = (
    (0, "", "__init__ errors records description", ""),
    (1, "seeding hardware", "", "tracking"),
    (2, "masks data models metrics", "", "comparison"),
    (3, "tally scoring places targets", "", "report"),
    (4, "training", "", ""),
    (5, "evaluation preparation", "", ""),
    (6, "experiment", "", ""),
    (7, "config", "", ""),
    (8, "", "gallery sweep study", ""),
    (9, "", "cli", ""),
    (10, "", "__main__ hydra_plugins", ""),
)

CONFIGURED = (
    "maskbench.config",
    "maskbench.gallery.catalogue",
    "maskbench.gallery.shelf",
    "maskbench.sweep",
    "maskbench.cli",
    "hydra_plugins",
)
# Who alone may import a library, wherever in the file; annotations under TYPE_CHECKING are free.
ONLY = {
    "mlflow": ("maskbench.tracking",),
    "matplotlib": ("maskbench.report.figures", "maskbench.gallery.picture"),
    "hydra": CONFIGURED,
    "omegaconf": CONFIGURED,
    "torch": (
        *(f"maskbench.{room}" for row in HOUSE for room in row[1].split()),
        "maskbench.gallery",  # draws masks and times them
        "maskbench.sweep.execute",  # sets the number of threads of a run
    ),
    "pandas": ("maskbench.tracking.table", "maskbench.comparison", "maskbench.report", "maskbench.study"),
}
MODELS_KNOW = ("maskbench.description.", "maskbench.models.")

FLOOR = {room: row[0] for row in HOUSE for side in row[1:] for room in side.split()}
SIDE = {room: side for row in HOUSE for side, rooms in zip("lmr", row[1:], strict=True) for room in rooms.split()}


def modules() -> dict[str, Path]:
    """Every module of the library and of the plug-ins by dotted name."""
    files = [*LIBRARY.rglob("*.py"), *(REPOSITORY / "hydra_plugins").rglob("*.py")]
    files = [file for file in files if "conf" not in file.relative_to(REPOSITORY).parts]
    return {".".join(file.relative_to(REPOSITORY).with_suffix("").parts): file for file in sorted(files)}


def room(module: str) -> str:
    """`maskbench.masks.block` is in `masks`; what is no module, as `maskbench.__version__`, is the package's own."""
    first, *rest = module.split(".")
    if first == "hydra_plugins":
        return first
    there = rest and ((LIBRARY / rest[0]).is_dir() or (LIBRARY / f"{rest[0]}.py").is_file())
    return rest[0] if there else "__init__"


def imports(file: Path) -> Iterator[str]:
    """Dotted names a file imports, also inside functions, but not for annotations only."""
    waiting: list[ast.AST] = [ast.parse(file.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


EDGES = [(module, name) for module, file in modules().items() for name in imports(file)]
OURS = [(module, name) for module, name in EDGES if name.split(".")[0] in ("maskbench", "hydra_plugins")]


def test_there_is_something_to_look_at():
    assert len(modules()) > 40
    assert ("maskbench.experiment", "maskbench.training.fit") in OURS
    assert ("maskbench.masks.cells", "torch") in EDGES  # inside a function
    assert ("maskbench.masks.cells", "torch.Tensor") not in EDGES  # an annotation


def test_every_room_has_a_floor():
    assert {room(module) for module in modules()} == set(FLOOR)


@pytest.mark.parametrize("name", sorted(FLOOR))
def test_a_room_imports_downwards_only(name):
    for module, imported in OURS:
        if room(module) == name != room(imported):
            assert FLOOR[room(imported)] < FLOOR[name], f"{module} imports {imported}"


def test_left_and_right_do_not_know_each_other():
    for module, imported in OURS:
        assert {SIDE[room(module)], SIDE[room(imported)]} != {"l", "r"}, f"{module} imports {imported}"


@pytest.mark.parametrize("library", ONLY)
def test_libraries_are_imported_in_their_rooms_only(library):
    users = {module for module, name in EDGES if name.split(".")[0] == library}
    allowed = ONLY[library]
    strangers = {module for module in users if not any(f"{module}.".startswith(f"{place}.") for place in allowed)}
    assert users
    assert not strangers


def test_models_know_descriptions_and_torch_only():
    for module, imported in EDGES:
        if room(module) == "models":
            ours = imported.startswith("maskbench.")
            assert not ours or imported.startswith(MODELS_KNOW), f"{module} imports {imported}"
            assert ours or imported.split(".")[0] in (*sys.stdlib_module_names, "torch"), f"{module} imports {imported}"


HEAVY = ("torch", "pandas", "mlflow", "sklearn", "matplotlib", "scipy", "statsmodels")
WATCH = f"""
import atexit, os, sys
def tell():
    print("LOADED", *sorted(set({HEAVY}) & set(sys.modules)), flush=True)
atexit.register(tell)
"""


def loaded(code: str, folder: Path) -> set[str]:
    """The heavy libraries a fresh process has loaded after running `code`."""
    done = subprocess.run([sys.executable, "-c", WATCH + code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.argv = ['maskbench', '--help']; from maskbench.cli import main; main()",
        "import maskbench.sweep.plan",
        "import maskbench.config.compose, maskbench.config.identity",
        "import sys; sys.argv = ['maskbench', 'plan', 'data=wine', 'mask=bernoulli,feature', 'seed=range(3)'];"
        "from maskbench.cli import main; main()",
    ],
    ids=["--help", "sweep.plan", "config", "plan"],
)
def test_what_must_start_at_once_loads_nothing_heavy(code, tmp_path):
    assert loaded(code, tmp_path) == set()


def test_the_right_side_runs_without_torch(tmp_path):
    assert "torch" not in loaded("import maskbench.study, maskbench.tracking.table, maskbench.report", tmp_path)


def test_the_watch_would_see_it(tmp_path):
    assert loaded("import torch", tmp_path) >= {"torch"}
