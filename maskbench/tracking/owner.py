"""Who trains a run: tells a run that is being trained from one left RUNNING by a killed process."""

from __future__ import annotations

import os
import socket
import time

import psutil

STALE_SECONDS = 120.0


def this_process() -> str:
    """`host/pid/start`: a process number alone is used again."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def alive(owner: str, heartbeat: float) -> bool:
    """Whether the owner still runs: looked up on this host, else judged by its last heartbeat (seconds since 1970)."""
    host, _, process = owner.partition("/")
    if host != socket.gethostname():
        return time.time() - heartbeat < STALE_SECONDS
    number, _, start = process.partition("/")
    try:
        found = psutil.Process(int(number))
        return f"{found.create_time():.2f}" == start and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False
