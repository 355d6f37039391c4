"""Who trains a run: tells a run that is being trained from one left RUNNING by a killed process."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import psutil

STALE_SECONDS = 120.0
_START_TICKS = 19
"""Where a process's start stands in /proc/PID/stat, counted after the name: clock ticks since the machine started."""


def this_process() -> str:
    """`host/pid/start`: a process number alone is used again."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start(os.getpid())}"


def alive(owner: str, heartbeat: float) -> bool:
    """Whether the owner still runs: looked up on this host, else judged by its last heartbeat (seconds since 1970)."""
    host, _, process = owner.partition("/")
    if host != socket.gethostname():
        return time.time() - heartbeat < STALE_SECONDS
    number, _, start = process.partition("/")
    try:
        return _start(int(number)) == start and psutil.Process(int(number)).status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False


def _start(number: int) -> str:
    """When a process started, by a clock that nobody can set; raises psutil.NoSuchProcess where there is none."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[_START_TICKS]
    except OSError:  # no such process, or a system without /proc
        return f"{psutil.Process(number).create_time():.2f}"
