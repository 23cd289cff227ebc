"""The pace of those who bring much: no faster than the statistics can count."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Collection

from ..errors import StalledError
from ..journal import Reader
from ..store import Store, checkpoints
from .counter import Counter

MOST = 100_000
"""Entries that may wait to be counted; who brings more waits for that."""

POLL = 0.1
"""Seconds between two looks at what is counted."""

PATIENCE = 300.0
"""Seconds in which something has to be counted."""


class Pace:
    """Lets the statistics keep up.

    Args:
        idents: of the statistics that run.
        counter: counts, where no daemon does.
        patience: seconds in which something has to be counted.
    """

    def __init__(
        self,
        journal: Reader,
        store: Store,
        idents: Collection[str],
        counter: Counter | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._journal = journal
        self._store = store
        self._idents = idents
        self._counter = counter
        self._patience = patience

    def keep(self, most: int = MOST) -> None:
        """Return once no more than `most` entries wait to be counted.

        Raises:
            StalledError: nothing is counted any more.
        """
        self._wait_for(lambda: self._journal.end() - most)

    def settle(self) -> None:
        """Return once all is counted that stands in the journal now.

        Raises:
            StalledError: nothing is counted any more.
        """
        end = self._journal.end()
        self._wait_for(lambda: end)

    def _wait_for(self, position: Callable[[], int]) -> None:
        """Return once all have counted up to `position`."""
        reached, since = -1, clock.monotonic()
        while (slowest := self._slowest())[0] < position():
            if slowest[0] > reached:
                reached, since = slowest[0], clock.monotonic()
            elif clock.monotonic() - since > self._patience:
                raise StalledError(
                    f"{slowest[1]} has counted nothing for {self._patience:.0f} s, and "
                    f"{self._journal.end() - reached:,} messages wait for it: see what the log "
                    "of the daemon says, then run this again"
                )
            clock.sleep(POLL)

    def _slowest(self) -> tuple[int, str]:
        """How far that one has counted which has counted least; the end if none runs."""
        if self._counter:
            self._counter.require()
        with self._store.reading() as connection:
            counting = checkpoints.counting(connection, self._idents).values()
        positions = ((one.position, one.ident) for one in counting)
        return min(positions, default=(self._journal.end(), ""))
