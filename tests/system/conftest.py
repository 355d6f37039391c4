"""What the tests of whole sweeps share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.system.sweeps import SOME, finish, numbers, orphans, sweep


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The numbers of the runs of SOME, from a sweep that nothing disturbed."""
    folder = tmp_path_factory.mktemp("reference")
    finish(sweep(folder, *SOME))
    return numbers(folder)


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path) -> Iterator[None]:
    """However a test ends its sweeps, none of their processes may go on."""
    yield
    left = orphans(tmp_path)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert not left
