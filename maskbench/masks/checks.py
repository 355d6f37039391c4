"""What every mask has to keep: one function per demand, which raises `Broken` where it is not kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from maskbench.masks.mask import Masked, counted
from maskbench.masks.schedules import Constant
from maskbench.masks.situations import TRAIN_ROWS, Situation

if TYPE_CHECKING:
    from torch import Tensor

BATCHES_DRAWN = 512
"""Draws behind a statement about shares where all samples of a batch share one."""
STRANGE = (float("inf"), -float("inf"), -0.0, 0.0, 1e-45, 3.4e38)


class Broken(Exception):
    """A check that does not hold, and how it shows."""


def same_bits(left: Tensor, right: Tensor) -> bool:
    """Equal in dtype, shape and every bit: NaN equals itself, and 0.0 is not -0.0."""
    return left.dtype == right.dtype and left.shape == right.shape and _bytes(left) == _bytes(right)


def _bytes(tensor: Tensor) -> bytes:
    import torch

    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.detach().flatten())
    return bytes(flat.view(torch.uint8).numpy().tobytes())


def shares(masked: Masked) -> Tensor:
    """Hidden share of each sample that has cells to hide, float64."""
    hidden, cells = counted(masked.hidden, masked.batch)
    return hidden[cells > 0].double() / cells[cells > 0]


def _require(holds: bool, how: str) -> None:
    if not holds:
        raise Broken(how)


def rate_0_is_the_identity(found: Situation) -> None:
    """At rate 0 the very inputs come back, bit for bit, and nothing is drawn."""
    import torch

    if found.at(0.0).rate:  # the pattern's own parameters fix it
        return
    inputs = found.inputs.clone()
    if inputs.is_floating_point() and inputs.numel():
        flat = inputs.view(-1)
        flat[::2] = torch.tensor(STRANGE).repeat(len(flat))[: len(flat[::2])]
    stream = found.stream()
    masked = found.at(0.0).masked(inputs, stream)
    _require(same_bits(masked.inputs, inputs) and not bool(masked.hidden.any()), "inputs came back changed")
    _require(torch.equal(stream.get_state(), found.stream().get_state()), "random numbers were drawn")


def hidden_is_bool_and_broadcasts(found: Situation) -> None:
    """`hidden` is bool and broadcasts against the cells."""
    import torch

    hidden = found.masked().hidden
    _require(hidden.dtype == torch.bool, f"hidden has dtype {hidden.dtype}")
    counted(hidden, found.masked().batch)


def only_eligible_cells_are_hidden(found: Situation) -> None:
    """Special tokens, padding and numbers that are not there stay as they are."""
    masked = found.masked()
    eligible = masked.batch.eligible
    _require(eligible is None or not bool((masked.hidden & ~eligible).any()), "a cell that is not eligible was hidden")


def visible_cells_keep_every_bit(found: Situation) -> None:
    """What is not hidden is not touched, unless it moves or is rescaled."""
    masked = found.masked()
    if found.mask.fill.moves:
        return
    visible = (~masked.hidden).expand(masked.filled.shape)
    _require(same_bits(masked.filled[visible], found.inputs[visible]), "a visible cell was changed")


def hidden_numbers_are_wiped_out(found: Situation) -> None:
    """Under a zero fill a hidden infinity becomes 0: filling writes and does not multiply."""
    import torch

    if not found.mask.fill.sparse:
        return
    masked = found.masked(torch.full_like(found.inputs, float("inf")))
    hidden = masked.hidden.expand(masked.filled.shape)
    _require(bool((masked.filled[hidden] == 0).all()), "a hidden infinity is still there")


def nothing_is_changed_in_place(found: Situation) -> None:
    """Inputs and train rows stay as they were, also when the result is written to."""
    before, rows = found.inputs.clone(), found.masking.context.rows.clone()
    found.masked().inputs.detach().fill_(7)
    kept = same_bits(found.inputs, before) and same_bits(found.masking.context.rows, rows)
    _require(kept, "inputs or train rows were changed, or the result shares their memory")


def global_generators_are_left_alone(found: Situation) -> None:
    """Python's, NumPy's and torch's global generators do not move."""
    import numpy as np
    import torch

    found.masking  # noqa: B018
    before = str(random.getstate()), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    found.masked()
    after = str(random.getstate()), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    _require(before[:2] == after[:2] and torch.equal(before[2], after[2]), "a global random generator was used")


def the_generator_decides_everything(found: Situation) -> None:
    """Equal streams give equal results; how much is drawn does not depend on the rate."""
    import torch

    streams = [found.stream(), found.stream(), found.stream()]
    one, two = (found.masked(stream=stream) for stream in streams[:2])
    _require(
        torch.equal(one.hidden, two.hidden) and same_bits(one.inputs, two.inputs), "equal seeds gave different results"
    )
    found.at(found.rate / 2).masked(stream=streams[2])
    _require(torch.equal(streams[0].get_state(), streams[2].get_state()), "the rate decides how much is drawn")


def the_dtype_changes_no_draw(found: Situation) -> None:
    """float16, bfloat16 and float64 inputs keep their type and meet the same hidden cells."""
    import torch

    if not found.inputs.is_floating_point() or found.masking.mask.pattern is not found.mask.pattern:
        return
    single = found.masked()
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        other = found.masked(found.inputs.to(dtype))
        _require(other.inputs.dtype == dtype, f"{dtype} inputs came back as {other.inputs.dtype}")
        _require(torch.equal(single.hidden, other.hidden), f"{dtype} inputs are hidden differently")


def a_low_rate_hides_part_of_a_higher_one(found: Situation) -> None:
    """With the same stream, cells hidden at a low rate stay hidden at a higher one, for patterns that say so."""
    if not found.mask.pattern.nested or found.mask.fill.keeps_one:
        return
    low, high = found.at(found.rate / 2).masked(), found.masked()
    _require(not bool((low.hidden & ~high.hidden).any()), "a cell hidden at half the rate is visible at the whole")


def rates_may_differ_between_samples(found: Situation) -> None:
    """Each sample has the rate it is given: rate 0 hides nothing, rate 1 everything eligible."""
    import torch

    if not found.at(1.0).accepted:
        return
    rates = torch.tensor([0.0, 1.0, found.rate], dtype=torch.float64).repeat(len(found.inputs))[: len(found.inputs)]
    pattern = found.masking.mask.pattern
    if pattern.scope == "batch" or pattern.scored == "sample" or getattr(pattern, "over", "") == "batch":
        return
    batch = replace(found.masked().batch, scores=found.scores)
    if not len(batch):
        return
    hidden, cells = counted(_eligible(pattern.sample(batch, rates, found.stream()), batch.eligible), batch)
    _require(bool((hidden[0::3] == 0).all()), "a sample at rate 0 has hidden cells")
    _require(bool((hidden[1::3] == cells[1::3]).all()), "a sample at rate 1 has visible cells")


def _eligible(hidden: Tensor, eligible: Tensor | None) -> Tensor:
    return hidden if eligible is None else hidden & eligible


def rate_1_hides_everything_and_stays_finite(found: Situation) -> None:
    """At rate 1 all eligible cells are hidden, but for the one that a fill has to keep; nothing is NaN."""
    if found.at(1.0).rate < 1 or not found.at(1.0).accepted:
        return
    masked = found.at(1.0).masked()
    hidden, cells = counted(masked.hidden, masked.batch)
    if found.mask.fill.keeps_one:
        _require(bool((hidden < cells.clamp_min(1)).all()), "nothing was kept")
    else:
        _require(bool((hidden == cells).all()), "an eligible cell is visible at rate 1")
    there = masked.batch.eligible is None and masked.inputs.is_floating_point()
    _require(not there or bool(masked.inputs.isfinite().all()), "the result is not finite")


def the_realised_rate_is_the_nominal_one(found: Situation) -> None:
    """The mean share of hidden cells is the rate, within five standard errors."""
    import torch

    if found.mask.fill.keeps_one or found.rate == 0:
        return
    stream = found.stream()
    rare = 10 if found.rate < 0.01 else 1
    if found.mask.pattern.scope == "batch":  # samples share their draw
        draws = [found.masked(found.inputs[:2], stream) for _ in range(rare * BATCHES_DRAWN)]
        off = torch.stack([shares(masked).mean() - masked.rates.mean() for masked in draws])
    else:
        draws = [found.masked(stream=stream) for _ in range(rare)]
        off = torch.cat([shares(masked) - _rates(masked) for masked in draws])
    fitted = found.masking.mask.pattern is not found.mask.pattern  # exact for the train part as a whole
    error = (off.var(correction=0) / (TRAIN_ROWS if fitted else len(off))).sqrt().item() if len(off) else 0.0
    mean = off.mean().item() if len(off) else 0.0
    how = f"{found.rate + mean:.4f} of the cells were hidden at rate {found.rate:g}"
    _require(abs(mean) <= 5 * error + 1e-6, how)


def _rates(masked: Masked) -> Tensor:
    """The rate asked for in each sample that has cells to hide."""
    _, cells = counted(masked.hidden, masked.batch)
    return masked.rates.expand(len(cells))[cells > 0]


def samples_are_hidden_independently(found: Situation) -> None:
    """Neighbouring samples agree as often as chance has it, or share one draw if the pattern says so."""
    pattern = found.mask.pattern
    if pattern.scored == "sample" or pattern.shares_counts or not 0 < found.rate < 1:
        return
    import torch

    steady = replace(found, mask=replace(found.mask, schedule=Constant()))
    if found.mask.pattern.scope == "batch":
        masked = steady.masked()
        _require(masked.hidden.shape[0] == 1 or masked.batch.eligible is not None, "one draw per sample, not per batch")
        return
    stream, parts = found.stream(), found.inputs.split(TRAIN_ROWS)
    draws = [steady.masked(part, stream).hidden for part in parts]
    rows = torch.cat([hidden.expand(TRAIN_ROWS, *hidden.shape[1:]).flatten(1).double() for hidden in draws])
    off = rows - rows.view(-1, TRAIN_ROWS, rows.shape[1]).mean(0).repeat(len(rows) // TRAIN_ROWS, 1)
    products = (off[::2] * off[1::2]).sum(1)
    spread = (products.var() / len(products)).sqrt()
    _require(bool(products.mean().abs() <= 5 * spread + 1e-9), "neighbouring samples are hidden alike")


EXACT: tuple[Callable[[Situation], None], ...] = (
    rate_0_is_the_identity,
    hidden_is_bool_and_broadcasts,
    only_eligible_cells_are_hidden,
    visible_cells_keep_every_bit,
    hidden_numbers_are_wiped_out,
    nothing_is_changed_in_place,
    global_generators_are_left_alone,
    the_generator_decides_everything,
    the_dtype_changes_no_draw,
    a_low_rate_hides_part_of_a_higher_one,
    rates_may_differ_between_samples,
    rate_1_hides_everything_and_stays_finite,
)
"""Hold for every batch."""
STATISTICAL: tuple[Callable[[Situation], None], ...] = (
    the_realised_rate_is_the_nominal_one,
    samples_are_hidden_independently,
)
"""Hold for `SAMPLES` samples."""
