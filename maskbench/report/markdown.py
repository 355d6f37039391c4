"""Text made safe for Markdown: what a name contains is shown and never interpreted."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")


def escape(text: str) -> str:
    """`text` on one line, with every character that Markdown, HTML or maths would read escaped."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line)


def fence(text: str) -> str:
    """`text` as a code block whose fence is longer than any run of backticks in it."""
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * max(3, ticks + 1)
    return f"{mark}\n{text}\n{mark}"
