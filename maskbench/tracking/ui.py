"""MLflow's user interface on the right store: this machine only, one worker instead of fifteen processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO

from maskbench.errors import StoreError
from maskbench.tracking.location import Location

HOST = "127.0.0.1"
START_SECONDS = 60.0


def serve(uri: str | None, port: int, on_ready: Callable[[str], None]) -> int:
    """Serve until Ctrl-C or SIGTERM; `on_ready` gets a line once it answers; returns an exit code.

    Raises StoreError where there is no store, the port is taken or the server does not come up.
    """
    location = Location.of(uri)
    if location.file is None:
        raise StoreError(f"{location.uri} is a server with a user interface of its own; open it in a browser")
    if not location.file.is_file():
        raise StoreError(f"there is no store at {location.file}; run a sweep first, or name one with --uri")
    _require_free(port)
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(_command(location.uri, port), env=os.environ | _environment(), stdout=log, stderr=log)
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            _wait(server, port, log)
            on_ready(f"MLflow on http://{HOST}:{port} (Ctrl-C ends it)")
            return 0 if server.wait() in (0, -signal.SIGTERM) else 1
        except KeyboardInterrupt:
            return 0
        finally:
            server.terminate()
            server.wait()


def _command(uri: str, port: int) -> list[str]:
    settings = {"--backend-store-uri": uri, "--host": HOST, "--port": str(port), "--workers": "1"}
    return [sys.executable, "-m", "mlflow", "server", *(part for pair in settings.items() for part in pair)]


def _environment() -> dict[str, str]:
    return {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StoreError(f"port {port} is taken; choose another with --port") from error


def _wait(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
    raise StoreError(f"MLflow's server did not come up: {lines[-1]}")
