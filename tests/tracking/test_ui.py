"""`maskbench ui`: MLflow's own interface, on this machine only."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from maskbench.errors import StoreError
from maskbench.tracking.ui import serve


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_serves_the_store_on_loopback_and_ends_on_sigterm(empty_database: Path, tmp_path: Path) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    port = free_port()
    command = [sys.executable, "-m", "maskbench", "ui", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"MLflow on http://127.0.0.1:{port} (Ctrl-C ends it)\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert b"MLflow" in page.read()
        family = psutil.Process(process.pid).children(recursive=True)
        listening = {c.laddr.ip for child in family for c in child.net_connections() if c.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not [child for child in family if child.is_running()]


def test_a_taken_port_is_said(uri: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StoreError, match="is taken; choose another with --port"):
            serve(uri, taken.getsockname()[1], print)


def test_a_server_has_its_own_interface() -> None:
    with pytest.raises(StoreError, match="user interface of its own"):
        serve("http://127.0.0.1:5000", 5000, print)
