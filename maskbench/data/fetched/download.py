"""One file over http: it arrives whole or not at all, and the network's failures are told apart from the disk's."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from maskbench import __version__

PATIENCE_SECONDS = 30.0
CHUNK = 1 << 20


class Broken(Exception):
    """A transfer that did not come to its end; what happened, said as a predicate of the address."""


def download(url: str, file: Path, size: int) -> None:
    """Write what lies at an http or https address and has `size` bytes; raises Broken, or OSError by the disk.

    A file is left behind in either case. Whether the bytes are the right ones, only a sha256 tells.
    """
    with file.open("wb") as target:
        for chunk in _chunks(url, size):
            target.write(chunk)


def _chunks(url: str, size: int) -> Iterator[bytes]:
    request, received = Request(url, headers={"User-Agent": f"maskbench/{__version__}"}), 0
    try:
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            while chunk := answer.read(CHUNK):
                received += len(chunk)
                if received > size:
                    raise Broken(f"sends more than the {size:,} bytes of the archive")
                yield chunk
    except HTTPError as error:
        error.close()
        raise Broken(f"answers {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        said = error.reason if isinstance(error, URLError) else error
        raise Broken(f"cannot be read: {said or type(error).__name__}") from error
    if received < size:  # a connection that is cut looks like the end of the file
        raise Broken(f"sent {received:,} of {size:,} bytes, then the connection ended")
