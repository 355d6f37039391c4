"""Stopping: once with bookkeeping, twice at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from maskbench.sweep.stopping import INTERRUPTED, shielded, stoppable

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_and_says_so(number: signal.Signals) -> None:
    said: list[str] = []
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(KeyboardInterrupt), stoppable(said.append):
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert len(said) == 1
    assert "again stops at once" in said[0]
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_what_is_shielded_is_done_to_its_end() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), stoppable(lambda text: None):
        with shielded():
            with shielded():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("inner")
            done.append("outer")
        done.append("after")
    assert done == ["inner", "outer"]


def test_one_request_does_not_end_the_next_time_at_once() -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), stoppable(lambda text: None):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)


def test_asked_twice_it_ends_at_once() -> None:
    code = """
import os, signal, time
from maskbench.sweep.stopping import shielded, stoppable
with stoppable(print):
    with shielded():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == INTERRUPTED
    assert time.monotonic() - started < 10
