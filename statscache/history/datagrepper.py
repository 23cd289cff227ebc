"""datagrepper, the archive of the bus: everything that was sent, in whole windows of time.

It can be asked in two ways (version 1.1.0): `/v2/search`, and the older and slower `/raw`. Both
include both ends of a range, forget the range where an end is 0, order by time alone, and count
the whole range for each page of it. So each question here is for a closed range in whole seconds
that should fit on one page: nothing is lost between two pages, and there is little to count.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, TypeVar

from ..errors import HistoryAwayError, HistoryError, TooLongError
from ..times import utc
from .crew import Crew
from .host import ENDPOINT, Host
from .page import Page, read
from .patience import persistently
from .reading import Found, Reading
from .window import AIM, FIRST, Window, cut, next_length, strays, window

SEARCH, RAW = "/v2/search", "/raw"

Topics = Collection[str]

Answer = TypeVar("Answer")


class Crowd(NamedTuple):
    """What is said of a range that holds more than one page: how many messages, about."""

    number: int


class Asked(NamedTuple):
    """A range that is being read."""

    start: int
    stop: int
    result: Future[Found | Crowd]


def base(endpoint: str) -> str:
    """What stands before the paths; the older style of the setting, which ends in `/raw`, too."""
    return endpoint.rstrip("/").removesuffix(RAW).rstrip("/")


class Datagrepper:
    """Reads the archive at one address, and never follows anybody to another.

    Args:
        endpoint: its base URL; the older style, which ends in `/raw`, is understood.
        connections: to it at the same time, at the most.
        timeout: seconds that an answer may take.
        patience: seconds after which a window that cannot be had is given up.
        maximum_bytes: of an answer.
        now: epoch seconds.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        connections: int = 4,
        timeout: float = 90.0,
        patience: float = 600.0,
        maximum_bytes: int = 64 << 20,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._host = Host(
            base(endpoint),
            connections=connections,
            timeout=timeout,
            maximum_bytes=maximum_bytes,
            now=now,
        )
        self._connections = connections
        self._patience = patience
        self._now = now
        self._sleep = sleep
        self._path: str | None = None

    @property
    def requests(self) -> int:
        """How many questions it was asked."""
        return self._host.requests

    def total(self, start: int, stop: int, topics: Topics | None = None) -> int:
        """How many messages there are in [start, stop), whole epoch seconds.

        Raises:
            HistoryError: as `windows` does.
        """

        def count(first: int) -> int:
            ask = partial(self._page, first, stop, topics, number=1, rows=1)
            return self._persistently(ask, self._sleep, first, stop).total

        # Ends are included: what has exactly the time of the last one is taken off again.
        return max(0, count(start) - count(stop)) if start < stop else 0

    def windows(self, start: int, stop: int, topics: Topics | None = None) -> Iterator[Window]:
        """Windows that tile [start, stop), whole epoch seconds, in their order.

        Each is whole, and has the messages of its own time, each of them once. What comes into
        the archive after its window was read is missing: whoever needs it reads that time again.

        Args:
            topics: those to ask for, in full, without wildcards; none means all messages.

        Raises:
            HistoryAwayError: a window could not be had within the patience. Those before it are
                whole, so the reader can go on from the end of the last one.
            HistoryError: there is no datagrepper, or it refuses, or cannot be trusted.
        """
        planned, length = max(start, 0), FIRST
        ahead: deque[Asked] = deque()
        before: set[Hashable] = set()
        with Crew[Found | Crowd](self._connections) as crew:

            def ask(first: int, last: int) -> Asked:
                return Asked(
                    first, last, crew.submit(partial(self._read, crew, first, last, topics))
                )

            while planned < stop or ahead:
                while planned < stop and len(ahead) < 2 * self._connections:
                    ahead.append(ask(planned, min(planned + length, stop)))
                    planned = ahead[-1].stop
                first, last, result = ahead.popleft()
                found = result.result()
                if isinstance(found, Crowd):
                    parts = cut(first, last, found.number)
                    length = parts[-1][1] - parts[-1][0]
                    ahead.extendleft([ask(*part) for part in parts][::-1])
                else:
                    length = next_length(last - first, len(found))
                    yield window(first, last, found, before)
                    before = strays(first, last, found)

    def _read(
        self, crew: Crew[Found | Crowd], start: int, stop: int, topics: Topics | None
    ) -> Found | Crowd:
        """All of a range, or how many that would be: a single second is read whatever it holds."""
        reading = Reading(partial(self._page, start, stop, topics))

        def attempt() -> Found | Crowd:
            if not reading.fits():
                if stop - start > 1:
                    return Crowd(reading.total)
                reading.gather()
            return reading.found

        def sleep(seconds: float) -> None:
            self._sleep(seconds)
            if crew.left:
                raise HistoryError("nobody waits for this answer any longer")

        try:
            return self._persistently(attempt, sleep, start, stop)
        except TooLongError:
            if stop - start > 1:
                return Crowd(2 * AIM)
            raise

    def _persistently(
        self,
        ask: Callable[[], Answer],
        sleep: Callable[[float], object],
        start: int,
        stop: int,
    ) -> Answer:
        try:
            return persistently(ask, patience=self._patience, now=self._now, sleep=sleep)
        except HistoryAwayError as error:
            raise HistoryAwayError(
                f"the history from {utc(start)} to {utc(stop)} cannot be had from "
                f"{self._host.base}: {error}; what is older has been read, the rest can be "
                "when the host is well",
                error.retry_after,
            ) from error

    def _page(self, start: int, stop: int, topics: Topics | None, number: int, rows: int) -> Page:
        # An end of 0 would be taken for none at all.
        asked = {"start": max(start, 1), "end": stop, "page": number, "rows_per_page": rows}
        wanted = [("topic", topic) for topic in topics or ()]
        return read(self._get([*asked.items(), ("order", "asc"), *wanted]), asked)

    def _get(self, query: list[tuple[str, str | int]]) -> bytes:
        """The answer to `query`, in the newer way wherever it is known."""
        for path in [self._path] if self._path else [SEARCH, RAW]:
            body = self._host.get(path, query)
            if body is not None:
                self._path = path
                return body
        if self._path:
            raise HistoryAwayError(f"there is no {self._path} any longer (404)")
        raise HistoryError(
            f"{self._host.base} is no datagrepper: it has neither {SEARCH} nor {RAW}; "
            f"set {ENDPOINT} to the URL that comes before them"
        )
