"""While the database is away: the log says so once, and once more when it is back."""

from __future__ import annotations

import logging
import threading

from ..text import one_line

log = logging.getLogger(__name__)


class Outage:
    """Whether the database `name` is away, and since when (epoch seconds)."""

    def __init__(self, name: str) -> None:
        self.since: float | None = None
        self._name = name
        self._lock = threading.Lock()

    def begin(self, error: BaseException, now: float) -> None:
        """The database did not answer, or could not do its work."""
        with self._lock:
            if self.since is None:
                self.since = now
                reason = one_line(str(getattr(error, "orig", None) or error).strip(), 500)
                log.error(
                    "the database %s is away (%s); messages wait in the journal, nothing is lost",
                    self._name,
                    reason,
                )

    def end(self, now: float) -> None:
        """The database has done its work."""
        with self._lock:
            if self.since is not None:
                log.warning("the database is back after %.0f s", now - self.since)
                self.since = None
