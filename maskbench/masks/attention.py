"""Keys of attention that are not attended to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maskbench.description import Kind
from maskbench.masks.contract import Context, Fill, Place

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Unattended(Fill):
    """Hidden steps stay as they are and no step attends to them: one of each sample is always kept.

    Works on what a `torch.nn.TransformerEncoder` takes in, (B, N, D), by its key padding mask.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("sequence",)
    places: ClassVar[tuple[Place, ...]] = ("model",)
    keeps_one: ClassVar[bool] = True

    def apply(self, inputs: Tensor, hidden: Tensor, generator: Generator, context: Context) -> Tensor:
        """A copy of the inputs."""
        return inputs.clone()
