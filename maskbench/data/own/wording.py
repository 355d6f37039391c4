"""Values and settings as messages about a table show them: in one line, and as a shell takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from maskbench.errors import nearest

SHOWN, SHOWN_COLUMNS = 80, 20
PLAIN = r"[A-Za-z0-9_.-]+"


def shown(value: object) -> str:
    """A value in one line that is not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def setting(key: str, value: str) -> str:
    """`data.drop=[name]`, with the quotes that Hydra and a shell need for names that are no plain words."""
    return f"data.{key}=[{value}]" if re.fullmatch(PLAIN, value) else f"\"data.{key}=['{shown(value)}']\""


def listed(names: Sequence[str]) -> str:
    """The first of the names, and how many there are more."""
    more = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
    return ", ".join(f"'{shown(name)}'" for name in names[:SHOWN_COLUMNS]) + more


def near(name: str, names: Sequence[str]) -> str:
    """The name most like this one as a hint, whatever the case, or nothing."""
    same = [other for other in names if other.casefold() == name.casefold()]
    return f" Did you mean '{same[0]}'?" if same else nearest(name, names)
