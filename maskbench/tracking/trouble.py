"""Trouble with a store: said in one line, and waited out where it may pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from filelock import Timeout

from maskbench.errors import StoreAway, StoreError
from maskbench.tracking.location import Location

Result = TypeVar("Result")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
AGAIN = "then give the same command again"

# what a database, a file system or a connection says, in lower case: the kind of trouble, and what to do
_LASTING = {
    "database or disk is full": f"its disk is full; free some space, {AGAIN}",
    "no space left on device": f"its disk is full; free some space, {AGAIN}",
    "disk quota exceeded": f"its disk quota is used up; free some space, {AGAIN}",
    "readonly database": "it is read-only; change its permissions or tracking.uri",
    "read-only file system": "it is read-only; change its permissions or tracking.uri",
    "file is not a database": "it is no MLflow database; change tracking.uri",
    "permission denied": "permission is denied; change its permissions or tracking.uri",
}
_PASSING = {
    "database is locked": f"another process keeps it locked; wait for that process or end it, {AGAIN}",
    "connection refused": f"nothing answers there; start the server, {AGAIN}",
    "timed out": f"it does not answer in time; look after the server, {AGAIN}",
    "max retries exceeded": f"nothing answers there; start the server, {AGAIN}",
    "temporarily unavailable": f"it is not available for the moment; {AGAIN}",
}


@contextmanager
def said(location: Location) -> Iterator[None]:
    """What MLflow, the database and the file system raise inside, as a StoreError in one line, or a StoreAway."""
    try:
        yield
    except StoreError:
        raise
    except Timeout as error:
        raise StoreAway(
            f"the store's lock {error.lock_file} stays taken; is another process stuck? End it, {AGAIN}"
        ) from error
    except Exception as error:
        if not _of_a_store(error):
            raise
        raise explained(error, location.uri) from error


def _of_a_store(error: Exception) -> bool:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, (MlflowException, SQLAlchemyError, OSError))


def explained(error: Exception, store: str) -> StoreError:
    """A StoreError, or a StoreAway, that says in one line what the store's trouble is."""
    text = str(error).strip()
    lower = text.lower()
    for kind, known in ((StoreError, _LASTING), (StoreAway, _PASSING)):
        for words, meaning in known.items():
            if words in lower:
                return kind(f"the store {store} cannot be used: {meaning}")
    return StoreError(f"the store {store} cannot be used: {text.splitlines()[0] if text else type(error).__name__}")


def patiently(action: Callable[[], Result], seconds: float) -> Result:
    """The action's result, tried again while the store is away, for that many seconds at most."""
    until, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        try:
            return action()
        except StoreAway:
            if time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
