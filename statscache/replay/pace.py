"""The pace of those who bring much: no faster than the statistics can count."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Collection

from ..engine import Engine
from ..errors import StalledError
from ..journal import Reader
from ..store import Store, checkpoints

MOST = 50_000
"""Entries that may wait for the daemon to count them; who brings more waits for that."""

TOGETHER, TICK = 20_000, 5.0
"""Entries that wait for an engine of one's own, and seconds; then it counts them all."""

POLL = 0.1
TURN = 1.0
"""Seconds between two looks at what is counted: by the daemon, by an engine of one's own."""

PATIENCE = 300.0
"""Seconds in which something has to be counted."""


class Pace:
    """Lets the statistics keep up; times are epoch seconds.

    Args:
        idents: of the statistics that run.
        engine: counts, where no daemon does.
        patience: seconds in which something has to be counted.
    """

    def __init__(
        self,
        journal: Reader,
        store: Store,
        idents: Collection[str],
        engine: Engine | None = None,
        patience: float = PATIENCE,
        now: Callable[[], float] = clock.time,
    ) -> None:
        self._journal = journal
        self._store = store
        self._idents = idents
        self._engine = engine
        self._patience = patience
        self._now = now
        self._settled = -math.inf

    def keep(self, most: int = MOST) -> None:
        """Return once no more than `most` entries wait to be counted.

        Raises:
            StalledError: nothing is counted any more.
        """
        if not self._engine:
            self._wait_for(lambda: self._journal.end() - most)
        elif self._is_due(min(most, TOGETHER)):
            # Not while more comes in: then each statistic is soon at a place of its own, and the
            # journal is read for each of them.
            self.settle()
            self._settled = clock.monotonic()

    def settle(self) -> None:
        """Return once all is counted that stands in the journal now.

        Raises:
            StalledError: nothing is counted any more.
        """
        end = self._journal.end()
        self._wait_for(lambda: end)

    def _is_due(self, most: int) -> bool:
        if clock.monotonic() - self._settled >= TICK:
            return True
        return self._slowest()[0] < self._journal.end() - most

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
            self._wait()

    def _wait(self) -> None:
        if self._engine:
            self._engine.drain(self._now(), TURN)
        else:
            clock.sleep(POLL)

    def _slowest(self) -> tuple[int, str]:
        """How far that one has counted which has counted least; the end if none runs."""
        with self._store.reading() as connection:
            counting = checkpoints.counting(connection, self._idents).values()
        positions = ((one.position, one.ident) for one in counting)
        return min(positions, default=(self._journal.end(), ""))
