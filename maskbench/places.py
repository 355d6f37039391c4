"""Places inside a model where a mask can work: the outputs of some of its modules, or its attention's keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from maskbench.errors import ConfigError
from maskbench.masks.attention import Unattended
from maskbench.masks.contract import Fill
from maskbench.masks.mask import Masked


@contextmanager
def masked_at(model: nn.Module, place: str, fill: Fill, mask: Callable[[Tensor], Masked]) -> Iterator[None]:
    """While the block runs, what the modules of `place` put out in training mode is masked.

    `place` is the class name of the modules, or the dotted name of one. Under the fill
    `unattended` their keys are masked instead: hidden steps (B, N) become `src_key_padding_mask`.
    """

    def output(module: nn.Module, args: Any, values: Tensor) -> Tensor | None:
        return mask(values).inputs if module.training else None

    def keys(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Any:
        if not module.training:
            return None
        already = kwargs.get("src_key_padding_mask")
        steps = args[0] if already is None else args[0].masked_fill(already[..., None], math.nan)  # padding stays out
        hidden = mask(steps).hidden.expand(steps.shape)[..., 0].to(steps.device)
        return args, kwargs | {"src_key_padding_mask": hidden if already is None else hidden | already}

    found = modules_at(model, place)
    if isinstance(fill, Unattended):
        handles = [module.register_forward_pre_hook(keys, with_kwargs=True) for module in found]
    else:
        handles = [module.register_forward_hook(output) for module in found]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def modules_at(model: nn.Module, place: str) -> list[nn.Module]:
    """The modules of a place; raises ConfigError where the model has none."""
    found = [module for name, module in model.named_modules() if place and place in (name, type(module).__name__)]
    if not found:
        raise ConfigError(f"the model has no module '{place}'; mend model.places")
    return found
