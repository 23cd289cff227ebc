"""A clock that goes only when somebody sleeps."""

from __future__ import annotations

import threading

from samples import NOW


class Clock:
    """Gives the time and keeps the `pauses`, in seconds; any thread may sleep."""

    def __init__(self, now: float = NOW) -> None:
        self.pauses: list[float] = []
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.pauses.append(seconds)
            self._now += seconds
