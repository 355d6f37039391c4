"""Real text without a download: passages of the descriptions that scikit-learn ships with its data sets."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from maskbench.data.dataset import Dataset, describe
from maskbench.data.sets.bundled import bundled_folder
from maskbench.description import Vocabulary
from maskbench.errors import DataError

PAD, MASK, UNKNOWN, BEGIN = range(4)
LENGTH = 24
SHORTEST = 5
SUFFIXES = ("ing", "ed", "ly", "s")
"""Split off where the rest is a word of its own: `##ing` continues a word."""


def descriptions() -> Dataset:
    """Which data set is described: passages of up to 24 tokens from 14 descriptions, for smoke tests."""
    files = sorted((bundled_folder().parent / "descr").glob("*.rst"))
    if len(files) < 2:
        raise DataError("scikit-learn's descriptions of data sets are not there; install scikit-learn anew")
    documents = [_sentences(file.read_text(encoding="utf-8")) for file in files]
    known = {word for sentences in documents for words in sentences for word in words}
    passages = [
        (passage, label)
        for label, sentences in enumerate(documents)
        for words in sentences
        for passage in _passages([piece for word in words for piece in _pieces(word, known)])
    ]
    counts = Counter(piece for passage, _ in passages for piece in passage)
    frequent = sorted(
        (piece for piece, count in counts.items() if count > 1), key=lambda piece: (-counts[piece], piece)
    )
    ids = {piece: number for number, piece in enumerate(frequent, start=BEGIN + 1)}
    inputs = np.full((len(passages), LENGTH), PAD, np.int64)
    for row, (passage, _) in enumerate(passages):
        inputs[row, 0] = BEGIN
        inputs[row, 1 : len(passage) + 1] = [ids.get(piece, UNKNOWN) for piece in passage]
    continues = tuple(number for piece, number in ids.items() if piece.startswith("##"))
    texts = ("[pad]", "[mask]", "[unknown]", "[begin]", *frequent)
    vocabulary = Vocabulary(len(texts), PAD, MASK, UNKNOWN, (BEGIN,), continues, texts)
    targets = np.array([label for _, label in passages], np.int64)
    return describe("descriptions", "tokens", inputs, targets, "classification", vocabulary)


def _sentences(text: str) -> list[list[str]]:
    """Words of each sentence, lower case, letters only."""
    return [re.findall(r"[a-z]+", sentence.lower()) for sentence in re.split(r"\.\s|\n\s*\n", text)]


def _pieces(word: str, known: set[str]) -> tuple[str, ...]:
    """The word, or its stem and its suffix."""
    for suffix in SUFFIXES:
        stem = word.removesuffix(suffix)
        if stem != word and len(stem) > 2 and stem in known:
            return stem, f"##{suffix}"
    return (word,)


def _passages(pieces: list[str]) -> list[list[str]]:
    """Stretches that fit behind the begin token; a rest that is too short to tell anything is left out."""
    size = LENGTH - 1
    stretches = [pieces[start : start + size] for start in range(0, len(pieces), size)]
    return [stretch for stretch in stretches if len(stretch) >= SHORTEST]
