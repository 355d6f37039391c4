"""Hydra finds its plug-ins here; what they do is in `maskbench.sweep`."""
