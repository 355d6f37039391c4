"""What a run ran on, and how much memory it took."""

from __future__ import annotations

import contextlib
import platform
import re
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_PEAK_RESET = Path("/proc/self/clear_refs")


def choose_device(wanted: str) -> torch.device:
    """The device called `wanted`; `auto` is a GPU where there is one."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def describe_hardware(device: torch.device) -> str:
    """Processor or GPU and thread count: costs are compared within one kind only."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} thread(s)"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()


def reset_peak_memory(device: torch.device) -> None:
    """Start a new peak, where the system can: CUDA, and Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _PEAK_RESET.exists():
        with contextlib.suppress(OSError):  # a container may keep it read-only
            _PEAK_RESET.write_text("5")


def peak_memory(device: torch.device) -> float:
    """Peak memory since the reset in MiB: of the GPU, or of the whole process; NaN where unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    found = re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text()) if _STATUS.is_file() else None
    return int(found[1]) / 2**10 if found else float("nan")
