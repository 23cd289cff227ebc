"""What the daemon measures of itself, and how that comes to other processes."""

from __future__ import annotations

import threading
import time as clock
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from ..journal import Journal
from ..store import Store, checkpoints, meters
from ..store.meters import Meter


class Measures:
    """Counters, which any thread may add to, and gauges, which are asked when they are told of.

    Args:
        started: epoch seconds.
    """

    def __init__(self, started: float) -> None:
        self._lock = threading.Lock()
        self._values: defaultdict[Meter, dict[str, float]] = defaultdict(dict)
        self._values[meters.STARTED][""] = started
        self._values[meters.VERSION][version("statscache")] = 1
        self._asked: dict[Meter, Callable[[], float]] = {}

    def add(self, meter: Meter, amount: float = 1, label: str = "") -> None:
        """Count `amount` more."""
        with self._lock:
            values = self._values[meter]
            values[label] = values.get(label, 0) + amount

    @contextmanager
    def timing(self, meter: Meter, label: str) -> Iterator[None]:
        """Count the seconds that this takes, also where it fails."""
        began = clock.monotonic()
        try:
            yield
        finally:
            self.add(meter, clock.monotonic() - began, label)

    def watch(self, meter: Meter, ask: Callable[[], float]) -> None:
        """From now on `ask` says the value of `meter`."""
        self._asked[meter] = ask

    def tell(self, store: Store, journal: Journal, idents: Collection[str], now: float) -> None:
        """Write all of them into the store, and how it stands with the journal."""
        with store.reading() as connection:
            known = checkpoints.counting(connection, idents)
        counted = min((one.position for one in known.values()), default=journal.end())
        waiting = journal.slice(counted, journal.end(), 1)
        oldest = max(0.0, now - waiting[0].entry.arrived) if waiting else 0.0
        with self._lock:
            values = {meter: dict(measured) for meter, measured in self._values.items()}
        values |= {meter: {"": ask()} for meter, ask in self._asked.items()}
        values |= {
            meters.OLDEST: {"": oldest},
            meters.JOURNAL_BYTES: {"": journal.size()},
            meters.JOURNAL_ENTRIES: {"": journal.end() - journal.begin()},
        }
        with store.writing() as connection:
            meters.write(connection, values, now)
