"""Image masks against kornia, and against what other libraries' published rules realise."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from maskbench.description import Features
from maskbench.masks.block import Block
from maskbench.masks.cells import Batch
from maskbench.masks.contract import Pattern
from maskbench.masks.grids import GridMask, Tiles
from maskbench.masks.patches import PatchBlocks, Patches
from maskbench.masks.rectangles import Rectangle, Rectangles
from tests.helpers import generator

SAMPLES = 4096
Aspect = Callable[[random.Random], float]


def drawn(pattern: Pattern, size: int, rate: float, samples: int = SAMPLES) -> np.ndarray:
    """Hidden pixels (B, H, W) of square images."""
    batch = Batch.of(torch.zeros(samples, 1, size, size), Features("image", (1, size, size)))
    return pattern.sample(batch, torch.tensor([rate], dtype=torch.float64), generator(0))[:, 0].numpy()


def implied(pattern: Pattern, size: int) -> float:
    """The rate of native parameters on square images."""
    rate = pattern.implied_rate(Features("image", (1, size, size)))
    assert rate is not None
    return rate


def assert_mean(values: np.ndarray, expected: float, rounding: float = 0.0) -> None:
    """Within five standard errors of a number that is given to within `rounding`."""
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - expected) <= 5 * error + rounding + 1e-9


@pytest.fixture
def erasing():
    """kornia's RandomErasing, drawn from torch's global generator with a known seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import uses what torch calls deprecated
        kornia = pytest.importorskip("kornia")
        augmentation = pytest.importorskip("kornia.augmentation")
    assert kornia.__version__.startswith("0.9")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield augmentation.RandomErasing


def erased(augmentation: torch.nn.Module, size: int, samples: int = SAMPLES) -> np.ndarray:
    """What kornia erases (B, H, W)."""
    return (augmentation(torch.ones(samples, 1, size, size)) == 0)[:, 0].numpy()


def test_squares_lie_where_kornia_puts_them(erasing):
    """Both put 3 x 3 squares at each of 5 x 5 places as often."""
    theirs = erased(erasing(scale=(9 / 49, 9 / 49), ratio=(1.0, 1.0), p=1.0), 7)
    ours = drawn(Rectangle(min_aspect=1), 7, 9 / 49)
    for hidden in (ours, theirs):
        assert (hidden.sum((1, 2)) == 9).all()
        place = hidden.any(2).argmax(1) * 5 + hidden.any(1).argmax(1)
        assert stats.chisquare(np.bincount(place, minlength=25)).pvalue > 1e-6


@pytest.mark.parametrize(
    ("asked", "theirs"),
    [(0.0005, 0.00098), (0.1, 0.1), (0.3, 0.3), (0.7, 0.608), (0.9, 0.716)],
)
def test_rectangles_keep_their_area_where_kornia_cuts_their_sides(asked, theirs, erasing):
    """kornia rounds both sides, at least to a pixel, and cuts what does not fit."""
    shares = erased(erasing(scale=(asked, asked), ratio=(0.3, 1 / 0.3), p=1.0), 32).mean((1, 2))
    assert_mean(shares, theirs, rounding=1e-3)
    assert_mean(drawn(Rectangle(), 32, asked).mean((1, 2)), asked)


def test_the_published_form_is_what_kornia_does_with_a_chance(erasing):
    """Up to a fifth of the image every rectangle fits, and the laws agree."""
    published = Rectangle(area=(0.02, 0.2), applied=0.5)
    ours = drawn(published, 64, implied(published, 64)).mean((1, 2))
    theirs = erased(erasing(scale=(0.02, 0.2), ratio=(0.3, 1 / 0.3), p=0.5), 64).mean((1, 2))
    for shares in (ours, theirs):
        assert_mean(shares > 0, 0.5)
    assert stats.ks_2samp(ours[ours > 0], theirs[theirs > 0]).pvalue > 1e-6


def test_kornias_aspects_are_uniform_below_and_above_one_and_ours_log_uniform(erasing):
    """As kornia documents: half of them above 1, none of both halves log-uniform, so the mean is 1.41 and not 1.26."""
    augmentation = erasing(scale=(0.04, 0.04), ratio=(0.3, 1 / 0.3), p=1.0)
    augmentation(torch.ones(SAMPLES, 1, 100, 100))
    theirs = (augmentation._params["heights"] / augmentation._params["widths"]).double().numpy()
    hidden = drawn(Rectangle(min_aspect=0.3), 100, 0.04)
    ours = hidden.any(2).sum(1) / hidden.any(1).sum(1)
    spread = stats.uniform(math.log(0.3), 2 * math.log(1 / 0.3))
    assert_mean(theirs > 1, 0.5, rounding=0.03)  # sides are whole: some are square
    assert_mean(theirs, (0.65 + (1 + 1 / 0.3) / 2) / 2, rounding=0.02)
    assert_mean(ours, (1 / 0.3 - 0.3) / (2 * math.log(1 / 0.3)), rounding=0.02)
    assert stats.kstest(np.log(theirs), spread.cdf).statistic > 0.07
    assert stats.kstest(np.log(ours), spread.cdf).statistic < 0.05


def test_kornia_fills_with_numbers_from_0_to_1_only(erasing):
    with pytest.raises(AssertionError, match=r"'value' must be a number between 0 - 1\. Got -1\.0"):
        erasing(value=-1.0)


def test_kornia_moves_the_global_generator_and_ours_does_not(erasing):
    before = torch.get_rng_state()
    drawn(Rectangle(), 8, 0.3)
    assert torch.equal(torch.get_rng_state(), before)
    erased(erasing(p=1.0), 8)
    assert not torch.equal(torch.get_rng_state(), before)


# What published rules realise, told here by their own texts ---------------------------------------


@pytest.mark.parametrize(("side", "share"), [(16, 0.191), (8, 0.055), (20, 0.278)])
def test_cutout_loses_what_lies_beyond_the_border(side, share):
    assert implied(Block(side=side), 32) == pytest.approx(share, abs=5e-4)
    centre = np.random.default_rng(0).integers(0, 32, size=(2, SAMPLES))
    low, high = np.clip(centre - side // 2, 0, 32), np.clip(centre + side // 2, 0, 32)
    assert_mean((high - low).prod(0) / 1024, implied(Block(side=side), 32))


def retried(area: tuple[float, float], aspect: Aspect, tries: int, chance: float) -> np.ndarray:
    """Shares of 32 x 32 that the usual loop erases: it starts anew where a rectangle does not fit, and gives up."""
    rng = random.Random(0)
    shares = np.zeros(20_000)
    for sample in range(len(shares)):
        if rng.random() >= chance:
            continue
        for _ in range(tries):
            pixels, ratio = rng.uniform(*area) * 1024, aspect(rng)
            height, width = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
            if height < 32 and width < 32:
                shares[sample] = height * width / 1024
                break
    return shares


def log_uniform(low: float, high: float) -> Aspect:
    """Aspects as torchvision and timm draw them."""
    return lambda rng: math.exp(rng.uniform(math.log(low), math.log(high)))


@pytest.mark.parametrize(
    ("area", "aspect", "tries", "chance", "share"),
    [
        ((0.02, 0.33), log_uniform(0.3, 3.3), 10, 0.5, 0.087),
        ((0.02, 0.4), lambda rng: rng.uniform(0.3, 1 / 0.3), 100, 0.5, 0.101),
        ((0.02, 1 / 3), log_uniform(0.3, 1 / 0.3), 10, 0.5, 0.088),
        ((0.02, 1 / 3), log_uniform(0.3, 1 / 0.3), 10, 0.25, 0.044),
    ],
    ids=["torchvision", "original", "timm", "deit"],
)
def test_random_erasing_as_published_hides_a_tenth(area, aspect, tries, chance, share):
    assert_mean(retried(area, aspect, tries, chance), share, rounding=5e-4)
    ours = Rectangle(area=area, applied=chance)
    assert implied(ours, 32) == pytest.approx(chance * sum(area) / 2)
    assert_mean(drawn(ours, 32, implied(ours, 32)).mean((1, 2)), implied(ours, 32))


@pytest.mark.parametrize(("asked", "share", "untouched"), [(0.7, 0.67, 0.04), (0.9, 0.42, 0.53)])
def test_trying_ten_times_gives_up_silently_and_ours_never_does(asked, share, untouched):
    shares = retried((asked, asked), log_uniform(0.3, 3.3), 10, 1.0)
    assert_mean(shares, share, rounding=5e-3)
    assert_mean(shares == 0, untouched, rounding=5e-3)
    ours = drawn(Rectangle(), 32, asked).mean((1, 2))
    assert_mean(ours, asked)
    assert ours.min() > asked - 0.04  # one row or column of 32


def test_grid_mask_as_published_hides_a_sixth():
    """Ratio 0.6 leaves squares of 0.4 periods; 0.8 of the images have a grid."""
    pattern = GridMask(hole=1 - 0.6)
    assert implied(pattern, 224) == pytest.approx(0.16)
    rng = np.random.default_rng(0)
    shares = np.zeros(2000)
    for sample in range(len(shares)):
        if rng.random() < 0.8:
            period = rng.integers(96, 224)
            kept = min(max(int(period * 0.6 + 0.5), 1), period - 1)
            holes = [(np.arange(224) + rng.integers(period)) % period >= kept for _ in range(2)]
            shares[sample] = holes[0].mean() * holes[1].mean()
    assert_mean(shares, 0.128, rounding=5e-4)
    assert_mean(shares[shares > 0], 0.16, rounding=5e-3)  # an offset may leave no hole at all
    assert_mean(drawn(pattern, 48, 0.16).mean((1, 2)), 0.16)


def test_hide_and_seek_as_published_hides_two_fifths():
    """One of its five grids is none."""
    rng = np.random.default_rng(0)
    shares = np.zeros(SAMPLES)
    for sample in range(SAMPLES):
        pixels = rng.choice([0, 16, 32, 44, 56])
        if pixels:
            tiles = -(-224 // pixels)
            lengths = np.minimum(np.arange(1, tiles + 1) * pixels, 224) - np.arange(tiles) * pixels
            shares[sample] = lengths @ (rng.random((tiles, tiles)) < 0.5) @ lengths / 224**2
    assert_mean(shares, 0.4)
    assert_mean(drawn(Tiles(sizes=(4, 5, 7, 14)), 56, 0.5).mean((1, 2)), 0.5)


def test_coarse_dropout_of_albumentations_hides_a_sixtieth():
    """One or two holes with sides of 0.1 to 0.2 of the image, in half of the images."""
    rng = np.random.default_rng(0)
    shares = np.zeros(SAMPLES)
    for sample in np.flatnonzero(rng.random(SAMPLES) < 0.5):
        picture = np.zeros((100, 100), dtype=bool)
        for _ in range(rng.integers(1, 3)):
            height, width = (rng.uniform(0.1, 0.2, 2) * 100).astype(int)
            top, left = rng.integers(101 - height), rng.integers(101 - width)
            picture[top : top + height, left : left + width] = True
        shares[sample] = picture.mean()
    assert_mean(shares, 0.017, rounding=1e-3)
    assert_mean(drawn(Rectangles(holes=2), 100, 0.017, samples=1024).mean((1, 2)), 0.017)


def test_counts_are_neither_rounded_up_nor_down_as_in_simmim_and_mae():
    assert math.ceil(0.6 * 36) / 36 == pytest.approx(0.611, abs=5e-4)  # SimMIM on 6 x 6
    assert int(10 * (1 - 0.9)) == 0  # MAE leaves none of ten
    assert_mean(drawn(Patches(size=2), 12, 0.6).mean((1, 2)), 0.6)
    assert_mean(drawn(Patches(size=2), 4, 0.9).mean((1, 2)), 0.9)


def beit(budget: int, least: int, rng: random.Random) -> int:
    """How many of 14 x 14 patches BEiT's loop hides: it gives up after ten blocks that do not fit."""
    hidden = np.zeros((14, 14), dtype=bool)
    while (left := budget - int(hidden.sum())) > 0:
        for _ in range(10):
            area, aspect = rng.uniform(least, left), math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if height >= 14 or width >= 14:
                continue
            top, start = rng.randint(0, 14 - height), rng.randint(0, 14 - width)
            block = hidden[top : top + height, start : start + width]
            if 0 < block.size - block.sum() <= left:
                block[:] = True
                break
        else:
            break
    return int(hidden.sum())


@pytest.mark.parametrize(("least", "mean", "short"), [(4, 74.9, 0.08), (16, 74.5, 0.34)])
def test_blocks_fill_the_budget_that_beit_misses(least, mean, short):
    rng = random.Random(0)
    counts = np.array([beit(75, least, rng) for _ in range(SAMPLES)])
    assert_mean(counts, mean, rounding=0.05)
    assert_mean(counts < 75, short, rounding=0.005)
    ours = drawn(PatchBlocks(size=1, min_patches=least), 14, 75 / 196)
    assert (ours.sum((1, 2)) == 75).all()
