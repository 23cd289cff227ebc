"""The journal: everything the bus handed over, in order of arrival, on local disk, once per id.

One SQLite file, guarded by a lock on a file beside it. Positions rise and are never used twice.
An id is kept longer than the entry it names, so that a message is known again after it was
counted and trimmed.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time as clock
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from .errors import JournalError, JournalWriteError
from .files import hold
from .message import Entry

FORMAT = 1
TOGETHER = 200
TRIM_STEP = 5_000
TRIM_PAUSE = 0.01
SPARE_PAGES = 4_096
"""Free pages that stay in the file for what comes next: 16 MB."""
BUSY_SECONDS = 10

TABLES = """
CREATE TABLE identity (uuid TEXT NOT NULL, format INTEGER NOT NULL);
CREATE TABLE entry (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    arrived REAL NOT NULL,
    time REAL NOT NULL,
    topic TEXT NOT NULL,
    body NOT NULL,
    addressee TEXT NOT NULL
);
CREATE TABLE seen (
    id TEXT NOT NULL,
    addressee TEXT NOT NULL,
    position INTEGER NOT NULL,
    arrived REAL NOT NULL,
    PRIMARY KEY (id, addressee)
) WITHOUT ROWID;
CREATE INDEX seen_arrived ON seen (arrived);
CREATE INDEX seen_addressed ON seen (addressee) WHERE addressee != '';
CREATE TABLE listening (start REAL PRIMARY KEY, stop REAL NOT NULL);
CREATE TABLE refused (
    reason TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    last REAL NOT NULL,
    example TEXT NOT NULL
);
"""


class Kept(NamedTuple):
    """An entry at its position."""

    position: int
    entry: Entry


class Span(NamedTuple):
    """A stretch of time, epoch seconds."""

    start: float
    stop: float


class Refusals(NamedTuple):
    """How many messages were refused for one reason, when the last one came, and an example."""

    reason: str
    number: int
    last: float
    example: str


HEARD = """
INSERT INTO listening VALUES (?, ?)
ON CONFLICT (start) DO UPDATE SET stop = max(stop, excluded.stop)
"""

REFUSED = """
INSERT INTO refused VALUES (?, ?, ?, ?) ON CONFLICT (reason) DO UPDATE
SET number = number + excluded.number, last = excluded.last, example = excluded.example
"""


class Journal:
    """The open journal of one daemon. Any thread may use it; one writes at a time.

    Reading raises JournalError where the file is damaged, or closed.

    Args:
        path: the file; made, readable by its owner only, where it does not exist.
        wait: seconds to wait for another daemon that holds it.

    Raises:
        JournalInUseError: another daemon holds it.
        JournalError: it cannot be opened, or is no journal of this version.
    """

    def __init__(self, path: Path, wait: float = 0) -> None:
        # Whatever links lead to the file, its lock is the same.
        self.path = Path(os.path.realpath(path))
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writing = threading.RLock()
        self._closed = False
        self._guard = hold(self.path, wait)
        try:
            self.uuid = self._open()
        except sqlite3.Error as error:
            self.close()
            raise JournalError(
                f"the journal {self.path} cannot be opened: {error}; {_cure(error)}"
            ) from error
        except BaseException:
            self.close()
            raise

    # -- writing ---------------------------------------------------------------------------

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
                connection.execute(HEARD, heard)
            connection.executemany(REFUSED, refused)
            given = list(entries)
            parts = range(0, len(given), TOGETHER)
            return sum(_keep(connection, given[part : part + TOGETHER]) for part in parts)

    def trim(self, position: int, forget_before: float) -> int:
        """Drop entries up to `position`, and ids that arrived before `forget_before`.

        Works in steps, so that appending never waits long. Returns the number of entries dropped.
        """
        dropped = self._delete_in_steps(
            "DELETE FROM entry WHERE position IN "
            "(SELECT position FROM entry WHERE position <= ? ORDER BY position LIMIT ?)",
            position,
        )
        self._delete_in_steps(
            "DELETE FROM seen WHERE (id, addressee) IN "
            "(SELECT id, addressee FROM seen WHERE arrived < ? ORDER BY arrived LIMIT ?)",
            forget_before,
        )
        return dropped

    def continue_above(self, position: int) -> None:
        """Let the next entry stand above `position`, so that no position is used twice."""
        with self._transaction() as connection:
            highest = max(position, self.end())
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entry'")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('entry', ?)", (highest,))

    # -- reading ---------------------------------------------------------------------------

    def slice(
        self, after: int, until: int, limit: int, maximum_bytes: float = math.inf
    ) -> list[Kept]:
        """The first entries with `after` < position <= `until`, in order.

        At most `limit`, and no more after their bodies have come to `maximum_bytes`.
        """
        rows = self._rows(
            "SELECT position, id, arrived, time, topic, body, addressee FROM entry "
            "WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
            after,
            until,
            limit,
        )
        kept, size = [], 0
        for position, *parts in rows:
            kept.append(Kept(position, Entry(*parts)))
            size += len(kept[-1].entry.body)
            if size >= maximum_bytes:
                break
        return kept

    def end(self) -> int:
        """The highest position ever used; 0 before the first."""
        return _end(self._connection())

    def begin(self) -> int:
        """The position below the oldest entry still here; the end, if there is none."""
        query = (
            "SELECT coalesce((SELECT min(position) - 1 FROM entry), "
            "(SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0)"
        )
        return int(self._value(query))

    def position_of(self, name: str, addressee: str) -> int | None:
        """Where the id `name` came in for `addressee`; None if it is not, or no longer, known."""
        query = "SELECT position FROM seen WHERE id = ? AND addressee = ?"
        position: int | None = self._value(query, name, addressee)
        return position

    def addressed(self) -> bool:
        """Whether any id is known that was addressed to one plugin only."""
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM seen WHERE addressee != '')"))

    def newest(self) -> float | None:
        """When the newest known id arrived (epoch seconds)."""
        newest: float | None = self._value("SELECT max(arrived) FROM seen")
        return newest

    def spans(self) -> list[Span]:
        """When the daemon has listened, oldest first."""
        rows = self._rows("SELECT start, stop FROM listening ORDER BY start")
        return [Span(*row) for row in rows]

    def refused(self) -> list[Refusals]:
        """What was refused, by reason."""
        rows = self._rows("SELECT reason, number, last, example FROM refused")
        return [Refusals(*row) for row in rows]

    def size(self) -> int:
        """Bytes in use on disk, free pages left out."""
        pages, free, page = (
            int(self._value(f"PRAGMA {name}"))
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * page

    def close(self) -> None:
        """Close the files and let go of the lock; any further use is a JournalError."""
        with self._writing:
            self._closed = True
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()
            self._guard.close()

    # -- inside ----------------------------------------------------------------------------

    def _open(self) -> str:
        connection = self._connection()
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        with self._transaction():
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                _create(connection)
            return _identity(connection, self.path)

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if self._closed:
            raise JournalError(f"the journal {self.path} is closed")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _rows(self, query: str, *values: Any) -> Iterator[Any]:
        try:
            yield from self._connection().execute(query, values)
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self.path} cannot be read: {error}; {_cure(error)}"
            ) from error

    def _value(self, query: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        return next(self._rows(query, *values), (None,))[0]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            connection = None
            try:
                connection = self._connection()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection and connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise JournalWriteError(
                        f"the journal {self.path} cannot be written: {error}; {_cure(error)}"
                    ) from error
                raise

    def _delete_in_steps(self, statement: str, bound: float) -> int:
        total = 0
        while True:
            with self._transaction() as connection:
                count = connection.execute(statement, (bound, TRIM_STEP)).rowcount
                # The module takes one step of it, which gives one page back to the disk.
                for _ in range(self._value("PRAGMA freelist_count") - SPARE_PAGES):
                    connection.execute("PRAGMA incremental_vacuum")
            total += count
            if count < TRIM_STEP:
                return total
            # Locks are not fair: without a pause, who waits to append would wait for all steps.
            clock.sleep(TRIM_PAUSE)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _keep(connection: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    """Insert those of `entries` whose id is new to their addressee; how many that were."""
    names = [name for entry in entries for name in (entry.id, entry.addressee)]
    known = set(
        connection.execute(
            f"SELECT id, addressee FROM (VALUES {_marks(2, len(entries))}) AS given "
            "CROSS JOIN seen ON id = given.column1 AND addressee = given.column2",
            names,
        )
    )
    fresh: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if (entry.id, entry.addressee) not in known:
            fresh.setdefault((entry.id, entry.addressee), entry)
    if fresh:
        _insert(connection, list(fresh.values()))
    return len(fresh)


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Insert `entries` behind the last position, in few statements.

    Between two statements another thread may take Python's lock and keep it for long: a statement
    a row made the daemon several times slower in a flood.
    """
    placed = list(enumerate(entries, _end(connection) + 1))
    connection.execute(
        f"INSERT INTO seen VALUES {_marks(4, len(placed))}",
        [value for position, e in placed for value in (e.id, e.addressee, position, e.arrived)],
    )
    connection.execute(
        f"INSERT INTO entry VALUES {_marks(7, len(placed))}",
        [value for position, entry in placed for value in (position, *entry)],
    )


def _marks(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)


def _end(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return int(row[0]) if row else 0


def _create(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, TABLES.split(";")):
        connection.execute(statement)
    connection.execute("INSERT INTO identity VALUES (?, ?)", (str(uuid4()), FORMAT))


def _identity(connection: sqlite3.Connection, path: Path) -> str:
    try:
        row = connection.execute("SELECT uuid, format FROM identity").fetchone()
    except sqlite3.OperationalError:
        row = None
    if row is None:
        raise JournalError(
            f"{path} is no journal of statscache; set statscache.journal.path to another file"
        )
    uuid, version = row
    if version != FORMAT:
        raise JournalError(
            f"the journal {path} has format {version}, this version reads {FORMAT}: "
            "run the version of statscache that wrote it"
        )
    return str(uuid)


def _cure(error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.OperationalError):
        return "make room or mend its disk, then it goes on by itself"
    return "if it cannot be saved, move it away and run `statscache journal adopt` with the new one"
