"""The other way in: messages of the past enter the journal, each once, whoever brings them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..config import Config
from ..errors import RefusedError
from ..journal import Span, Writer
from ..message import EVERYBODY, Entry, Message, derived_id, entry, usable_time
from ..store import Store, checkpoints, owed, spans
from ..store.owed import Debt
from ..store.tables import ASKED, BEFORE_THE_PLUGIN, RECALLED, REPLAYED

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


NOTHING = Brought(0, 0, 0, Counter())


class Importer:
    """Brings messages of the past into `journal`, also while a daemon writes it.

    Args:
        together: entries in one transaction, at the most.
    """

    def __init__(
        self, journal: Writer, store: Store, config: Config, together: int = TOGETHER
    ) -> None:
        self._journal = journal
        self._together = together
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
        brought = NOTHING._replace(refused=refused)
        for addressee in addressees:
            certain = [one for one in entries if past.admits(one.time, addressee)]
            new = self._append([one._replace(addressee=addressee) for one in certain])
            doubtful = len(entries) - len(certain)
            brought = brought.plus(Brought(new, len(certain) - new, doubtful, Counter()))
        return brought

    def _append(self, entries: Sequence[Entry]) -> int:
        parts = range(0, len(entries), self._together)
        return sum(self._journal.append(entries[part : part + self._together]) for part in parts)

    def _entries(
        self, messages: Iterable[Message], now: float, refused: Counter[str]
    ) -> list[Entry]:
        nameless = self._journal.has_derived()
        made, derived = [], []
        for message in messages:
            try:
                one = self._entry(message, now)
                if nameless:
                    derived.append(derived_id(message, one.time))
                made.append(one)
            except RefusedError as error:
                refused[error.reason] += 1
        return self._under_known_names(made, derived) if nameless else made

    def _entry(self, message: Message, now: float) -> Entry:
        if usable_time(message.get("timestamp")) is None:
            # It would count now, and again whenever it is brought.
            raise RefusedError("no usable time")
        return entry(
            message, now, maximum_future=self._maximum_future, maximum_bytes=self._maximum_bytes
        )

    def _under_known_names(self, made: Sequence[Entry], derived: Sequence[str]) -> list[Entry]:
        """The entries under the ids by which the journal knows them."""
        parts = range(0, len(derived), TOGETHER)
        found = [self._journal.all_seen(derived[part : part + TOGETHER]) for part in parts]
        known = {one.id for part in found for one in part}
        pairs = zip(made, derived, strict=True)
        return [one._replace(id=name) if name in known else one for one, name in pairs]


def forget(journal: Writer, store: Store, debt: Debt) -> None:
    """Let what came in for the plugin alone come again, where its rows were begun anew.

    Before history is read for `debt`, and as often as that is begun.
    """
    if debt.addressee == EVERYBODY or debt.reason not in (BEFORE_THE_PLUGIN, RECALLED):
        return
    with store.reading() as connection:
        origin = checkpoints.read_one(connection, debt.addressee).origin
        mine = [one for one in owed.read(connection) if one.addressee == debt.addressee]
    # What was brought for a time that is not recalled has to be known still.
    if not any(one.id < debt.id for one in mine):
        journal.disown(debt.addressee, origin if debt.until is None else debt.until)


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
        recalls = [one for one in debts if (one.addressee, one.reason) == (addressee, RECALLED)]
        self._replayed[addressee] = [
            _before(recalls, one) for one in brought if one.reason == REPLAYED
        ]
        self._covered[addressee] = [
            *(Span(max(start, joined), stop) for start, stop in listened),
            *(Span(one.start, one.stop) for one in brought),
        ]


def _before(recalls: Iterable[Debt], debt: Debt) -> Span:
    """What has been brought, but for what was recalled since."""
    since = [one.start for one in recalls if one.opened >= debt.opened]
    return Span(debt.start, min(debt.stop, *since)) if since else Span(debt.start, debt.stop)


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
