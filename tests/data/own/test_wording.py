"""How values and settings are shown in messages."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from maskbench.data.own.wording import listed, near, setting, shown


@pytest.mark.parametrize(
    "name", ["id", "a_b-c.d", "", "a b", "size (cm)", "Größe", "a,b", "50%", "[x]", "a=b", "#", "a:b"]
)
def test_a_setting_can_be_copied_to_a_shell(name):
    (word,) = shlex.split(setting("drop", name))
    (override,) = OverridesParser.create().parse_overrides([word])
    assert override.key_or_group == "data.drop"
    assert override.value() == [name]


def test_plain_names_need_no_quotes():
    assert setting("drop", "id") == "data.drop=[id]"


def test_values_are_in_one_line_and_not_long():
    assert shown("a\n\tb ") == "a b"
    assert shown("x" * 80) == "x" * 80
    assert shown("x" * 81) == "x" * 80 + "..."
    assert shown(1.5) == "1.5"


def test_names_are_counted_where_there_are_many():
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed([str(number) for number in range(25)]).endswith("'18', '19' and 5 more")


def test_the_nearest_name_is_one_in_another_case():
    assert near("AGE", ["page", "age"]) == " Did you mean 'age'?"
    assert near("agee", ["page", "age"]) == " Did you mean 'age'?"
    assert near("q", ["page", "age"]) == ""
