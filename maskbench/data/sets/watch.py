"""Shoulder exercises recorded by a smart watch, cut into windows; seglearn ships the recordings."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskbench.data.dataset import PARTS, Dataset, describe
from maskbench.data.fetched.members import open_archive, origin
from maskbench.data.fetched.pickles import object_array
from maskbench.errors import ConfigError, DataError

MEMBER = "seglearn/data/watch_dataset.npy"
KEYS = {"X", "y", "subject", "y_labels"}
VALIDATED, TESTED = 7, 8
"""Subject 7 is for validation, subjects from 8 on are for the test."""


def watch(window: int = 200) -> Dataset:
    """Windows of so many samples of 50 Hz, one after the other, of 140 recordings of ten subjects, seven exercises.

    A rest shorter than a window is left out. Windows of one recording are bonded.
    """
    where = f"archive 'seglearn': member '{MEMBER}'"
    held: Any = object_array(open_archive("seglearn").read(MEMBER), where)
    if not isinstance(held, dict) or not held.keys() >= KEYS:
        raise DataError(f"{where} holds no {', '.join(sorted(KEYS))}: not the file this reader was written for")
    recordings = held["X"]
    shortest = min(map(len, recordings))
    if not 1 <= window <= shortest:
        raise ConfigError(f"data.window={window} is out of range: it must be 1 to {shortest}, the shortest recording")
    counts = [len(recording) // window for recording in recordings]
    inputs = np.concatenate(
        [
            recording[: count * window].reshape(count, window, -1)
            for recording, count in zip(recordings, counts, strict=True)
        ]
    )
    subject = np.repeat(held["subject"], counts)
    parts = np.select(
        [subject < VALIDATED, subject < TESTED], [PARTS.index("train"), PARTS.index("val")], PARTS.index("test")
    )
    return describe(
        "watch",
        "sequence",
        inputs.astype(np.float32),
        np.repeat(held["y"], counts).astype(np.int64),
        "classification",
        parts=parts,
        bonds=np.repeat(np.arange(len(counts)), counts),
        classes=held["y_labels"],
        origin=origin("seglearn"),
    )
