"""Tables of runs in, tables of answers out; knows no tracking store, no model and no figure."""

from maskbench.comparison.compare import Comparison, compare

__all__ = ["Comparison", "compare"]
