"""A small pool of threads that runs one job at a time for each key."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from ..text import trace

log = logging.getLogger(__name__)

Job = Callable[[], bool]
"""Does a part of its work, and says whether more is left: that comes after the other jobs' turn."""

SLOW_AFTER = 5.0
"""Seconds after which a running job is helped out: another thread serves the others."""


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
        self._queue: deque[tuple[str, Job]] = deque()
        self._started: dict[str, float] = {}
        self._threads = 0
        self._stopped = False

    def submit(self, key: str, job: Job) -> bool:
        """Run `job` soon, unless one for `key` is waiting or running; whether it was taken."""
        with self._changed:
            taken = not self._stopped and key not in self.busy()
            if taken:
                self._queue.append((key, job))
                self._changed.notify_all()
            # Even so: those that run may have become slow while others waited.
            self._grow()
            return taken

    def busy(self) -> set[str]:
        """The keys whose job waits or runs."""
        with self._changed:
            return {*self._started, *(key for key, _ in self._queue)}

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
                key, job = self._queue.popleft()
                self._started[key] = self._clock()
            try:
                more = job()
            except BaseException as error:
                log.error("the job %s failed\n%s", key, trace(error))
                more = False
            with self._changed:
                del self._started[key]
                if more and not self._stopped:
                    self._queue.append((key, job))
                self._changed.notify_all()
                if self._threads > self._most():
                    self._threads -= 1
                    return
