"""Does the comparison tell the truth? Its verdicts and intervals on sweeps whose truth is known.

`python benchmarks/truth.py` prints the tables of benchmarks/truth.md. Every number comes from the functions that
judge a real study (`choose`, `verdict`, `t_interval`, `power`), on differences drawn at random.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from maskbench.comparison.inference import ONE_SIDED, Floats, t_interval, verdict
from maskbench.comparison.power import detectable, power
from maskbench.comparison.selection import choose, flip_patterns
from maskbench.comparison.simulated import NOISES, Noise, simulated_differences

SEEDS = (6, 10, 20)
ARMS = (1, 12, 36)
LUCK = (0.0, 0.5, 0.8, 0.95)
BOUND = 0.5
"""The smallest worthwhile effect, in standard deviations of a paired difference."""

PATTERNS: dict[str, Callable[[int], Floats]] = {
    "no arm helps": lambda arms: np.zeros(arms),
    "a sixth by 0.7": lambda arms: np.where(np.arange(arms) < max(1, arms // 6), 0.7, 0.0),
    "a twelfth by 1.4": lambda arms: np.where(np.arange(arms) < max(1, arms // 12), 1.4, 0.0),
    "from -2 to 0.7": lambda arms: np.linspace(0.7, -2.0, arms),
    "all but one hurt by 3": lambda arms: np.where(np.arange(arms) == 0, 0.0, -3.0),
    "half hurt by 1.5": lambda arms: np.where(np.arange(arms) < (arms + 1) // 2, 0.0, -1.5),
}
"""The arms' true effects, in standard deviations of a paired difference."""


HELPING = ("a sixth by 0.7", "a twelfth by 1.4", "from -2 to 0.7")
"""The patterns in which some arm helps."""


@dataclass(frozen=True)
class Cell:
    """One kind of sweep: how many seeds and arms, what is true, and what the noise is like."""

    seeds: int
    arms: int
    pattern: str = "no arm helps"
    noise: Noise = "normal"
    luck: float = 0.5
    missing: float = 0.0
    shift: float = 0.0
    """Added to every arm's effect."""
    lean: int = 0
    """+1 or -1 for differences that are themselves skewed, to the right or left: masking does change something."""
    rivals: bool = False
    """Whether max-t and Bonferroni are computed as well."""


@dataclass(frozen=True)
class Found:
    """Shares of the sweeps of a cell: verdicts, intervals that hold the truth, and rivals that say helps."""

    helps: float
    hurts: float
    equal: float
    covered: float
    covered_arm: float
    t_covered: float
    max_t: float
    bonferroni: float


def measure(cell: Cell, sweeps: int) -> Found:
    """The shares over `sweeps` draws of `cell`; the same cell gives the same numbers."""
    generator = np.random.default_rng(zlib.crc32(repr(cell).encode()))
    rows = [_sweep(generator, cell) for _ in range(sweeps)]
    table = np.array(rows, dtype=float)
    known = np.isfinite(table)
    sums = np.where(known, table, 0.0).sum(axis=0)
    return Found(*np.where(known.any(axis=0), sums / np.maximum(known.sum(axis=0), 1), np.nan).tolist())


def _draw(generator: np.random.Generator, cell: Cell, effects: Floats) -> tuple[Floats, Floats]:
    """Validation and test differences; a lean sets skewed differences in the place of skewed results."""
    if cell.lean:
        first, second = cell.lean * (generator.exponential(size=(2, cell.seeds, cell.arms)) - 1)
        return first + effects, cell.luck * first + np.sqrt(1 - cell.luck**2) * second + effects
    return simulated_differences(
        generator, effects=effects, seeds=cell.seeds, noise=cell.noise, shared_luck=cell.luck, missing=cell.missing
    )


def _sweep(generator: np.random.Generator, cell: Cell) -> tuple[float, ...]:
    """One row of Found: every share of a single sweep is 0, 1 or NaN."""
    effects = PATTERNS[cell.pattern](cell.arms) + cell.shift
    validation, test = _draw(generator, cell, effects)
    found = choose(validation, test, BOUND)
    seeds = np.flatnonzero(np.isfinite(found.differences))
    mean = float(found.differences[seeds].mean()) if len(seeds) else float("nan")
    # Without the smallest effect, which can only turn "helps" and "hurts" into "equal".
    word = verdict(mean, found.p, float("nan"), len(seeds))
    picked = [int(np.flatnonzero(test[seed] == found.differences[seed])[0]) for seed in seeds]
    first = test[np.isfinite(test[:, 0]), :1]
    low, high = t_interval(first) if len(first) else np.full((2, 1), np.nan)
    return (
        word == "helps",
        word == "hurts",
        verdict(mean, found.p, found.p_equal, len(seeds)) == "equal",
        _holds(found.low, found.high, float(effects[picked].mean()) if picked else float("nan")),
        _holds(found.low, found.high, float(effects[found.arm])),
        _holds(float(low[0]), float(high[0]), float(effects[0])),
        *(_rivals(test) if cell.rivals else (float("nan"), float("nan"))),
    )


def _holds(low: float, high: float, truth: float) -> float:
    """1 where the interval holds `truth`; NaN where there is no interval."""
    return float("nan") if np.isnan(low) else float(low <= truth <= high)


def _rivals(test: Floats) -> tuple[bool, bool]:
    """Whether max-t over the arms' flips, and Bonferroni over their t tests, say that some arm helps."""
    n, arms = test.shape
    means, squares = flip_patterns(n) @ test / n, (test**2).mean(axis=0)
    highest = (means / np.sqrt((squares - means**2) / (n - 1))).max(axis=1)
    max_t = float((highest >= highest[0] - 1e-9).mean()) <= ONE_SIDED
    return max_t, bool(stats.t.sf(highest[0], n - 1) * arms <= ONE_SIDED)


Results = Mapping[Cell, Found]


def null_cells(seeds: Sequence[int], arms: Sequence[int]) -> list[Cell]:
    """Masking does nothing: every size, noise and shared luck."""
    grid = itertools.product(seeds, arms, NOISES, LUCK)
    return [Cell(n, count, noise=noise, luck=luck) for n, count, noise, luck in grid]


def null_table(results: Results, seeds: Sequence[int], arms: Sequence[int]) -> Iterator[str]:
    """False helps / false hurts in per cent."""
    yield from _header("seeds", "arms", "noise", *(f"luck {luck:g}" for luck in LUCK))
    for n, count, noise in itertools.product(seeds, arms, NOISES):
        found = (results[Cell(n, count, noise=noise, luck=luck)] for luck in LUCK)
        yield _row(n, count, noise, *(f"{_per_cent(one.helps)} / {_per_cent(one.hurts)}" for one in found))


def other_null_cells(seeds: Sequence[int], arms: Sequence[int]) -> list[Cell]:
    """Nulls beyond the grid: runs missing, harm beside the chosen arm, skewed differences, an effect at the bound."""
    return [cell for n, count in itertools.product(seeds, arms) for _, cell in _other_nulls(n, count)]


def _other_nulls(n: int, arms: int) -> Iterator[tuple[str, Cell]]:
    yield "15 % of runs missing", Cell(n, arms, missing=0.15)
    yield "15 % of runs missing, luck 0.95", Cell(n, arms, missing=0.15, luck=0.95)
    yield "all other arms hurt by 3", Cell(n, arms, "all but one hurt by 3", luck=0.8)
    yield "half of the arms hurt by 1.5", Cell(n, arms, "half hurt by 1.5", luck=0.8)
    yield "differences skewed to the right", Cell(n, arms, lean=1)
    yield "differences skewed to the left", Cell(n, arms, lean=-1)


def other_null_table(results: Results, seeds: Sequence[int], arms: Sequence[int]) -> Iterator[str]:
    """False helps / false hurts in per cent, one column a number of arms."""
    yield from _header("seeds", "what", *(f"{count} arms" for count in arms))
    for n in seeds:
        for place, (what, _) in enumerate(_other_nulls(n, arms[0])):
            cells = [list(_other_nulls(n, count))[place][1] for count in arms]
            yield _row(n, what, *(f"{_per_cent(results[c].helps)} / {_per_cent(results[c].hurts)}" for c in cells))


def equal_cells(seeds: Sequence[int], arms: Sequence[int]) -> list[Cell]:
    """Every arm's effect is just what is worth having, so "equal" is false."""
    grid = itertools.product(seeds, arms, (BOUND, -BOUND), (0.0, 0.95))
    return [Cell(n, count, shift=shift, luck=luck) for n, count, shift, luck in grid]


def equal_table(results: Results, seeds: Sequence[int], arms: Sequence[int]) -> Iterator[str]:
    """False "equal" in per cent."""
    kinds = list(itertools.product((BOUND, -BOUND), (0.0, 0.95)))
    yield from _header("seeds", "arms", *(f"effect {shift:+g}, luck {luck:g}" for shift, luck in kinds))
    for n, count in itertools.product(seeds, arms):
        found = (results[Cell(n, count, shift=shift, luck=luck)] for shift, luck in kinds)
        yield _row(n, count, *(_per_cent(one.equal) for one in found))


def coverage_cells(seeds: Sequence[int], arms: Sequence[int]) -> list[Cell]:
    """Planted effects of every pattern and noise."""
    return [*_coverage(seeds, arms), *_single(seeds)]


def _coverage(seeds: Sequence[int], arms: Sequence[int]) -> list[Cell]:
    grid = itertools.product(seeds, [count for count in arms if count > 1], PATTERNS, (0.0, 0.8))
    return [_planted(*values) for values in grid]


def _planted(n: int, arms: int, pattern: str, luck: float) -> Cell:
    return Cell(n, arms, pattern, luck=luck, rivals=pattern in HELPING)


def _single(seeds: Sequence[int]) -> list[Cell]:
    return [Cell(n, 1, noise=noise, shift=1.0) for n in seeds for noise in NOISES]


def coverage_table(results: Results, seeds: Sequence[int], arms: Sequence[int]) -> Iterator[str]:
    """Per cent of intervals of the chosen arm that hold the mean effect of the arms chosen / of the arm named."""
    several = [count for count in arms if count > 1]
    yield from _header("seeds", "arms", "luck", *PATTERNS)
    for n, count, luck in itertools.product(seeds, several, (0.0, 0.8)):
        found = (results[_planted(n, count, pattern, luck)] for pattern in PATTERNS)
        yield _row(n, count, luck, *(f"{_per_cent(one.covered)} / {_per_cent(one.covered_arm)}" for one in found))


def single_table(results: Results, seeds: Sequence[int]) -> Iterator[str]:
    """Per cent of paired t intervals of one planned arm that hold its effect."""
    yield from _header("seeds", *NOISES)
    for n in seeds:
        found = (results[Cell(n, 1, noise=noise, shift=1.0)] for noise in NOISES)
        yield _row(n, *(_per_cent(one.t_covered) for one in found))


def planned_cells(seeds: Sequence[int]) -> list[Cell]:
    """One planned arm at effects that the paired t test finds with a chance of a half and of four fifths."""
    return [Cell(n, 1, shift=_effect_for(n, chance)) for n in seeds for chance in (0.5, 0.8)]


def _effect_for(n: int, chance: float) -> float:
    return round(detectable(n, 2 * ONE_SIDED, chance), 3)


def planned_table(results: Results, seeds: Sequence[int]) -> Iterator[str]:
    """Power of one planned arm in per cent, beside theory."""
    yield from _header("seeds", "effect in sd", "theory", "measured")
    for n, chance in itertools.product(seeds, (0.5, 0.8)):
        effect = _effect_for(n, chance)
        theory = power(effect, n, 2 * ONE_SIDED)
        yield _row(n, f"{effect:.2f}", _per_cent(theory), _per_cent(results[Cell(n, 1, shift=effect)].helps))


def chosen_table(results: Results, seeds: Sequence[int], arms: Sequence[int]) -> Iterator[str]:
    """Per cent of sweeps that say helps: the choice / max-t over the arms / Bonferroni over the arms."""
    yield from _header("seeds", "arms", "truth", "luck 0", "luck 0.8")
    several = [count for count in arms if count > 1]
    for n, count, pattern in itertools.product(seeds, several, HELPING):
        cells = (results[_planted(n, count, pattern, luck)] for luck in (0.0, 0.8))
        texts = (" / ".join(_per_cent(x) for x in (one.helps, one.max_t, one.bonferroni)) for one in cells)
        yield _row(n, count, pattern, *texts)


def _header(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield _row(*("---" for _ in names))


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f}"


def run(cells: Sequence[Cell], sweeps: int, workers: int) -> dict[Cell, Found]:
    """Every distinct cell once, over processes."""
    distinct = list(dict.fromkeys(cells))
    with multiprocessing.Pool(workers) as pool:
        return dict(zip(distinct, pool.imap(functools.partial(measure, sweeps=sweeps), distinct), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=2000, help="sweeps a cell")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--arms", type=int, nargs="+", default=ARMS)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    given = parser.parse_args(arguments)
    seeds, arms, began = given.seeds, given.arms, time.perf_counter()
    cells = [
        *null_cells(seeds, arms),
        *other_null_cells(seeds, arms),
        *equal_cells(seeds, arms),
        *coverage_cells(seeds, arms),
        *planned_cells(seeds),
    ]
    results = run(cells, given.sweeps, given.workers)
    tables = {
        "Null sweeps: false helps / false hurts, per cent": null_table(results, seeds, arms),
        "Other nulls: false helps / false hurts, per cent": other_null_table(results, seeds, arms),
        "An effect just worth having: false equal, per cent": equal_table(results, seeds, arms),
        "Intervals of one planned arm that hold its effect, per cent": single_table(results, seeds),
        "Intervals of the choice that hold the worth of the arms chosen / of the arm named, per cent": coverage_table(
            results, seeds, arms
        ),
        "Power of one planned arm, per cent": planned_table(results, seeds),
        "Power of the choice / max-t / Bonferroni, per cent": chosen_table(results, seeds, arms),
    }
    for title, lines in tables.items():
        print(f"## {title}\n", *lines, sep="\n", end="\n\n")
    print(f"{len(results)} cells of {given.sweeps} sweeps in {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
