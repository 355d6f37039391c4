"""The menu without a run: Hydra's loader over the shipped choices and a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from maskbench.config.schema import register
from maskbench.errors import ConfigError


def menu(folder: Path | None = None) -> ConfigLoader:
    """Hydra's loader of `maskbench.conf` and, before it, of a user's `folder`."""
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--config-dir={folder} is no folder; give the one that holds your mask/, data/ or model/")
    register()
    GlobalHydra.instance().clear()
    try:
        path = create_config_search_path("pkg://maskbench.conf")
        if folder is not None:
            path.prepend("user", f"file://{folder.resolve()}")
        return Hydra.create_main_hydra2("maskbench", path).config_loader
    finally:
        GlobalHydra.instance().clear()


def load(loader: ConfigLoader, overrides: Sequence[str]) -> DictConfig:
    """What Hydra composes from overrides, without its own node."""
    node = loader.load_configuration("config", list(overrides), RunMode.RUN)
    with open_dict(node):
        del node["hydra"]
    return node
