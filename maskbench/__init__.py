"""Does hiding part of the input make a model generalise better? Sweeps, tracking, comparison."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskbench.comparison import Comparison, compare
    from maskbench.experiment import Experiment, run_experiment
    from maskbench.report import write_report

__version__ = "0.1.0"
__all__ = ["Comparison", "Experiment", "compare", "run_experiment", "write_report"]

_HOMES = {
    "Comparison": "maskbench.comparison",
    "Experiment": "maskbench.experiment",
    "compare": "maskbench.comparison",
    "run_experiment": "maskbench.experiment",
    "write_report": "maskbench.report",
}


def __getattr__(name: str) -> object:
    """The library's front door, opened room by room: `import maskbench` alone loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'maskbench' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
