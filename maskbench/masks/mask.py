"""A mask: pattern, fill, rate, rescale and schedule in one value that turns batches into masked batches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from maskbench.description import Features, Kind
from maskbench.errors import ConfigError
from maskbench.masks.cells import Batch, along, as_cells, as_columns, eligible_cells, per_cell, uniform
from maskbench.masks.contract import Context, Fill, Pattern, Place
from maskbench.masks.schedules import Constant, Moment, Schedule

if TYPE_CHECKING:
    from torch import Generator, Tensor

RESCALES = ("none", "inverted", "sparsity")
INPUT = "input"
INSIDE: dict[int, Kind] = {2: "columns", 3: "sequence", 4: "image"}
"""What tensors inside a model are, by their number of axes."""
START = Moment()


@dataclass(frozen=True)
class Mask:
    """A rule for hiding: `rate` is the expected share of hidden cells, in [0, 1], its mean under a schedule.

    `rate` None leaves it to the pattern's native parameters. `place` is where the mask works:
    `input`, or a place inside the model by the name that the model gives it. With `compounding`
    the training inputs themselves are overwritten at the end of every epoch.
    """

    pattern: Pattern
    fill: Fill
    rate: float | None
    rescale: str = "none"
    schedule: Schedule = field(default_factory=Constant)
    place: str = INPUT
    compounding: bool = False

    def check(self, features: Features) -> None:
        """Raise ConfigError where the parts cannot be had together on such data."""
        self._check_place()
        self.fill.check(features)
        features = features.units
        self.pattern.require_kind(features)
        self.schedule.check()
        rate = self.rate_on(features)
        if isinstance(rate, bool) or not 0 <= rate <= 1:
            raise ConfigError(f"rate is the share of hidden cells and lies in [0, 1], not {rate}")
        for end in self.schedule.reach(rate):
            self.pattern.check(features, end)
        self._check_rescale(rate)

    def _check_place(self) -> None:
        where: Place = "input" if self.place == INPUT else "model"
        for part, places in (("pattern", self.pattern.places), ("fill", self.fill.places)):
            if where not in places:
                name = type(getattr(self, part)).__name__
                raise ConfigError(
                    f"{part} {name} works {'on the input' if where == 'model' else 'inside a model'} only; "
                    f"set mask.place to {'input' if where == 'model' else 'a place of the model'} or change the {part}"
                )
        if self.compounding and (where == "model" or self.pattern.scored or self.fill.trained):
            raise ConfigError(
                "compounding overwrites the inputs without a model, and this mask needs one; set mask.compounding=false"
            )

    def _check_rescale(self, rate: float) -> None:
        if self.rescale not in RESCALES:
            raise ConfigError(f"rescale is one of {', '.join(RESCALES)}, not '{self.rescale}'")
        if self.rescale == "inverted" and self.fill.expected_scale(rate) is None:
            raise ConfigError("rescale=inverted undoes a fill that shrinks the input (zero, scale); use rescale=none")
        if self.rescale == "sparsity" and not self.fill.sparse:
            raise ConfigError("rescale=sparsity makes up for cells that became 0; use mask/fill=zero or rescale=none")

    def rate_on(self, features: Features) -> float:
        """The nominal rate: as set, or what the native parameters amount to on such data."""
        implied = self.pattern.implied_rate(features.units)
        if self.rate is None and implied is None:
            raise ConfigError("it needs a rate; set mask.rate to a number from 0 to 1")
        if self.rate is not None and implied is not None:
            raise ConfigError(
                f"its own parameters amount to a rate of {implied:.3g}, and a rate is set as well; "
                "set mask.rate=null or leave the pattern's parameters at null"
            )
        if implied is not None and not isinstance(self.schedule, Constant):
            raise ConfigError("a schedule moves the rate, and the pattern's own parameters fix it; set mask.rate")
        return implied if self.rate is None else self.rate  # type: ignore[return-value]

    def fit(self, context: Context) -> Masking:
        """The mask ready for use: whatever it has to learn is learnt from the train part."""
        features = context.features
        cells = Context(as_cells(context.rows, features), features.units) if features.blocks else context
        fitted = replace(self, pattern=self.pattern.fit(cells), fill=self.fill.fit(context))
        return Masking(fitted, self.rate_on(features), context)


class Masked(NamedTuple):
    """A masked batch and how it came about; `hidden` broadcasts against the cells and lies on the CPU.

    `before` are the inputs as they came, `filled` the inputs before rescaling, `rates` what was asked
    for, (1,) or (B,); `batch` is what the pattern saw.
    """

    inputs: Tensor
    hidden: Tensor
    before: Tensor
    filled: Tensor
    rates: Tensor
    batch: Batch


@dataclass(frozen=True)
class Masking:
    """A fitted mask: call it on batches."""

    mask: Mask
    rate: float
    context: Context

    def parameters(self) -> Iterable[Tensor]:
        """What is trained along with the model."""
        return self.mask.fill.parameters()

    def __call__(
        self, inputs: Tensor, generator: Generator, moment: Moment = START, scores: Tensor | None = None
    ) -> Masked:
        """Mask a batch (B, ...); at rate 0 the very inputs come back and nothing is drawn."""
        import torch

        mask, features = self.mask, self.context.features
        if mask.place != INPUT:
            features = Features(INSIDE[inputs.ndim], tuple(inputs.shape[1:]))
        cells = as_cells(inputs, features)
        if self.rate == 0:
            nothing = torch.zeros((), dtype=torch.bool)
            return Masked(inputs, nothing, inputs, inputs, torch.zeros(1), Batch(cells, features.units))
        if scores is not None and scores.ndim > 1:
            scores = per_cell(scores, features)
        batch = Batch(cells, features.units, eligible_cells(cells, features), scores, moment.progress)
        rates = mask.schedule.rates(self.rate, moment, len(inputs), generator)
        hidden = mask.pattern.sample(batch, rates, generator)
        if mask.fill.keeps_one:
            hidden = keep_one(hidden, batch, generator)
        if batch.eligible is not None:
            hidden = hidden & batch.eligible
        columns = as_columns(hidden, features)
        filled = mask.fill.apply(inputs, columns.to(inputs.device), generator, self.context)
        return Masked(self._rescaled(filled, hidden, rates, batch), hidden, inputs, filled, rates, batch)

    def _rescaled(self, filled: Tensor, hidden: Tensor, rates: Tensor, batch: Batch) -> Tensor:
        """`inverted` divides by the expected shrinkage, `sparsity` by each sample's visible share (Yi et al. 2020)."""
        import torch

        if self.mask.rescale == "inverted":
            scale = self.mask.fill.expected_scale(rates.item() if len(rates) == 1 else rates)
        elif self.mask.rescale == "sparsity":
            hidden_cells, cells = counted(hidden, batch)
            scale = 1 - hidden_cells / cells.clamp_min(1)
        else:
            return filled
        if scale is None:
            return filled
        if not isinstance(scale, torch.Tensor):
            return filled * (1 / scale if scale > 0 else 1)
        factor = along(1 / scale.where(scale > 0, 1), filled.ndim)
        return filled * factor.to(filled)


def counted(hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """(hidden cells, eligible cells) of each sample (B,), int64; every channel counts where channels differ."""
    import torch

    shape = torch.broadcast_shapes(hidden.shape, batch.cells)
    if batch.eligible is None:
        cells = torch.full((len(batch),), math.prod(shape[1:]))
    else:
        cells = batch.eligible.expand(shape).flatten(1).sum(1)
    return hidden.expand(shape).flatten(1).sum(1), cells


def keep_one(hidden: Tensor, batch: Batch, generator: Generator) -> Tensor:
    """The same, with one eligible unit shown at random in every sample that would have none left.

    Units are those of `hidden` (B, ...), so a step (B, T, 1) is shown with all its channels.
    """
    import torch

    flat = hidden.expand(len(batch), *hidden.shape[1:]).flatten(1)
    eligible = torch.ones_like(flat) if batch.eligible is None else batch.eligible
    if eligible.shape != flat.shape:
        spare = tuple(axis for axis in range(1, hidden.ndim) if hidden.shape[axis] == 1 < eligible.shape[axis])
        eligible = eligible.any(spare, keepdim=True).flatten(1)
    gone = (flat | ~eligible).all(1).nonzero()[:, 0]
    draws = uniform((len(batch),), generator)
    if not len(gone):
        return hidden
    left = eligible[gone]
    place = left.cumsum(1)
    spared = place == 1 + (draws[gone].double() * place[:, -1]).long()[:, None]
    return flat.index_put((gone,), flat[gone] & ~(spared & left)).view(len(batch), *hidden.shape[1:])
