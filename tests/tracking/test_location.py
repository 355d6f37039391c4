"""Where a store is."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskbench.errors import StoreError
from maskbench.tracking.location import Location


def test_the_default_is_mlflows_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Location.of(None) == Location(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlflow.db")


def test_the_environment_is_honoured_and_the_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert Location.of(None) == Location("http://127.0.0.1:5000", None)
    assert Location.of("sqlite:////a/b.db").file == Path("/a/b.db")


@pytest.mark.parametrize("uri", ["somewhere", "/a/folder", "mlruns"])
def test_a_folder_is_no_store(uri: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///"):
        Location.of(uri)


def test_artifacts_are_beside_the_file_and_a_servers_own_affair() -> None:
    assert Location.of("sqlite:////a/b.db").artifacts("my study") == "file:///a/mlartifacts/my%20study"
    assert Location.of("http://127.0.0.1:5000").artifacts("s") is None


def test_locks_differ_by_store(tmp_path: Path) -> None:
    assert Location.of(f"sqlite:///{tmp_path}/a.db").lock().lock_file == f"{tmp_path}/a.db.lock"
    one, two = (Location.of(f"http://127.0.0.1:{port}").lock().lock_file for port in (1, 2))
    assert one != two
