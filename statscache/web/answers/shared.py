"""A page that many look at: it is made once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

LATE = 2
"""Seconds that a page may be late."""


class Shared:
    """The page that was made last.

    Whoever looks at it live hears of a change at the same moment as all others, and asks anew.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = Lock()
        self._key: object = None
        self._made = 0.0
        self._page = ""

    def get(self, key: object, make: Callable[[], str]) -> str:
        """The page, if it was just made for the same `key`, else a new one from `make`.

        Those who ask while it is made wait for it.
        """
        with self._lock:
            if key != self._key or not 0 <= self._now() - self._made < LATE:
                self._page = make()
                self._key, self._made = key, self._now()
            return self._page
