"""The way in: messages become entries of the journal, several in one transaction."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from typing import Any

from ..config import Config
from ..errors import JournalWriteError, RefusedError
from ..journal import Journal, Refusals, Span
from ..message import EVERYBODY, Entry, entry
from ..text import one_line

GATHER_AT_MOST = 1_000
"""Entries in one transaction, at the most."""

HOLD_AT_MOST = 10_000
"""Entries that wait in memory while the journal cannot be written; beyond that, refuse."""

RETRY_EVERY = 1
"""Seconds between two attempts, while the journal cannot be written."""

NOTE_EVERY = 5
"""Seconds between two notes that the daemon listens, while nothing comes."""

TELL_EVERY = 60
"""Seconds between two log lines about refusals for the same reason."""

UNWRITABLE = "the journal cannot be written"

log = logging.getLogger(__name__)


class Intake:
    """Gathers what comes in and commits it to the journal. Any thread may call it.

    `accepted` is how many it has taken in, and `duplicates` how many of these the journal had.
    """

    def __init__(self, journal: Journal, config: Config) -> None:
        self.accepted = 0
        self.duplicates = 0
        self._journal = journal
        self._commit_within = config["statscache.journal.commit_within"] / 1000
        self._maximum_future = config["statscache.consumer.maximum_future"]
        self._maximum_bytes = config["statscache.consumer.maximum_bytes"]
        self._lock = threading.RLock()
        self._pending: list[Entry] = []
        self._waiting_since = 0.0
        self._refused: dict[str, Refusals] = {}
        self._told: dict[str, float] = {}
        self._listening: Span | None = None
        self._failing_since: float | None = None
        self._tried = -math.inf
        self._deaf = False

    def listen(self, now: float) -> None:
        """From `now` on, whatever the bus carries comes here."""
        with self._lock:
            self._listening = Span(now, -math.inf)
            self._write(now)

    def accept(
        self, message: Mapping[str, Any], now: float, more: bool = False, addressee: str = EVERYBODY
    ) -> bool:
        """Take in one message that arrived at `now`; whether it was not refused.

        It is on disk when this returns, unless `more` says that another is already waiting: then
        it is committed with that one, or after the time that the setting allows.
        """
        try:
            made = entry(
                message,
                now,
                maximum_future=self._maximum_future,
                maximum_bytes=self._maximum_bytes,
                addressee=addressee,
            )
        except RefusedError as error:
            self.refuse(error, now)
            return False
        with self._lock:
            if len(self._pending) >= HOLD_AT_MOST:
                self._deaf = True
                self.refuse(RefusedError(UNWRITABLE), now)
                return False
            if not self._pending:
                self._waiting_since = now
            self._pending.append(made)
            late = now - self._waiting_since >= self._commit_within
            if not more or late or len(self._pending) >= GATHER_AT_MOST:
                self.flush(now)
            return True

    def refuse(self, error: RefusedError, now: float) -> None:
        """Count a refusal; the log names the first of its reason, and then one a minute."""
        example = one_line(str(error))
        with self._lock:
            before = self._refused.get(error.reason)
            number = before.number + 1 if before else 1
            self._refused[error.reason] = Refusals(error.reason, number, now, example)
            if self._pending:
                # They may have waited for this one.
                self.flush(now)
            tell = now - self._told.get(error.reason, -math.inf) >= TELL_EVERY
            if tell:
                self._told[error.reason] = now
        if tell:
            log.warning("a message was refused: %s", example)

    def flush(self, now: float) -> None:
        """Commit what waits. While that fails, it stays in memory, and the log says so once."""
        with self._lock:
            if self._failing_since is None or not 0 <= now - self._tried < RETRY_EVERY:
                self._try(now)

    def end(self, now: float) -> None:
        """Commit what waits, and note that the daemon listened until `now`, and no longer."""
        with self._lock:
            if self._listening:
                self._listening = self._listening._replace(stop=-math.inf)
            self._try(now)
            self._listening = None
            if self._pending:
                log.critical("%d messages are lost: they could not be written", len(self._pending))

    def _try(self, now: float) -> None:
        self._tried = now
        try:
            self._write(now)
        except JournalWriteError as error:
            if self._failing_since is None:
                self._failing_since = now
                log.critical("%s; %d messages can wait, more are refused", error, HOLD_AT_MOST)
        else:
            self._recover(now)

    def _write(self, now: float) -> None:
        if self._quiet(now):
            return
        # While messages were refused for want of room, the daemon was as good as deaf.
        listening = None if self._deaf else self._listening
        heard = listening._replace(stop=now) if listening else None
        kept = self._journal.append(self._pending, heard, self._refused.values())
        self.accepted += len(self._pending)
        self.duplicates += len(self._pending) - kept
        self._pending.clear()
        self._refused.clear()
        self._listening = heard or self._listening

    def _quiet(self, now: float) -> bool:
        """Whether there is nothing to write but that the daemon still listens, as it just did."""
        if self._pending or self._refused or self._failing_since is not None:
            return False
        return self._listening is None or now - self._listening.stop < NOTE_EVERY

    def _recover(self, now: float) -> None:
        if self._failing_since is None:
            return
        log.warning("the journal is written again, after %.0f s", now - self._failing_since)
        self._failing_since = None
        if self._deaf:
            # What was refused meanwhile was not heard: a gap between two spans of listening.
            self._deaf = False
            self._listening = Span(now, now)
