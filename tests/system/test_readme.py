"""README's own example works as it stands, and what it lists is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()


def block(before: str, language: str) -> str:
    """The first code block of a language after a text."""
    found = re.search(rf"```{language}\n(.*?)```", README[README.index(before) :], re.DOTALL)
    assert found is not None
    return found[1]


def test_the_mask_of_the_readme_trains(tmp_path: Path) -> None:
    (tmp_path / "stripes.py").write_text(block("`stripes.py`", "python"))
    (tmp_path / "menu" / "mask").mkdir(parents=True)
    (tmp_path / "menu" / "mask" / "stripes.yaml").write_text(block("`menu/mask/stripes.yaml`", "yaml"))
    command = block("_target_: stripes.Stripes", "sh").strip()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*command.split()[1:], "train.epochs=2"],
        cwd=tmp_path, env=environment | {"PYTHONPATH": "."}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("finished digits mlp stripes 0.5 s0 "), done.stdout + done.stderr


def test_the_tables_list_the_whole_menu() -> None:
    stages = ("encode", "scale", "impute", "denoise")
    for group in ("model", "mask/fill", "mask/schedule", *(f"preprocess/{stage}" for stage in stages)):
        listed = re.search(rf"^\| `{group}` \| (.*) \|$", README, re.MULTILINE)
        assert listed is not None
        assert sorted(names(listed[1])) == shipped(group)


def test_the_masks_are_all_listed_once() -> None:
    table = README[README.index("| masks | |") :].split("\n\n")[0]
    listed = [name for line in table.splitlines()[2:] for name in names(line.split("|")[2])]
    assert sorted([*listed, "none"]) == shipped("mask")
    assert f"## {len(listed)} masks" in README


def test_the_data_sets_are_all_listed_once() -> None:
    table = README[README.index("| data | |") :].split("\n\n")[0]
    listed = [name for line in table.splitlines()[2:] for name in names(line.split("|")[2])]
    assert sorted(listed) == shipped("data")
    own = names(table.splitlines()[2].split("|")[2])
    assert f"and {len(listed) - len(own)} known sets" in README


def names(cell: str) -> list[str]:
    """The choices in a cell of a table, without what is said of them."""
    plain = re.sub(r"\(.*?\)", "", cell)
    return [part.split()[-1] for part in re.split(r"[,;]", plain)]


def shipped(group: str) -> list[str]:
    return sorted(path.stem for path in (REPOSITORY / "conf" / group).glob("*.yaml"))


def test_the_commands_of_the_readme_plan(tmp_path: Path) -> None:
    for line in block("## Your own sweep", "sh").splitlines():
        if line.startswith("maskbench plan"):
            arguments = line.split("#")[0].replace("'", "").split()[1:]
            done = subprocess.run(
                [sys.executable, "-m", "maskbench", *arguments],
                cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert "40 runs: 40 new" in done.stdout, done.stdout + done.stderr
            return
    raise AssertionError("README shows no plan")


def test_pictures_and_files_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
