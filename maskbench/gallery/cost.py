"""What a mask costs, measured here and now."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from maskbench.masks.mask import Mask
from maskbench.masks.situations import situations

SAMPLES, REPEATS = 256, 15


def cost(mask: Mask) -> str:
    """Nanoseconds a cell of drawing and filling a batch, and the same for one uniform number a cell."""
    place = max(situations(mask, SAMPLES), key=lambda place: place.features.size)
    place.inputs, place.masking, place.scores  # noqa: B018
    stream, cells = place.stream(), place.inputs.numel()
    masked = _median(lambda: place.masked(stream=stream))
    uniform = _median(lambda: torch.rand(cells, generator=stream))
    shape = " x ".join(str(size) for size in place.features.shape)
    return (
        f"{masked / cells * 1e9:.1f} ns a value on {SAMPLES} samples of {place.features.kind} {shape}, "
        f"measured now; one uniform number takes {uniform / cells * 1e9:.1f} ns"
    )


def _median(action: Callable[[], object]) -> float:
    action()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
