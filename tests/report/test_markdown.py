"""Names in Markdown are shown, not read."""

from __future__ import annotations

import pytest

from maskbench.report.markdown import escape, fence


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>", "&lt;script&gt;"),
        ("a|b", r"a\|b"),
        ("[x](http://y)", r"\[x\](http://y)"),
        ("$x_1$ `c` *b*", r"\$x\_1\$ \`c\` \*b\*"),
        ("two\n# lines", r"two \# lines"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_escape(name: str, shown: str) -> None:
    assert escape(name) == shown


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fence("a ```` b") == "`````\na ```` b\n`````"
