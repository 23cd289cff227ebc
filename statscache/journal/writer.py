"""The writing half of a journal, for guests: commands that append while a daemon may hold it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time as clock
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeVar

from ..errors import JournalError, JournalWriteError
from ..message import Entry
from . import damage, tables
from .lock import enter
from .reader import BUSY_SECONDS, REPAIR, ROOM, Reader, is_damage
from .replacement import is_cut_off
from .rows import ENTRY, NOBODY, Kept, Refusals, Span, rows, whole_entry
from .tables import FAILURES

T = TypeVar("T")

TOGETHER = 200
STEP = 5_000
PAUSE = 0.01
CACHE = 64 << 20
"""Bytes of the journal that stay in memory while very much is appended."""
CHECKPOINT_PAGES = 16_384
"""Pages between two checkpoints of SQLite then: 64 MB."""


class Writer(Reader):
    """Appends to a journal that is there, beside the daemon. Any thread may use it.

    Where it `gives_way`, it leaves the journal to the others between its transactions, for as long
    as it had it.

    Raises:
        JournalInUseError: the journal is being repaired or adopted.
        JournalDamagedError: it is not what was written.
        JournalError: there is none, or it cannot be written.
    """

    def __init__(self, path: Path, gives_way: bool = True) -> None:
        self._gives_way = gives_way
        self._hold(path, enter)

    def append(
        self,
        entries: Iterable[Entry],
        heard: Span | None = None,
        refused: Iterable[Refusals] = (),
    ) -> int:
        """Keep those of `entries` whose id is new to their addressee; how many that were.

        With it goes the note that the daemon has listened all through the span `heard`, and what
        was refused since the last time. All in one transaction, on disk when this returns.

        Raises:
            JournalWriteError: nothing was kept.
        """
        with self._transaction() as connection:
            if heard:
                connection.execute(tables.HEARD, heard)
            connection.executemany(tables.REFUSED, refused)
            return _keep(connection, list(entries))

    def expect_much(self) -> None:
        """Spend memory and disk on speed, where this thread goes on to append.

        Ids come in no order, and each changes a page of its own: what stays in memory is not read
        again, and what changes several times between two checkpoints is written back once.
        """
        self._value(f"PRAGMA cache_size = -{CACHE >> 10}")
        self._value(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")

    def disown(self, addressee: str, position: int) -> int:
        """Forget the ids that came in for one plugin up to `position`, so that they may come again.

        Their entries are nobody's from then on, and stay until they are trimmed. Works in steps.
        Returns the number of ids.
        """
        total, last = 0, ""
        while True:
            with self._transaction() as connection:
                found = _ids_behind(connection, addressee, last)
                gone = [(name, at) for name, at in found if at <= position]
                _disown(connection, addressee, gone)
            total += len(gone)
            if len(found) < STEP:
                return total
            last = found[-1][0]
            clock.sleep(PAUSE)

    def rewrite(self, those: Iterable[Kept]) -> int:
        """Give entries that stand here another body; how many still stood here.

        Their positions, ids and times are what they were.
        """
        with self._transaction() as connection:
            return sum(_rewrite(connection, *one) for one in those)

    def close(self) -> None:
        """Close the files and let go of the lock; any further use is a JournalError."""
        with self._writing:
            super().close()
            self._guard.close()

    # -- inside ----------------------------------------------------------------------------

    def _hold(self, path: Path, lock: Callable[[Path], IO[str]]) -> None:
        # Whatever links lead to the file, its lock is the same.
        path = Path(os.path.realpath(path))
        self._writing = threading.RLock()
        self._began = self._ended = 0.0
        self._guard = lock(path)
        try:
            super().__init__(path)
        except BaseException:
            self._guard.close()
            raise

    def _identity(self) -> str:
        damage.require_head(self.path)
        if is_cut_off(self.path):
            raise JournalError(
                f"the repair of the journal {self.path} was cut off: run `statscache journal "
                "repair` once more"
            )
        self._file = self._on_disk()
        return super()._identity()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
        except FAILURES:
            connection.close()
            raise
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            connection = None
            try:
                connection = self._connection()
                self._begin(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection and connection.in_transaction:
                    with suppress(*FAILURES):
                        connection.execute("ROLLBACK")
                if isinstance(error, FAILURES):
                    cure = REPAIR if is_damage(error) else ROOM
                    raise JournalWriteError(
                        f"the journal {self.path} cannot be written: {error}; {cure}"
                    ) from error
                raise
            finally:
                self._ended = clock.monotonic()

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Begin to write, as a guest: the daemon comes first."""
        if self._gives_way:
            clock.sleep(max(0, self._ended - self._began) + PAUSE)
        connection.execute("BEGIN IMMEDIATE")
        self._began = clock.monotonic()
        if self._on_disk() != self._file:
            raise JournalWriteError(
                f"another file has taken the place of the journal {self.path}: run this again"
            )

    def _on_disk(self) -> tuple[int, int] | None:
        """What tells the file from every other; None where it is gone."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _ids_behind(connection: sqlite3.Connection, addressee: str, last: str) -> list[tuple[str, int]]:
    """A step of the ids for one plugin, in their order, and their positions."""
    query = (
        "SELECT id, position FROM seen WHERE addressee = ? AND addressee != '' AND id > ? "
        "ORDER BY id LIMIT ?"
    )
    return connection.execute(query, (addressee, last, STEP)).fetchall()


def _disown(connection: sqlite3.Connection, addressee: str, ids: Sequence[tuple[str, int]]) -> None:
    """Forget `ids`, and give their entries to nobody."""
    names = [(name, addressee) for name, _ in ids]
    connection.executemany("DELETE FROM seen WHERE id = ? AND addressee = ?", names)
    for _, position in ids:
        row = connection.execute(f"SELECT {ENTRY} FROM entry WHERE position = ?", (position,))
        for kept in filter(None, map(whole_entry, row)):
            _replace(connection, position, kept.entry._replace(addressee=NOBODY))


def _rewrite(connection: sqlite3.Connection, position: int, entry: Entry) -> bool:
    row = connection.execute(f"SELECT {ENTRY} FROM entry WHERE position = ?", (position,))
    here = next(filter(None, map(whole_entry, row)), None)
    if here is None or here.entry.id != entry.id:
        return False
    # It may have been disowned since it was read.
    _replace(connection, position, here.entry._replace(body=entry.body))
    return True


def _replace(connection: sqlite3.Connection, position: int, entry: Entry) -> None:
    values = rows(position, entry)[1]
    connection.execute("REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def _keep(connection: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    """Insert those of `entries` whose id is new to their addressee; how many that were."""
    known = _known(connection, sorted((entry.id, entry.addressee) for entry in entries))
    fresh: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if (entry.id, entry.addressee) not in known:
            fresh.setdefault((entry.id, entry.addressee), entry)
    if fresh:
        both = [
            rows(at, entry) for at, entry in enumerate(fresh.values(), tables.end(connection) + 1)
        ]
        # Ids come in no order: sorted, those of one page are inserted together.
        _insert(connection, "seen", sorted(seen for seen, _ in both))
        _insert(connection, "entry", [entry for _, entry in both])
    return len(fresh)


def _known(
    connection: sqlite3.Connection, names: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those of the ids and their addressees that came in before."""
    known: set[tuple[str, str]] = set()
    for part in _parts(names):
        known.update(
            connection.execute(
                f"SELECT id, addressee FROM (VALUES {_marks(2, len(part))}) AS given "
                "CROSS JOIN seen ON id = given.column1 AND addressee = given.column2",
                list(chain.from_iterable(part)),
            )
        )
    return known


def _insert(connection: sqlite3.Connection, table: str, those: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in few statements.

    Between two statements another thread may take Python's lock and keep it for long: a statement
    a row made the daemon several times slower in a flood.
    """
    for part in _parts(those):
        marks = _marks(len(part[0]), len(part))
        connection.execute(f"INSERT INTO {table} VALUES {marks}", list(chain.from_iterable(part)))


def _parts(those: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one statement takes."""
    for first in range(0, len(those), TOGETHER):
        yield those[first : first + TOGETHER]


def _marks(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)
