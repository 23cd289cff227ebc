"""How many rows a query has, remembered where counting is dear."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

DEAR_SECONDS = 0.005
KEEP_SECONDS = 60
MAXIMUM = 10_000


class _Count(NamedTuple):
    number: int
    at: float


class Counts:
    """Remembers for a minute what took more than five milliseconds to count.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[Hashable, _Count] = {}

    def get(self, keys: Iterable[Hashable], count: Callable[[], int]) -> int:
        """The number that is known by any of `keys`, else what `count` finds out.

        It is known by all of the keys from then on: a query and the same with its bounds pinned,
        say.
        """
        keys, now = tuple(keys), self._now()
        found = self._fresh(keys, now)
        if found is None:
            found = _Count(count(), now)
            if self._now() - now < DEAR_SECONDS:
                return found.number
        if len(self._kept) > MAXIMUM:
            self._kept = {}
        self._kept.update(dict.fromkeys(keys, found))
        return found.number

    def _fresh(self, keys: Iterable[Hashable], now: float) -> _Count | None:
        known = (self._kept.get(key) for key in keys)
        return next((one for one in known if one and 0 <= now - one.at < KEEP_SECONDS), None)
