"""The log of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maskbench.sweep.log import logged

CODE = """
import os, sys
from pathlib import Path
from maskbench.sweep.log import logged
print("before")
try:
    with logged(Path("log.txt"), "digits mlp", QUIET):
        print("inside")
        print("warned", file=sys.stderr)
        os.system("echo from below")
        raise ValueError("no luck")
except ValueError:
    print("after")
"""


@pytest.mark.parametrize("quiet", [True, False])
def test_what_was_printed_and_raised_is_in_the_log(tmp_path: Path, quiet: bool) -> None:
    code = CODE.replace("QUIET", str(quiet))
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    log = (tmp_path / "log.txt").read_text()
    assert log.splitlines()[0].endswith("digits mlp")
    for part in ("inside", "warned", "Traceback", "ValueError: no luck", "ended by ValueError after 0."):
        assert part in log
    assert "before" not in log
    assert "after\n" not in log
    seen_anyway = [] if quiet else ["inside", "from", "below"]
    assert sorted(shown.stdout.split()) == sorted(["before", "after", *seen_anyway])
    assert shown.stderr.split() == ([] if quiet else ["warned"])
    assert ("from below" in log) == quiet  # a quiet log holds what other libraries and processes print


def test_a_crash_leaves_its_traceback(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    code = (
        "import ctypes; from pathlib import Path; from maskbench.sweep.log import logged\n"
        f"with logged(Path({str(file)!r}), 'a run', True):\n    ctypes.string_at(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode < 0
    assert "Segmentation fault" in file.read_text()
    assert "string_at" in file.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is there on Linux only")
@pytest.mark.parametrize("quiet", [True, False])
def test_a_full_disk_costs_no_run(quiet: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with logged(Path("/dev/full"), "a run", quiet):
        pass
    with pytest.raises(ValueError, match="no luck"), logged(Path("/dev/full"), "a run", quiet):
        raise ValueError("no luck")
