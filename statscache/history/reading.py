"""One range of the history, read until nothing of it is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from ..errors import HistoryAwayError, RefusedError
from ..message import Message
from .page import Page
from .shapes import as_fedmsg

ROWS = 100
"""Messages on a page, at the most: datagrepper refuses to give more."""

IDLE = 5
"""Rounds in a row that bring nothing new, after which to wait before the next."""

MOST = 100_000
"""Messages that one second can have; more than that is a mistake of the host."""

Found = dict[Hashable, Message | RefusedError]
"""The messages, or why it is none, by what tells one from the other."""

Ask = Callable[[int, int], Page]
"""The page of a number (from 1), with so many rows."""


class Reading:
    """Gathers the pages of one range.

    Messages of the same time have no order of their own, so what one page leaves out the next may
    leave out as well. Hence `found` only grows, until it has as many as there are: what was in the
    archive once stays there. `total` is how many there are, by the latest page. Where a page
    fails, what came before it is kept: to gather again is to go on with that page.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._rounds = self._pages = self._came = 0
        self._totals: set[int] = set()
        self.total = 0
        self.found: Found = {}

    def fits(self) -> bool:
        """Whether all is on one page; if so, it has been read.

        Raises:
            HistoryAwayError: it is not whole.
        """
        came = self._turn(1, ROWS)
        if self.total > ROWS:
            return False
        if not came == self.total == len(self.found):
            raise self._torn()
        return True

    def gather(self) -> None:
        """Read what does not fit, round after round, for as long as that brings something new.

        Raises:
            HistoryAwayError: it is not whole, or more than a second can have.
        """
        idle = 0
        while idle < IDLE:
            before = len(self.found)
            if self._round() == {len(self.found)}:
                return
            idle = 0 if len(self.found) > before else idle + 1
        raise self._torn()

    def _round(self) -> set[int]:
        """Read all pages. How many messages there are: what each page says, and what came."""
        # Other borders between the pages each time: an order that stays is no trap then.
        rows = ROWS - self._rounds % 10
        while self._pages * rows < self.total <= MOST:
            self._came += self._turn(self._pages + 1, rows)
            self._pages += 1
            self._totals.add(self.total)
        said = self._totals | {self._came}
        self._rounds += 1
        self._pages, self._came, self._totals = 0, 0, set()
        return said

    def _turn(self, number: int, rows: int) -> int:
        """Read one page; how many messages came with it."""
        page = self._ask(number, rows)
        self.total = page.total
        alike: Counter[str] = Counter()
        for raw in page.messages:
            one = _message(raw)
            key = _identity(one)
            if key is None:
                text = repr(raw)
                alike[text] += 1
                key = (text, alike[text])
            self.found[key] = one
        return len(page.messages)

    def _torn(self) -> HistoryAwayError:
        found = len(self.found)
        if found > self.total:
            self.found.clear()
        return HistoryAwayError(f"{found} messages came where there are {self.total}")


def _message(raw: Any) -> Message | RefusedError:
    try:
        return as_fedmsg(raw)
    except RefusedError as error:
        return error


def _identity(one: Message | RefusedError) -> Hashable:
    """What no two rows of the archive share: the id with the time. None where one is not known."""
    if isinstance(one, RefusedError):
        return None
    name, stamp = one.get("msg_id"), one.get("timestamp")
    known = isinstance(name, str) and isinstance(stamp, int | float)
    return (name, stamp) if known else None
