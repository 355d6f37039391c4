"""Does hiding part of the input make a model generalise better? Sweeps, tracking, comparison."""

from __future__ import annotations

__version__ = "0.1.0"
