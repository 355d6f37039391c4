"""The methods in plain words: every number the report shows, explained."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from maskbench.comparison.inference import EXACT_UP_TO, MIN_PAIRS
from maskbench.comparison.power import POWER
from maskbench.comparison.selection import EXACT_UP_TO as CHOICE_EXACT_UP_TO
from maskbench.comparison.selection import RANDOM_FLIPS

TERMS = (
    (
        "Pair",
        "A run trained with a mask and its partner trained without one. Both share the seed, the "
        "data split, the initial weights and the batch order, and differ in the mask only. Where "
        "the logged hashes of these disagree the pair is broken and not used; a table without "
        "hashes is taken at its word.",
    ),
    (
        "Difference",
        "The result with the mask minus the result without it, turned so that positive always "
        "means that masking helped, also for losses. Points are percentage points.",
    ),
    (
        "Verdict",
        "helps or hurts: the adjusted p allows at most a 2.5 % chance of such a result in that "
        "direction if masking did nothing. equal: the effect is smaller than the smallest one "
        "worth having, by two one-sided tests at 2.5 % after adjustment (t tests for single masks, "
        "the primary test shifted by that effect for the answers); this goes before helps and "
        "hurts. unsettled: everything else. No difference found is not the same as equal.",
    ),
    (
        "Smallest effect worth having",
        "0.5 points of accuracy or calibration error, 0.005 of R², 1 % of the partner's value for "
        "losses, unless another was given. The grey band in the figures.",
    ),
    (
        "Mask chosen on validation",
        "The mask and rate with the best mean validation difference over all seeds, among those "
        "with at least half of the seeds. Test results choose nothing.",
    ),
    (
        "Test difference of the chosen mask (primary)",
        "Choosing and estimating on the same luck would flatter, so each seed is judged in the "
        "mask that the other seeds' validation results choose. The mean of these differences is "
        "the estimate of what choosing a mask in this way is worth; it may be below the chosen "
        "mask's own mean in the tables of all masks.",
    ),
    (
        "Its p",
        "If masking did nothing, the noise of each seed could as well have the other sign. It is "
        "what is left of a seed's differences after the masks' own deviations from one common "
        "effect, estimated and shrunk to what noise alone would not show. All signs of a seed are "
        "flipped together, validation and test of every mask, and the whole procedure, choice "
        "included, is repeated: for every pattern of signs up to "
        f"{CHOICE_EXACT_UP_TO} seeds, for a fixed sample of {RANDOM_FLIPS:,} above. p is twice "
        "the share of patterns that give a result at least as far out on the same side. A study of "
        "one mask has nothing to choose: its p is the paired t test's.",
    ),
    (
        "Adjusted p",
        "In the answers: Holm over one comparison for each data set and model, so the chance of "
        "any false verdict in the answer box stays small. In the tables of all masks: "
        "Benjamini-Hochberg over the masks of a block within one measure, which limits the share "
        "of false findings; those tables explore and decide nothing.",
    ),
    (
        "95 % interval",
        "In the answers: every effect that the primary test would not reject if all differences "
        "were shifted by it; none below 6 pairs, where nothing can be rejected. It errs on the "
        "wide side where masks differ in effect, and is not adjusted for the number of answers. "
        "In the tables and figures of all masks: mean ± t × standard error of the paired "
        "differences. No interval is given where all differences are the same, because a spread of "
        "zero in a few coarse numbers says nothing about the error.",
    ),
    (
        "p of one mask",
        f"Sign flips of the paired differences: all 2ⁿ up to {EXACT_UP_TO} pairs, the paired t "
        "test above. Two-sided. n pairs can give no p below 2 / 2ⁿ, so with few pairs and many "
        "masks a single mask may stay unsettled however large its difference.",
    ),
    (
        "n pairs",
        f"The number of seeds behind a mean. Below {MIN_PAIRS} no verdict is possible: even if "
        "every seed agrees, luck does that too often. With several answers adjusted together it "
        "takes a seed or two more.",
    ),
    (
        "Best on test, and its optimism",
        "The mask that happens to look best on test, and how much better it looks than the honest "
        "estimate. Picking it would promise about that much too much.",
    ),
    (
        "Any mask, picked blindly",
        "The mean difference over all masks tried: what somebody gets who takes any of them. The way from there to "
        "the chosen mask is what looking at validation results is worth.",
    ),
    (
        "Corrected interval",
        "Where each seed drew its own split, the splits overlap and the seeds are not quite independent. The "
        "Nadeau-Bengio correction widens the t interval for that: its variance factor is 1/n + n_test/n_train instead "
        "of 1/n. Shown beside the plain one; absent where all seeds share one split.",
    ),
    (
        "Rate asked, hidden",
        "The share of cells the mask was asked to hide, and the share it really hid.",
    ),
    (
        "Gap closed",
        "The gap is the training result minus the test result (turned around for losses), so "
        "positive means overfitting. A positive difference means that masking made it smaller.",
    ),
    (
        "robust/…",
        "Results on corrupted test inputs, averaged over the corruption's strengths; the same "
        "corrupted inputs for every run.",
    ),
    (
        "ECE lower by",
        "The expected calibration error says how far a model's confidence is from how often it is right. Positive "
        "means that masking made it smaller.",
    ),
    (
        "Training rate × test rate",
        "The mean paired difference at each share of corrupted test input, for each rate that the chosen kind of mask "
        "was trained with. The cells carry no test: they show where an effect lives, not whether there is one.",
    ),
    (
        "Extra time, peak memory",
        "Extra time is the median of training time with the mask over time without it, minus one, in pairs that ran "
        "on the same hardware; it need not be the ratio of the two medians. Peak MiB is the largest memory of the "
        "process. Masked and unmasked runs have the same epochs and the same stopping rule.",
    ),
    (
        "Mean over data sets",
        "Random effects: each data set counts by its standard error and by how much true effects differ between data "
        "sets (Paule-Mandel), with the Hartung-Knapp interval. Data sets are the sample here, seeds are not, so few "
        "data sets give a wide interval however many seeds they have. The chance for a new data set is that of a "
        "positive true effect on another one drawn like these.",
    ),
    (
        "Mean rank",
        "On each data set masks are ranked by their mean test difference, 1 is best; training without a mask is ranked "
        "with them. Friedman's test asks whether any differ; each mask is then compared with no mask by Wilcoxon's "
        "signed ranks over the data sets, adjusted by Holm. Below 6 data sets no such p can be small.",
    ),
    (
        "Still falling at the end",
        "The validation loss was lowest in the very last epoch for more than half of the seeds: training stopped "
        "before it was done.",
    ),
    (
        "Detectable effect, seeds needed",
        f"By paired t theory with the spread of the differences seen, two-sided at 5 % over the number of answers: the "
        f"true effect that is found with a chance of {POWER * 100:.0f} % at this number of seeds, and the seeds at "
        "which that is the smallest effect worth having. Fix the number before adding seeds: to add a few, look, and "
        "stop when the verdict pleases finds effects that are not there.",
    ),
    (
        "One seed dropped, median, other tests",
        "The estimate without each seed in turn, choosing anew (lowest to highest); the median instead of the mean; p "
        "by a t test and by relabelling. Relabelling exchanges the names of all masks and of no mask within each seed, "
        "which is exact for any noise if no mask differs. None of these p is adjusted; they check the primary one and "
        "decide nothing. Same verdict: no single seed's absence changes the verdict.",
    ),
    (
        "Test items won and lost",
        "Where all seeds share one test set: items that runs with the mask got right in more seeds than runs without, "
        "and the reverse. p is McNemar's exact test over these items, the interval draws items anew. It speaks of "
        "another test set from the same source, the interval over seeds of another training.",
    ),
)

PACKAGES = ("maskbench", "numpy", "pandas", "scipy", "statsmodels", "matplotlib")


def versions() -> str:
    """`Python 3.11.7, numpy 2.4.6 …`: what computed the report."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
