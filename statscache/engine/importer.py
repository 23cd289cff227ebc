"""The other way in: messages of the past enter the journal, each once, whoever brings them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..config import Config
from ..errors import RefusedError
from ..journal import Span, Writer
from ..message import EVERYBODY, Entry, Message, entry, message_id, usable_time
from ..store import Store, checkpoints, owed, spans
from ..store.owed import Debt
from ..store.tables import ASKED, REPLAYED

TOGETHER = 500
"""Entries in one transaction; the next one lets the live flow in between."""


class Brought(NamedTuple):
    """What became of messages of the past; numbers of messages, each for each addressee.

    `doubtful` ones may have been counted long ago: their ids are forgotten, and they were left out.
    """

    new: int
    known: int
    doubtful: int
    refused: Counter[str]

    def plus(self, other: Brought) -> Brought:
        """The sum of both."""
        return Brought(
            self.new + other.new,
            self.known + other.known,
            self.doubtful + other.doubtful,
            self.refused + other.refused,
        )


class Importer:
    """Brings messages of the past into `journal`, also while a daemon writes it."""

    def __init__(self, journal: Writer, store: Store, config: Config) -> None:
        self._journal = journal
        self._store = store
        self._overlap = config["statscache.datagrepper.overlap"]
        self._maximum_future = config["statscache.consumer.maximum_future"]
        self._maximum_bytes = config["statscache.consumer.maximum_bytes"]

    def bring(
        self, messages: Iterable[Message], now: float, addressees: Sequence[str] = (EVERYBODY,)
    ) -> Brought:
        """Let `messages` in for each of `addressees`, as if they arrived `now` (epoch seconds).

        All that was not left out is on disk when this returns.

        Raises:
            JournalWriteError: some of them were not written; those before them were.
        """
        refused: Counter[str] = Counter()
        entries = self._entries(messages, now, refused)
        past = _Past(self._journal, self._store, self._overlap)
        brought = Brought(0, 0, 0, refused)
        for addressee in addressees:
            certain = [one for one in entries if past.admits(one.time, addressee)]
            new = self._append([one._replace(addressee=addressee) for one in certain])
            doubtful = len(entries) - len(certain)
            brought = brought.plus(Brought(new, len(certain) - new, doubtful, Counter()))
        return brought

    def _append(self, entries: Sequence[Entry]) -> int:
        parts = range(0, len(entries), TOGETHER)
        return sum(self._journal.append(entries[part : part + TOGETHER]) for part in parts)

    def _entries(
        self, messages: Iterable[Message], now: float, refused: Counter[str]
    ) -> list[Entry]:
        nameless = self._journal.has_derived()
        made = []
        for message in messages:
            try:
                one = self._entry(message, now)
                made.append(self._under_known_name(message, one) if nameless else one)
            except RefusedError as error:
                refused[error.reason] += 1
        return made

    def _entry(self, message: Message, now: float) -> Entry:
        if usable_time(message.get("timestamp")) is None:
            # It would count now, and again whenever it is brought.
            raise RefusedError("no usable time")
        return entry(
            message, now, maximum_future=self._maximum_future, maximum_bytes=self._maximum_bytes
        )

    def _under_known_name(self, message: Message, made: Entry) -> Entry:
        """The entry under the id by which the journal knows it.

        An archive invents an id for what was sent without one, and has a derived one here.
        """
        derived = message_id({**message, "msg_id": None}, made.time)
        return made._replace(id=derived) if self._journal.knows(derived) else made


class _Past:
    """Tells what may have been counted already, although its id is not known any longer."""

    def __init__(self, journal: Writer, store: Store, overlap: float) -> None:
        self._forgotten = journal.known_since()
        # The stamp may be ahead of the time of arrival, by which ids are forgotten.
        self._known_since = self._forgotten + overlap if self._forgotten else 0.0
        self._store = store
        self._owed: dict[str, list[Span]] = {}
        self._replayed: dict[str, list[Span]] = {}
        self._covered: dict[str, list[Span]] = {}

    def admits(self, time: float, addressee: str) -> bool:
        """Whether what was sent at `time` (epoch seconds) may come in for `addressee`."""
        if time >= self._known_since:
            return True
        if addressee not in self._owed:
            self._read(addressee)
        # A replay may have brought what is still owed.
        if any(start <= time <= stop for start, stop in self._replayed[addressee]):
            return False
        if any(start <= time < stop for start, stop in self._owed[addressee]):
            return True
        return not any(start <= time <= stop for start, stop in self._covered[addressee])

    def _read(self, addressee: str) -> None:
        with self._store.reading() as connection:
            debts = owed.read(connection)
            joined = checkpoints.joined(connection, addressee) if addressee else 0.0
            listened = spans.heard(connection)
        self._owed[addressee] = [
            Span(debt.start, debt.stop)
            for debt in debts
            if debt.addressee in (EVERYBODY, addressee) and _is_missing(debt)
        ]
        # What has been brought since nothing is forgotten is known by its ids.
        brought = [
            one
            for one in debts
            if one.opened < self._forgotten and _was_brought(one, addressee, joined)
        ]
        self._replayed[addressee] = [
            Span(one.start, one.stop) for one in brought if one.reason == REPLAYED
        ]
        self._covered[addressee] = [
            *(Span(max(start, joined), stop) for start, stop in listened),
            *(Span(one.start, one.stop) for one in brought),
        ]


def _is_missing(debt: Debt) -> bool:
    """Whether what it holds cannot have been counted, unless its id is known."""
    return debt.healed is None and debt.accepted is None and debt.reason != ASKED


def _was_brought(debt: Debt, addressee: str, joined: float) -> bool:
    """Whether what was owed has come in, for `addressee` or for somebody whom it stands for."""
    if debt.healed is None:
        return False
    if EVERYBODY in (addressee, debt.addressee):
        return debt.healed >= joined
    return debt.addressee == addressee
