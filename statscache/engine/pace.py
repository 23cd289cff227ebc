"""The pace of those who bring much: no faster than the statistics can count."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Collection

from ..errors import StalledError
from ..journal import Reader
from ..store import Store, checkpoints
from .engine import Engine

MOST = 50_000
"""Entries that may wait to be counted; who brings more waits for that."""

TICK = 0.5
"""Seconds between two turns of an engine of one's own."""

POLL = 0.1
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
        self._ticked = 0.0

    def keep(self, most: int = MOST) -> None:
        """Return once no more than `most` entries wait to be counted.

        Raises:
            StalledError: nothing is counted any more.
        """
        if self._engine and clock.monotonic() - self._ticked >= TICK:
            self._engine.drain(self._now(), 0)
            self._ticked = clock.monotonic()
        reached, since = -1, clock.monotonic()
        while (slowest := self._slowest())[0] < self._journal.end() - most:
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
            self._engine.drain(self._now(), POLL)
        else:
            clock.sleep(POLL)

    def _slowest(self) -> tuple[int, str]:
        """How far that one has counted which has counted least; the end if none runs."""
        with self._store.reading() as connection:
            known = checkpoints.read(connection)
        running = (known[ident] for ident in self._idents if ident in known)
        positions = ((one.position, one.ident) for one in running if not one.suspended)
        return min(positions, default=(self._journal.end(), ""))
