"""Hardware: device, its name, and peak memory."""

from __future__ import annotations

import math
import mmap
import re

import numpy as np
import pytest
import torch

from maskbench import hardware
from maskbench.hardware import choose_device, describe_hardware, peak_memory, reset_peak_memory

CPU = torch.device("cpu")


@pytest.mark.parametrize("there", [False, True])
def test_auto_is_a_gpu_where_there_is_one(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto").type == ("cuda" if there else "cpu")
    assert choose_device("cpu") == CPU


def test_the_description_names_processor_and_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert re.fullmatch(r".+, 7 thread\(s\)", describe_hardware(CPU))


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU at {device}")
    assert describe_hardware(torch.device("cuda", 0)) == "a GPU at cuda:0"


@pytest.mark.skipif(not hardware._PEAK_RESET.exists(), reason="peak memory can be reset on Linux only")
def test_peak_memory_counts_from_the_reset():
    reset_peak_memory(CPU)
    before = peak_memory(CPU)
    block = mmap.mmap(-1, 80 * 2**20)  # new pages: an array may get what the process has freed before
    np.frombuffer(block, np.uint8)[:] = 1
    grown = peak_memory(CPU)
    assert 60 < grown - before < 200
    block.close()
    reset_peak_memory(CPU)
    assert peak_memory(CPU) < grown - 40


def test_unknown_peak_memory_is_nan(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "_STATUS", tmp_path / "nowhere")
    monkeypatch.setattr(hardware, "_PEAK_RESET", tmp_path / "nowhere")
    reset_peak_memory(CPU)
    assert math.isnan(peak_memory(CPU))


def test_a_peak_that_may_not_be_reset_stops_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "_PEAK_RESET", tmp_path)  # a folder cannot be written
    reset_peak_memory(CPU)
    assert peak_memory(CPU) > 0 or math.isnan(peak_memory(CPU))
