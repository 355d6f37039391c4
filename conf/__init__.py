"""The menu: one YAML per choice. Installed as `maskbench.conf`, where Hydra finds it."""
