"""The command line. Heavy libraries are imported where a command needs them: `--help` answers at once."""

from __future__ import annotations

# the order of the imports is that of the commands in --help
# isort: off
from maskbench.cli import sweeps
from maskbench.cli import results
from maskbench.cli import catalogue
from maskbench.cli import data
from maskbench.cli.app import app

__all__ = ["app", "catalogue", "data", "main", "results", "sweeps"]


def main() -> None:
    """The console script."""
    app()
