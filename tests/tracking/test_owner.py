"""Who trains a run: by host, process and a clock that nobody sets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from maskbench.tracking import owner


def test_this_process_lives() -> None:
    assert owner.alive(owner.this_process(), 0)
    host, number, _ = owner.this_process().split("/")
    assert not owner.alive(f"{host}/{number}/1", time.time())  # the number was used again
    assert not owner.alive(f"{host}/none/1", time.time())


def test_a_process_that_ended_does_not() -> None:
    code = "from maskbench.tracking.owner import this_process; print(this_process())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not owner.alive(done.stdout.strip(), time.time())


def test_a_zombie_does_not() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    time.sleep(0.2)
    host = owner.this_process().split("/")[0]
    assert not owner.alive(f"{host}/{child}/{owner._start(child)}", time.time())
    os.waitpid(child, 0)


def test_owners_elsewhere_live_by_their_heartbeat() -> None:
    assert owner.alive("elsewhere/1/1.0", time.time() - 10)
    assert not owner.alive("elsewhere/1/1.0", time.time() - 1000)
    assert not owner.alive("", 0)


def test_setting_the_clock_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    me = owner.this_process()
    now, started = time.time(), psutil.boot_time()
    for hours in (-24, 24):
        monkeypatch.setattr(time, "time", lambda hours=hours: now + 3600 * hours)
        monkeypatch.setattr(psutil, "boot_time", lambda hours=hours: started + 3600 * hours)
        assert owner.this_process() == me
        assert owner.alive(me, now)


def test_without_proc_the_start_is_the_creation_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_there(self: Path, *args: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", nothing_there)
    me = owner.this_process()
    assert "." in me.rsplit("/", 1)[1]
    assert owner.alive(me, 0)
