"""Configuration: a typed schema over the YAML menu, composed, checked and built into experiments.

Hydra and OmegaConf live here and above; below, a run is plain values.
"""
