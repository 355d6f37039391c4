"""The sections of the report, in order: adding one is one function and one entry of SECTIONS."""

from __future__ import annotations

from maskbench.report import core, evidence
from maskbench.report.pieces import Section
from maskbench.report.plots import CURVE, FOREST, GAPS, HEATMAP

SECTIONS = (
    Section("answers", "Does masking help?", core.answers),
    Section("coverage", "What the answers rest on", core.coverage),
    Section("forest", "Every seed, every mask", FOREST),
    Section("heatmap", "Mask × rate", HEATMAP),
    Section("curve", "How much to hide", CURVE),
    Section("selection", "What choosing is worth", evidence.selection),
    Section("gap", "Overfitting and calibration", GAPS),
    Section("robustness", "Corrupted test inputs", evidence.robustness),
    Section("cost", "What it costs", evidence.cost),
    Section("data", "Over data sets", evidence.many_data),
    Section("learning", "Was training long enough?", evidence.learning),
    Section("power", "What would settle it", evidence.power),
    Section("sensitivity", "What the answers hang on", evidence.sensitivity),
    Section("arms", "All masks (exploratory)", core.arms),
    Section("methods", "How to read the numbers", core.explained),
    Section("runs", "All runs", core.every_run),
)
