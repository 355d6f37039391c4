"""Bundled text: real passages, a vocabulary that fits, and splits that can be had."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn

from maskbench.config.build import build
from maskbench.config.compose import typed
from maskbench.data.sets import bundled, passages
from maskbench.data.sets.passages import BEGIN, LENGTH, PAD, UNKNOWN, descriptions
from maskbench.data.splits import split_rows
from maskbench.errors import DataError
from maskbench.masks.bernoulli import words
from maskbench.masks.cells import Batch
from maskbench.seeding import Streams
from tests.helpers import stock

DATA = descriptions()
WORDS = DATA.description.features.vocabulary
FILES = sorted((Path(sklearn.__file__).parent / "datasets" / "descr").glob("*.rst"))


def text(row: np.ndarray) -> list[str]:
    """The pieces of a passage without the begin and the padding."""
    return [WORDS.texts[token] for token in row[1:] if token != PAD]


def letters(file: Path) -> str:
    """A file's words with one space between them."""
    return " ".join(re.findall("[a-z]+", file.read_text(encoding="utf-8").lower()))


def test_shapes_and_kind():
    assert DATA.inputs.dtype == DATA.targets.dtype == np.int64
    assert DATA.inputs.shape == (len(DATA.targets), LENGTH)
    assert len(DATA.inputs) > 300
    described = DATA.description
    assert (described.name, described.features.kind, described.features.shape) == ("descriptions", "tokens", (24,))
    assert (described.task, described.outputs) == ("classification", len(FILES))


def test_every_description_is_a_class():
    assert sorted(set(DATA.targets.tolist())) == list(range(len(FILES)))
    assert np.bincount(DATA.targets).min() >= 5  # so that every part of a split has some


def test_ids_lie_in_the_vocabulary_and_all_are_used():
    used = set(DATA.inputs.flatten().tolist())
    assert used == set(range(WORDS.size)) - {WORDS.mask}
    assert len(WORDS.texts) == WORDS.size == len(set(WORDS.texts))


def test_reserved_ids():
    assert WORDS.texts[:4] == ("[pad]", "[mask]", "[unknown]", "[begin]")
    assert (WORDS.pad, WORDS.mask, WORDS.unknown, WORDS.special) == (0, 1, 2, (3,))
    assert WORDS.reserved == (0, 1, 3)


def test_a_passage_begins_goes_on_and_is_padded():
    assert (DATA.inputs[:, 0] == BEGIN).all()
    assert not (DATA.inputs[:, 1:] == BEGIN).any()
    lengths = (DATA.inputs != PAD).sum(1)
    assert np.array_equal(DATA.inputs != PAD, np.arange(LENGTH) < lengths[:, None])
    assert lengths.min() == 1 + passages.SHORTEST
    assert lengths.max() == LENGTH


def test_frequent_pieces_have_low_ids_and_rare_ones_none():
    """A piece that occurs once would be an id that no other passage knows."""
    counts = np.bincount(DATA.inputs.flatten(), minlength=WORDS.size)[4:]
    assert (np.diff(counts) <= 0).all()
    assert counts.min() >= 2
    assert 0 < (DATA.inputs == UNKNOWN).mean() < 0.1


def test_pieces_that_continue_a_word():
    assert [WORDS.texts[token] for token in WORDS.continues] == [
        piece for piece in WORDS.texts if piece.startswith("##")
    ]
    assert {WORDS.texts[token] for token in WORDS.continues} == {"##s", "##ed", "##ing", "##ly"}
    here = {" ".join(text(row)) for row in DATA.inputs}
    assert any("data set ##s" in passage for passage in here)


def test_what_a_suffix_is_split_from_is_a_word_of_its_own():
    known = set(" ".join(letters(file) for file in FILES).split())
    for row in DATA.inputs:
        pieces = text(row)
        stems = [stem for stem, suffix in itertools.pairwise(pieces) if suffix.startswith("##")]
        assert set(stems) <= known | {"[unknown]"}
        assert all(len(stem) > 2 for stem in stems)


def test_words_of_several_pieces_are_found():
    import torch

    inputs = torch.from_numpy(DATA.inputs)
    numbers = words(Batch(inputs, DATA.description.features))
    continued = torch.isin(inputs[:, 1:], torch.tensor(WORDS.continues))
    assert torch.equal(numbers[:, 1:] == numbers[:, :-1], continued)
    assert 0.02 < continued.float().mean() < 0.2


@pytest.mark.parametrize("label", range(len(FILES)))
def test_passages_can_be_read_in_their_own_description(label):
    """Joined to words again, and up to a word the vocabulary does not know, each stands in its file."""
    source = f" {letters(FILES[label])} "
    for row in DATA.inputs[DATA.targets == label]:
        said = " ".join(text(row)).replace(" ##", "").removeprefix("##")
        pattern = re.escape(said).replace(re.escape("[unknown]"), "[a-z]+")
        assert re.search(pattern, source), said


def test_most_passages_are_in_one_description_only():
    """What stands in several, as `missing attribute values: none`, nobody can tell."""
    flat = [" ".join(text(row)) for row in DATA.inputs]
    labels: dict[str, set[int]] = {}
    for passage, label in zip(flat, DATA.targets.tolist(), strict=True):
        labels.setdefault(passage, set()).add(label)
    assert sum(len(labels[passage]) > 1 for passage in flat) / len(flat) < 0.03


@pytest.mark.parametrize("seed", range(25))
def test_every_split_has_every_class_and_no_passage_twice(seed):
    split = split_rows(DATA, Streams(seed))
    parts = [getattr(split, name) for name in ("train", "val", "test")]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(DATA.targets)))
    for rows in parts:
        assert set(DATA.targets[rows].tolist()) == set(range(len(FILES)))
    seen = [{DATA.inputs[row].tobytes() for row in rows} for rows in parts]
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_it_is_the_same_at_every_load_and_in_every_process():
    assert descriptions().fingerprint == DATA.fingerprint
    assert descriptions().description == DATA.description
    code = "from maskbench.data.sets.passages import descriptions; print(descriptions().fingerprint)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert found.stdout.strip() == DATA.fingerprint


def test_missing_descriptions_are_an_error(monkeypatch, tmp_path):
    (tmp_path / "descr").mkdir()
    monkeypatch.setattr(passages, "bundled_folder", lambda: tmp_path / "data")
    with pytest.raises(DataError, match="scikit-learn's descriptions of data sets are not there"):
        descriptions()


def small(folder: Path, **files: str) -> Path:
    (folder / "descr").mkdir()
    for name, content in files.items():
        (folder / "descr" / f"{name}.rst").write_text(content)
    return folder / "data"


def test_a_small_library_by_hand(monkeypatch, tmp_path):
    """Sentences, stems, rare words and rests that are too short, all in twelve lines."""
    files = {
        "b": "Many walk and many walked far away. Too short.\n\nWalks and walks are many,\nmany walks!",
        "a": "Red cats sing: the cat is 12 red s. Many cats walk and the cats sing",
    }
    monkeypatch.setattr(passages, "bundled_folder", lambda: small(tmp_path, **files))
    found = descriptions()
    names = found.description.features.vocabulary.texts
    said = [" ".join(names[token] for token in row[1:] if token) for row in found.inputs]
    assert said == [
        "red cat ##s sing the cat [unknown] red [unknown]",
        "many cat ##s walk and the cat ##s sing",
        "many walk and many walk [unknown] [unknown] [unknown]",
        "walk ##s and walk ##s [unknown] many many walk ##s",
    ]
    assert found.targets.tolist() == [0, 0, 1, 1]
    assert names[4:7] == ("##s", "walk", "many")  # 6, 6 and 5 times


def test_long_sentences_are_cut_behind_the_begin(monkeypatch, tmp_path):
    """23 pieces fit; of 30 the last 7 are a passage, of 27 the last 4 are too few."""
    alphabet = [first + second for first in "abcde" for second in "fghijk"]
    files = {"a": ". ".join([" ".join(alphabet)] * 2), "b": " ".join(alphabet[:27])}
    monkeypatch.setattr(passages, "bundled_folder", lambda: small(tmp_path, **files))
    found = descriptions()
    assert (found.inputs != PAD).sum(1).tolist() == [24, 8, 24, 8, 24]
    assert found.targets.tolist() == [0, 0, 0, 0, 1]
    assert [found.description.features.vocabulary.texts[token] for token in found.inputs[1, 1:8]] == alphabet[23:]


def test_digits_read_line_by_line():
    rows, image = bundled.digits("rows"), bundled.digits("image")
    assert rows.inputs.shape == (1797, 8, 8)
    assert np.array_equal(rows.inputs, image.inputs[:, 0])
    assert np.array_equal(rows.targets, image.targets)
    described = rows.description
    assert (described.name, described.features.kind, described.features.shape) == ("digits_rows", "sequence", (8, 8))
    assert (described.task, described.outputs) == ("classification", 10)


@pytest.mark.parametrize("name", ["descriptions", "digits_rows"])
def test_the_menu_offers_it(name):
    overrides = [f"data={name}", "model=transformer"]
    experiment = build(typed(stock(overrides)))
    assert experiment.dataset.description.name == name
    assert experiment.dataset.fingerprint == (DATA if name == "descriptions" else bundled.digits("rows")).fingerprint
