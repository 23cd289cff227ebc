"""A page that many look at: it is made once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class Shared:
    """The page that was made last.

    Whoever looks at it live hears of a change at the same moment as all others, and asks anew.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: object = None
        self._page = ""

    def get(self, key: object, make: Callable[[], str]) -> str:
        """The page, if it was made for the same `key`, else a new one from `make`.

        Those who ask while it is made wait for it.
        """
        with self._lock:
            if key != self._key:
                self._page, self._key = make(), key
            return self._page
