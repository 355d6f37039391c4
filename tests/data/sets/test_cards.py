"""What the YAML of a data set tells people about it."""

from __future__ import annotations

import re

import pytest

from maskbench.data.fetched.archives import sources
from tests.data.archived import node
from tests.helpers import options

KEYS = ("about", "size", "split", "licence", "archive", "memory", "reference", "source", "notes")
CARDS = {name: node(name)["card"] for name in options("data") if "card" in node(name)}
TABLES = [name for name in CARDS if str(node(name)["_target_"]).endswith((".keel.table", ".frames.table"))]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_text_under_known_names(name):
    card = CARDS[name]
    assert set(KEYS) >= set(card) >= set(KEYS[:3])
    assert "licence" in card or "archive" not in card
    assert [key for key in KEYS if key in card] == list(card)
    for text in card.values():
        assert type(text) is str
        assert text == text.strip()
        assert not text.endswith(".")


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if "archive" in card])
def test_a_card_names_archives_there_are(name):
    assert sources(CARDS[name]["archive"].split(", "))


@pytest.mark.parametrize("name", TABLES)
def test_a_card_counts_as_the_reader_does(name):
    size = CARDS[name]["size"]
    counts = {what: int(count) for count, what in re.findall(r"(\d+) (rows|columns|numbers|categor)", size)}
    rows, columns = node(name)["shape"]
    assert counts.pop("rows") == rows
    assert sum(counts.values()) == columns
