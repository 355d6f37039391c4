"""Every mask of the menu with its card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from maskbench.config.build import mask_of
from maskbench.config.menu import load
from maskbench.config.schema import CardConfig, MaskConfig
from maskbench.description import KINDS, Kind
from maskbench.errors import ConfigError, nearest
from maskbench.masks.mask import INPUT, Mask
from maskbench.masks.situations import situations
from maskbench.records import UNMASKED

AT_ONCE = 16
"""Masks in one composition: Hydra takes 120 ms for each alone and 25 ms for each of sixteen."""


@dataclass(frozen=True)
class Entry:
    """One mask: its name, its parts, the data it fits and what people should know of it."""

    name: str
    config: MaskConfig
    mask: Mask
    kinds: tuple[Kind, ...]

    @property
    def card(self) -> CardConfig:
        """What people should know of it."""
        return self.config.card or CardConfig()

    @property
    def parts(self) -> str:
        """`pattern Bernoulli, fill zero, schedule constant` and whatever else is not usual."""
        config = self.config
        parts = [
            f"pattern {type(self.mask.pattern).__name__}",
            f"fill {config.fill['name']}",
            f"schedule {config.schedule.get('name', 'constant')}",
        ]
        parts += [f"rescale {config.rescale}"] if config.rescale != "none" else []
        parts += [f"inside the model at '{config.place}'"] if config.place != INPUT else []
        parts += ["compounding"] if config.compounding else []
        return ", ".join(parts)

    @property
    def where(self) -> str:
        """The kinds of data, or the inside of a model."""
        return ", ".join(self.kinds) if self.config.place == INPUT else "inside the model"


def entries(loader: ConfigLoader) -> list[Entry]:
    """All masks of the menu in the order of their names."""
    groups = loader.get_group_options("mask", ObjectType.CONFIG)
    names = [name for name in sorted(groups) if name != UNMASKED]
    parts = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    return [each for part in parts for each in _composed(loader, part)]


def _composed(loader: ConfigLoader, names: Sequence[str]) -> list[Entry]:
    masks = load(loader, [f"+mask@evaluate.corruptions.catalogue_{name}={name}" for name in names]).evaluate.corruptions
    return [_entry(name, cast(MaskConfig, OmegaConf.to_object(masks[f"catalogue_{name}"]))) for name in names]


def _entry(name: str, config: MaskConfig) -> Entry:
    mask = mask_of(config)
    if mask is None:
        raise ConfigError(f"mask '{name}' calls itself '{config.name}'; give it a name of its own")
    kinds = {found.features.kind for found in situations(mask, 1)}
    return Entry(name, config, mask, tuple(kind for kind in KINDS if kind in kinds))


def entry(found: Sequence[Entry], name: str) -> Entry:
    """The mask of that name, or of that name elsewhere; raises ConfigError with the nearest one."""
    for each in found:
        if name in (each.name, *each.card.also):
            return each
    known = [other for each in found for other in (each.name, *each.card.also)]
    raise ConfigError(f"there is no mask '{name}'.{nearest(name, known)} All masks: maskbench masks")


def listing(found: Iterable[Entry]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(where, (name, what it hides)) by the data that masks fit, the most general first."""
    found = list(found)
    wheres = {each.where for each in found}
    ordered = sorted(wheres, key=lambda where: (where.startswith("inside"), -where.count(","), where))
    return [(where, [(each.name, each.card.hides) for each in found if each.where == where]) for where in ordered]


def card_lines(each: Entry, cost: str) -> list[str]:
    """A card as lines of text."""
    card = each.card
    rate = "its own parameters fix it" if each.config.rate is None else f"{each.config.rate:g} unless you set mask.rate"
    rows = {
        "hides": card.hides,
        "fits": each.where,
        "rate": f"{card.rate}; {rate}",
        "use": card.use,
        "made of": each.parts,
        "cost": cost,
        "source": card.source,
        "also": ", ".join(card.also),
    }
    return [each.name, *(f"  {name:8} {text}" for name, text in rows.items() if text)]
