"""A new store: complete, or not there at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from maskbench.tracking.store import Store

CUT_SHORT = """
import os, sys
from pathlib import Path
from alembic import command
from maskbench.tracking.store import Store
command.upgrade = lambda config, to, upgrade=command.upgrade: (upgrade(config, "+1"), os._exit(7))
Store(sys.argv[1], "a study").experiment_id
"""


def test_a_store_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    uri = f"sqlite:///{file}"
    assert subprocess.run([sys.executable, "-c", CUT_SHORT, uri], check=False).returncode == 7
    assert not file.exists()
    file.touch()  # an empty file, as one that ran out of disk leaves, is no store either
    store = Store(uri, "a study")
    assert store.experiment_id
    assert store.client.search_experiments()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]
