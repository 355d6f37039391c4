"""Masked examples, ready to be drawn: what was there, what was hidden, what stands there now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from maskbench.errors import ConfigError
from maskbench.masks.cells import as_columns
from maskbench.masks.contract import Context
from maskbench.masks.mask import INPUT, Mask, Masked
from maskbench.masks.schedules import Constant, Moment
from maskbench.seeding import Streams


@dataclass(frozen=True)
class Look:
    """Examples (B, *shape) before and after, and which cells were hidden, of the same shape; at a rate."""

    before: Tensor
    hidden: Tensor
    after: Tensor
    rate: float
    realised: float


def look(mask: Mask, context: Context, inputs: Tensor, draw: int = 0) -> Look:
    """The mask on `inputs`; where it asks for scores it gets each value's distance from the train mean."""
    masking = replace(mask, schedule=Constant()).fit(context)
    masked = masking(inputs, Streams(draw).generator("mask/train"), Moment(0, 1, 2), _stand_in(mask, context, inputs))
    covered = as_columns(masked.hidden, context.features)
    hidden = torch.broadcast_to(covered, torch.broadcast_shapes(covered.shape, inputs.shape))
    return Look(inputs, hidden, masked.filled.detach(), masking.rate, _realised(masked))


def _realised(masked: Masked) -> float:
    from maskbench.masks.checks import shares

    return shares(masked).mean().item() if masked.hidden.any() else 0.0


def _stand_in(mask: Mask, context: Context, inputs: Tensor) -> Tensor | None:
    scored = mask.pattern.scored
    if not scored:
        return None
    values = inputs.float()
    away = (values - context.rows.float().mean(0)).nan_to_num().abs()
    if inputs.ndim == 4:
        away = away.mean(1, keepdim=True)
    return away if scored == "cell" else away.flatten(1).mean(1)


def looks(name: str, mask: Mask, context: Context, inputs: Tensor, rates: Sequence[float]) -> list[Look]:
    """The mask at each of `rates` that it can reach; raises ConfigError where it cannot be shown at all."""
    if mask.place != INPUT:
        raise ConfigError(f"mask '{name}' works inside a model and changes no input; its card: maskbench masks {name}")
    if mask.rate is None:
        mask.check(context.features)
        return [look(mask, context, inputs)]
    found, refusal = [], ConfigError(f"no rate to show mask '{name}' at")
    for rate in rates:
        at = replace(mask, rate=rate)
        try:
            at.check(context.features)
        except ConfigError as error:
            refusal = ConfigError(f"mask '{name}' on these data: {error}")
            continue
        found.append(look(at, context, inputs))
    if not found:
        raise refusal
    return found
