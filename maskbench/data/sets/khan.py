"""Gene expression of small round blue cell tumours (Khan et al. 2001): far more columns than rows."""

from __future__ import annotations

import numpy as np

from maskbench.data.dataset import PARTS, Dataset, Floats, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.data.sets.categories import coded
from maskbench.errors import DataError

KEY = "islp"
SHAPES = {"train": (63, 2308), "test": (20, 2308)}


def khan() -> Dataset:
    """63 tumours of four types to learn from and 20 to test on, 2308 genes each; the split is the published one."""
    archive = open_archive(KEY)
    members = {f"{what}{part}": f"ISLP/data/Khan_{what}{part}.csv" for part in SHAPES for what in "xy"}
    raw = archive.read_all(members.values())
    inputs = [_genes(raw[members[f"x{part}"]], part) for part in SHAPES]
    answers = [line for part in SHAPES for line in raw[members[f"y{part}"]].decode().split()[1:]]
    targets, classes = coded(np.array(answers))
    parts = np.repeat([PARTS.index(part) for part in SHAPES], [rows for rows, _ in SHAPES.values()])
    return describe(
        "khan",
        "columns",
        np.concatenate(inputs),
        targets,
        "classification",
        parts=parts,
        classes=classes,
        columns=[f"V{number}" for number in range(1, SHAPES["train"][1] + 1)],
        origin=origin(KEY),
    )


def _genes(raw: bytes, part: str) -> Floats:
    genes: Floats = np.loadtxt(raw.decode().splitlines(), np.float32, delimiter=",", skiprows=1, ndmin=2)
    if genes.shape != SHAPES[part]:
        raise DataError(
            f"archive '{KEY}': member 'Khan_x{part}.csv' has shape {genes.shape} instead of {SHAPES[part]}: not the "
            "file this reader was written for"
        )
    return genes
