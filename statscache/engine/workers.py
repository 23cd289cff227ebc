"""A small pool of threads that runs one job at a time for each key."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from ..text import trace

log = logging.getLogger(__name__)

Job = Callable[[], bool]
"""Does a part of its work, and says whether more is left: that waits for its turn again."""

Rank = Callable[[], int]
"""Where the job stands now: of those that wait, the lowest is next, and of equals the first."""

SLOW_AFTER = 5.0
"""Seconds after which a running job is helped out: another thread serves the others."""

WAITS_AT_MOST = 10.0
"""Seconds after which a job that waits is next, whatever its rank."""


class Waiting(NamedTuple):
    """A job that waits, and since when."""

    key: str
    job: Job
    rank: Rank
    since: float


class Pool:
    """Threads that end with the process, however long a job sleeps.

    Args:
        size: how many threads run jobs; a job that is slow does not count.
        clock: seconds from any start, rising.
    """

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: list[Waiting] = []
        self._started: dict[str, float] = {}
        self._threads = 0
        self._stopped = False

    def submit(self, key: str, job: Job, rank: Rank = int) -> bool:
        """Run `job` soon, unless one for `key` is waiting or running; whether it was taken."""
        with self._changed:
            taken = not self._stopped and key not in self.busy()
            if taken:
                self._queue.append(Waiting(key, job, rank, self._clock()))
                self._changed.notify_all()
            # Even so: those that run may have become slow while others waited.
            self._grow()
            return taken

    def busy(self) -> set[str]:
        """The keys whose job waits or runs."""
        with self._changed:
            return {*self._started, *(waiting.key for waiting in self._queue)}

    def wait(self, timeout: float) -> bool:
        """Wait until nothing waits or runs; whether that came to be within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._started, timeout)

    def stop(self, timeout: float) -> bool:
        """Take no more jobs, drop those that wait, and give those that run `timeout` seconds."""
        with self._changed:
            self._stopped = True
            self._queue.clear()
            self._changed.notify_all()
        return self.wait(timeout)

    def _most(self) -> int:
        """How many threads there may be now."""
        now = self._clock()
        return self._size + sum(now - since > SLOW_AFTER for since in self._started.values())

    def _grow(self) -> None:
        wanted = min(self._most(), len(self._started) + len(self._queue))
        while self._threads < wanted:
            self._threads += 1
            name = f"statscache-worker-{self._threads}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopped)
                if self._stopped:
                    return
                turn = self._next()
                self._started[turn.key] = self._clock()
            try:
                more = turn.job()
            except BaseException as error:
                log.error("the job %s failed\n%s", turn.key, trace(error))
                more = False
            with self._changed:
                del self._started[turn.key]
                if more and not self._stopped:
                    self._queue.append(turn._replace(since=self._clock()))
                self._changed.notify_all()
                if self._threads > self._most():
                    self._threads -= 1
                    return

    def _next(self) -> Waiting:
        """Take the job whose turn it is."""
        long_ago = self._clock() - WAITS_AT_MOST
        turn = min(self._queue, key=lambda one: (one.since > long_ago, one.rank()))
        self._queue.remove(turn)
        return turn
