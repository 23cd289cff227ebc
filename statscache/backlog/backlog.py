"""The backlog: what is owed is read from history, and enters the journal beside the live flow."""

from __future__ import annotations

import logging
import math
import threading
import time as clock
from collections.abc import Iterable, Iterator, Mapping

from ..config import Config
from ..errors import HistoryAwayError, HistoryError
from ..history import Datagrepper, Window
from ..journal import Journal
from ..message import Message
from ..registry import Statistic
from ..store import Store, aside, checkpoints, owed
from ..store.owed import Debt
from ..store.tables import RECALLED
from ..times import utc
from . import plan
from .importer import Brought, Importer, forget
from .plan import Due, Fetch

TOGETHER = 1_000
"""Messages that are brought at once, about."""

AT_MOST = 50_000
"""Entries that may wait to be counted; before more are brought, half of them have to be."""

LOOK_EVERY = 5
TELL_EVERY = 60
AGAIN_EVERY = 3_600
PORTION = 30
"""Seconds of reading, after which something more urgent may have turned up."""

REST, LONGEST_REST = 60, 3_600
"""Seconds between two attempts while history is away; they double."""

log = logging.getLogger(__name__)


class Backlog:
    """Works off what is owed, a portion at a time; used by one thread at a time.

    Args:
        statistics: those that run, by ident.
        stopping: is set when the daemon ends.
    """

    def __init__(
        self,
        history: Datagrepper,
        journal: Journal,
        store: Store,
        config: Config,
        statistics: Mapping[str, Statistic],
        stopping: threading.Event,
        now: float,
    ) -> None:
        self._history = history
        self._journal = journal
        self._store = store
        self._statistics = statistics
        self._stopping = stopping
        self._importer = Importer(journal, store, config)
        self._overlap = config["statscache.datagrepper.overlap"]
        self._again = config["statscache.datagrepper.again"]
        self._again_at = now + AGAIN_EVERY
        self._look_at = -math.inf
        self._rest = REST
        self._late: Fetch | None = None
        self._again_until: dict[int, float] = {}
        self._told: set[int] = set()
        self._told_at = now

    def is_due(self, now: float) -> bool:
        """Whether it is time to look whether anything can be done."""
        return now >= self._look_at

    def work(self, now: float) -> bool:
        """Read a portion of what is due; whether more is.

        Raises:
            HistoryError: history cannot be read now; it is tried again later.
        """
        self._tell_of_healed(now)
        waiting = self._waiting()
        if waiting > AT_MOST / 2:
            return False
        fetch = self._next(now)
        if fetch is None:
            self._look_at = now + LOOK_EVERY
            return False
        try:
            return self._run(fetch, AT_MOST - waiting, now)
        except Exception as error:
            if self._stopping.is_set():
                return False
            self._postpone(error, now)
            raise

    def _postpone(self, error: Exception, now: float) -> None:
        least = 0.0
        if isinstance(error, HistoryAwayError):
            least = error.retry_after
        elif isinstance(error, HistoryError):
            least = LONGEST_REST
        self._look_at = now + max(self._rest, least)
        self._rest = min(2 * self._rest, LONGEST_REST)

    def is_left(self, now: float) -> bool:
        """Whether anything can be read now, or has been to its end and is not counted."""
        if self._owed(now) is not None:
            return True
        # Asked for last: what was due just now may have been read meanwhile.
        with self._store.reading() as connection:
            return any(debt.filled is not None for debt in owed.still(connection))

    def _next(self, now: float) -> Fetch | None:
        if self._again and now >= self._again_at:
            self._again_at = now + AGAIN_EVERY
            self._late = plan.again(self._again, now)
        return self._owed(now) or self._late

    def _owed(self, now: float) -> Fetch | None:
        with self._store.reading() as connection:
            debts = [one for one in owed.still(connection) if one.filled is None]
            counting = checkpoints.counting(connection, self._statistics)
        running = {ident: self._statistics[ident] for ident in counting}
        return plan.next_fetch(debts, running, self._overlap, now, self._again_until)

    def _run(self, fetch: Fetch, room: int, now: float) -> bool:
        """Read `fetch` until it is done, or `room` is filled; whether more is to be read."""
        self._begin(fetch)
        began = clock.monotonic()
        for part in _together(self._history.windows(fetch.start, fetch.stop, fetch.topics)):
            passed = clock.monotonic() - began
            room -= self._let_in(fetch, part, now + passed)
            self._rest = REST
            if self._stopping.is_set() or room <= 0 or passed > PORTION:
                self._tell_of_progress(part, fetch, now + passed)
                return room > 0
        self._finish(fetch)
        return True

    def _tell_of_progress(self, part: Window, fetch: Fetch, now: float) -> None:
        if fetch.dues and now - self._told_at >= TELL_EVERY:
            self._told_at = now
            log.info("%s is read up to %s", _described(fetch.dues[0].debt), utc(part.stop))

    def _begin(self, fetch: Fetch) -> None:
        for debt in (one.debt for one in fetch.dues):
            if debt.reached is None:
                forget(self._journal, self._store, debt)
            if debt.id not in self._told:
                self._told.add(debt.id)
                log.info("%s is read from history", _described(debt))

    def _let_in(self, fetch: Fetch, part: Window, now: float) -> int:
        """Bring what has been read, and note how far that is; the number that were new."""
        _tell_of_refused(part)
        if not fetch.dues:
            return self._let_late_ones_in(fetch, part, now)
        new = 0
        for due in fetch.dues:
            if due.start < part.stop and due.stop > part.start:
                brought = self._bring(due, part.messages, now)
                with self._store.writing() as connection:
                    reached = min(part.stop, due.stop)
                    owed.reach(connection, due.debt.id, reached, brought.new)
                if plan.is_last(due, self._overlap):
                    self._again_until[due.debt.id] = reached
                new += brought.new
        return new

    def _let_late_ones_in(self, fetch: Fetch, part: Window, now: float) -> int:
        new = self._importer.bring(part.messages, now).new
        self._late = fetch._replace(start=part.stop) if part.stop < fetch.stop else None
        if new:
            log.info("history had %d messages that the bus had not brought", new)
        return new

    def _bring(self, due: Due, messages: Iterable[Message], now: float) -> Brought:
        chosen = plan.wanted(due, self._statistics, messages)
        brought = self._importer.bring(chosen, now, [due.debt.addressee])
        _tell_of_left_out(brought, due.debt)
        return brought

    def _finish(self, fetch: Fetch) -> None:
        done = [due.debt for due in fetch.dues if plan.is_last(due, self._overlap)]
        with self._store.writing() as connection:
            for debt in done:
                owed.fill(connection, debt.id, self._journal.end())

    def _waiting(self) -> int:
        """How many entries the slowest plugin has still to count."""
        with self._store.reading() as connection:
            counting = checkpoints.counting(connection, self._statistics).values()
        end = self._journal.end()
        return end - min((one.position for one in counting), default=end)

    def _tell_of_healed(self, now: float) -> None:
        with self._store.reading() as connection:
            filled = any(debt.filled is not None for debt in owed.still(connection))
        if filled:
            with self._store.writing() as connection:
                healed = owed.heal(connection, self._statistics.keys(), now)
                for ident in [one.addressee for one in healed if one.reason == RECALLED]:
                    aside.drop(connection, [ident])
                    if model := self._statistics[ident].model:
                        aside.show(connection, ident, model)
            for debt in healed:
                log.info("%s is counted: %d messages were new", _described(debt), debt.brought)


def _together(windows: Iterator[Window]) -> Iterator[Window]:
    """The windows joined until they hold some messages; what was read before a failure, too."""
    joined: Window | None = None
    try:
        for window in windows:
            joined = (
                joined._replace(
                    stop=window.stop,
                    messages=joined.messages + window.messages,
                    refused=joined.refused + window.refused,
                )
                if joined
                else window
            )
            if len(joined.messages) >= TOGETHER:
                yield joined
                joined = None
    except HistoryError:
        if joined:
            yield joined
        raise
    if joined:
        yield joined


def _tell_of_refused(part: Window) -> None:
    if part.refused:
        log.warning(
            "%d things in the history from %d to %d are no messages, and left out; the first: %s",
            len(part.refused),
            part.start,
            part.stop,
            part.refused[0],
        )


def _tell_of_left_out(brought: Brought, debt: Debt) -> None:
    reasons = dict(brought.refused)
    if brought.doubtful:
        reasons["may have been counted, the id is forgotten"] = brought.doubtful
    for reason, number in reasons.items():
        log.warning("%d messages of %s are left out: %s", number, _described(debt), reason)


def _described(debt: Debt) -> str:
    whom = debt.addressee or "everybody"
    return f"what {whom} lacks from {utc(debt.start)} to {utc(debt.stop)} ({debt.reason})"
