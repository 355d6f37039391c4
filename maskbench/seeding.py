"""Named random streams: every draw of a run says what it is for, and none says what is compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Streams:
    """Independent random streams of one seed, told apart by name (`init`, `batches`, `mask/train` …).

    A stream depends on the seed and its name and on nothing else, so two runs that differ in the
    mask only meet the same split, initial weights and batches. Draws are made on the CPU.
    """

    seed: int

    def _number(self, name: str) -> int:
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def generator(self, name: str) -> torch.Generator:
        """A torch generator at the start of stream `name`."""
        import torch

        return torch.Generator().manual_seed(self._number(name))

    def numpy(self, name: str) -> np.random.Generator:
        """A NumPy generator at the start of stream `name`."""
        return np.random.default_rng(self._number(name))

    @contextmanager
    def as_global(self, name: str) -> Iterator[None]:
        """Within the block torch's global generators run on stream `name`; after it they are as before.

        For code that can draw from nowhere else: the initialisers and dropout of `torch.nn`.
        """
        import torch

        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self._number(name))
            yield
