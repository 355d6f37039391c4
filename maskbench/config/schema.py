"""The typed schema. A node with a `_target_` is open: its other keys are the target's own settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maskbench.records import UNMASKED


@dataclass
class PreprocessConfig:
    """Steps fitted on the train part, in this order; one without a `_target_` is none. `steps` are the user's."""

    name: str = "none"
    encode: dict[str, Any] = field(default_factory=dict)
    scale: dict[str, Any] = field(default_factory=dict)
    impute: dict[str, Any] = field(default_factory=dict)
    denoise: dict[str, Any] = field(default_factory=dict)
    steps: list[Any] = field(default_factory=list)


@dataclass
class CardConfig:
    """What people should know of a mask; no part of a run."""

    hides: str = ""
    rate: str = ""
    use: str = ""
    source: str = ""
    also: list[str] = field(default_factory=list)
    shown_on: str = ""
    """The kind of data that shows it best, where that is not the first it fits."""


@dataclass
class MaskConfig:
    """One mask; `none` has a name and nothing else."""

    name: str = UNMASKED
    pattern: dict[str, Any] = field(default_factory=dict)
    fill: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    rate: float | None = None
    rescale: str = "none"
    place: str = "input"
    compounding: bool = False
    card: CardConfig | None = None


@dataclass
class TrainConfig:
    """How long and how fast a model learns."""

    epochs: int = 40
    batch_size: int = 64
    lr: float = 1e-3
    weight_decay: float = 0.01
    patience: int | None = None


@dataclass
class EvaluateConfig:
    """Corruptions of the test inputs and the rates at which they are applied."""

    corruptions: dict[str, MaskConfig] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)


@dataclass
class TrackingConfig:
    """Where runs are kept."""

    uri: str | None = None
    flush_seconds: float = 5.0
    patience_seconds: float = 60.0
    sweep: str | None = None
    """Set by a sweep on its runs: its key."""
    parent: str | None = None
    """Set by a sweep on its runs: its parent run in the store."""


@dataclass
class ComputeConfig:
    """What a run is computed on; not part of its identity."""

    device: str = "auto"
    threads: int = 1


@dataclass
class Config:
    """Everything one run needs."""

    data: dict[str, Any] = field(default_factory=dict)
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)
    model: dict[str, Any] = field(default_factory=dict)
    mask: MaskConfig = field(default_factory=MaskConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    study: str = "default"
    seed: int = 0
    split_seed: int | None = None


def register() -> None:
    """Tell Hydra about the schema; `conf/config.yaml` starts from it."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name="schema", node=Config, provider="maskbench")
