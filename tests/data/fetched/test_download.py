"""Fetching from an address, from a server on this machine: whole and right, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maskbench.data.fetched import cache
from maskbench.data.fetched.archives import Source
from maskbench.data.fetched.fetch import fetch
from maskbench.errors import DataError

CONTENT = b"the content of an archive" * 100
TRUE = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers with CONTENT, and with what goes wrong at other paths; keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        case = self.path.strip("/")
        if case == "missing":
            self.send_error(404)
            return
        self.send_response(302 if case == "moved" else 200)
        if case == "moved":
            self.send_header("Location", "/right")
        content = {"moved": b"", "long": CONTENT + b"!", "other": CONTENT[::-1]}.get(case, CONTENT)
        if case != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:1000] if case in ("cut", "endless") else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv(cache.OFFLINE, raising=False)
    return tmp_path / "archives"


def source(server: Server, case: str) -> Source:
    address = f"http://127.0.0.1:{server.server_address[1]}/{case}"
    return Source("tiny", "tiny.tar.gz", len(CONTENT), TRUE, "url", address, "MIT")


@pytest.mark.parametrize("case", ["right", "moved"])
def test_what_is_right_takes_its_place(server, folder, case):
    said: list[str] = []
    assert fetch(source(server, case), said.append) == folder / "tiny.tar.gz"
    assert (folder / "tiny.tar.gz").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["tiny.tar.gz"]
    assert said[0] == f"tiny: fetching tiny.tar.gz, 0.0 MB, from {source(server, case).package}"
    asked = list(server.asked)
    fetch(source(server, case), said.append)
    assert said[-1] == "tiny: there, 0.0 MB"
    assert server.asked == asked


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("missing", "answers 404 Not Found;"),
        ("cut", r"sent 1,000 of 2,500 bytes, then the connection ended;"),
        ("endless", r"sent 1,000 of 2,500 bytes, then the connection ended;"),
        ("long", "sends more than the 2,500 bytes of the archive;"),
    ],
)
def test_what_does_not_arrive_leaves_nothing(server, folder, case, says):
    with pytest.raises(
        DataError, match=f"archive 'tiny': http://127.*/{case} {says} .*get tiny.tar.gz elsewhere"
    ) as caught:
        fetch(source(server, case), print)
    assert str(folder) in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_server_that_is_not_there(server, folder):
    wanted = source(server, "right")
    gone = dataclasses.replace(wanted, package="http://127.0.0.1:1/right")
    with pytest.raises(DataError, match=r"127\.0\.0\.1:1/right cannot be read: .*refused"):
        fetch(gone, print)
    assert list(folder.iterdir()) == []


def test_a_server_that_falls_silent(server, folder, monkeypatch):
    monkeypatch.setattr("maskbench.data.fetched.download.PATIENCE_SECONDS", 0.05)
    quiet = threading.Event()
    monkeypatch.setattr(Handler, "do_GET", lambda _: quiet.wait(5))
    try:
        with pytest.raises(DataError, match="cannot be read: timed out"):
            fetch(source(server, "right"), print)
    finally:
        quiet.set()
    assert list(folder.iterdir()) == []


def test_another_file_is_kept_aside_and_its_hash_is_told(server, folder):
    with pytest.raises(DataError, match=f"sha256 {TRUE} but has {hashlib.sha256(CONTENT[::-1]).hexdigest()}"):
        fetch(source(server, "other"), print)
    assert [path.name for path in folder.iterdir()] == ["tiny.tar.gz.wrong"]


@pytest.mark.parametrize("flag", [True, False])
def test_offline_asks_no_server(server, folder, monkeypatch, flag):
    if not flag:
        monkeypatch.setenv(cache.OFFLINE, "1")
    with pytest.raises(DataError, match=r"tiny\.tar\.gz .* is not in .*maskbench data fetch tiny"):
        fetch(source(server, "right"), print, offline=flag)
    assert server.asked == []


def test_the_disk_is_not_taken_for_the_network(server, folder, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maskbench.data.fetched.fetch.download", full)
    with pytest.raises(DataError, match=f"cannot write to {folder}: No space left on device"):
        fetch(source(server, "right"), print)
