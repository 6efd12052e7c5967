"""Who waits for how much: a cap for every visitor and one for all, and the sentences that say so at once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from ...engine import MOST, BadCheckpoint

T = TypeVar("T")
REFUSALS: Mapping[type[Exception], int] = {LookupError: 404, BadCheckpoint: 404, ValueError: 400}

EACH, ROWS = 16, MOST  # requests and pictures that one visitor may wait for; a browser has six connections, and a page a few sockets
TALKS_EACH = 32  # open web sockets of one visitor
ALL = 512  # requests of everybody


class Refused(Exception):
    """An answer other than the one asked for: a status and one sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def refusing(work: Callable[..., T], *values: Any, known: Mapping[type[Exception], int] = REFUSALS) -> T:
    """work(*values); an exception that is known comes as Refused with its status, the first that fits, in its own words."""
    try:
        return work(*values)
    except (KeyError, IndexError):
        raise  # a mistake of ours
    except tuple(known) as error:
        raise Refused(next(status for kind, status in known.items() if isinstance(error, kind)), str(error)) from None


class Waiting:
    """Counts what is asked for and not yet answered, by the key of the visitor. Used in one event loop alone."""

    def __init__(self, each: int = EACH, rows: int = ROWS, talks_each: int = TALKS_EACH, most: int = ALL):
        self.each, self.most_rows, self.talks_each, self.most = each, rows, talks_each, most
        self.requests: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.talks: Counter[str] = Counter()
        self.all = 0

    @contextmanager
    def answering(self, key: str, rows: int) -> Iterator[None]:
        """One request for so many pictures, as long as it waits or is worked on. Refused (429, or 503 where everybody together asks too much)."""
        mine = self.requests[key]
        if mine >= self.each:
            raise Refused(429, f"{mine} of your requests are waiting already; let some of them be answered before you ask for more.")
        if mine and self.rows[key] + rows > self.most_rows:
            raise Refused(429, f"You are waiting for {self.rows[key]} pictures already; {self.most_rows} at a time are the most.")
        if self.all >= self.most:
            raise Refused(503, "More is asked of this server than it can answer soon; try again in a moment.")
        with _one_more(self.requests, key), _one_more(self.rows, key, rows):
            self.all += 1
            try:
                yield
            finally:
                self.all -= 1

    @contextmanager
    def talking(self, key: str) -> Iterator[None]:
        """One open web socket. Refused (429) if this visitor has too many."""
        if self.talks[key] >= self.talks_each:
            raise Refused(429, f"You have {self.talks_each} connections open already; close a tab of this page.")
        with _one_more(self.talks, key):
            yield


@contextmanager
def _one_more(count: Counter[str], key: str, n: int = 1) -> Iterator[None]:
    count[key] += n
    try:
        yield
    finally:
        count[key] -= n
        if not count[key]:
            del count[key]
