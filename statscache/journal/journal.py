"""The journal of one daemon: the writing half."""

from __future__ import annotations

import os
import sqlite3
import threading
import time as clock
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..errors import JournalDamagedError, JournalWriteError
from ..message import Entry
from . import damage, tables
from .lock import hold
from .reader import BUSY_SECONDS, REPAIR, ROOM, Reader, is_damage, trouble
from .replacement import finish
from .rows import Refusals, Span, rows
from .tables import FAILURES, Positions

TOGETHER = 200
TRIM_STEP = 5_000
TRIM_PAUSE = 0.01
SPARE_PAGES = 4_096
"""Free pages that stay in the file for what comes next: 16 MB."""
CHECK_SECONDS = 3
"""How long the start may take to look for damage; what is not looked at is checked when read."""


class Journal(Reader):
    """The open journal of one daemon. Any thread may use it; one writes at a time.

    Args:
        path: the file; made, readable by its owner only, where it does not exist.
        wait: seconds to wait for another daemon that holds it.

    Raises:
        JournalInUseError: another daemon holds it.
        JournalDamagedError: it is not what was written.
        JournalError: it cannot be opened, or is no journal of this version.
    """

    def __init__(self, path: Path, wait: float = 0) -> None:
        # Whatever links lead to the file, its lock is the same.
        path = Path(os.path.realpath(path))
        self._writing = threading.RLock()
        self._guard = hold(path, wait)
        try:
            finish(path)
            super().__init__(path)
        except BaseException:
            self._guard.close()
            raise

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
            given = list(entries)
            parts = range(0, len(given), TOGETHER)
            return sum(_keep(connection, given[part : part + TOGETHER]) for part in parts)

    def trim(self, position: int, forget_before: float) -> int:
        """Drop entries up to `position`, and ids that arrived before `forget_before`.

        Works in steps, so that appending never waits long. Returns the number of entries dropped.
        """

        def drop_entries(connection: sqlite3.Connection) -> int:
            return _drop_entries(connection, position)

        def forget(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM seen WHERE (id, addressee) IN "
                "(SELECT id, addressee FROM seen WHERE arrived < ? ORDER BY arrived LIMIT ?)",
                (forget_before, TRIM_STEP),
            ).rowcount

        dropped = self._in_steps(drop_entries)
        self._in_steps(forget)
        return dropped

    def continue_above(self, position: int) -> None:
        """Let the next entry stand above `position`, so that no position is used twice."""
        with self._transaction() as connection:
            end = tables.end(connection)
            if position > end:
                tables.dig(connection, [Positions(end + 1, position)])
                tables.set_end(connection, position)

    def close(self) -> None:
        """Close the files and let go of the lock; any further use is a JournalError."""
        with self._writing:
            super().close()
            self._guard.close()

    # -- inside ----------------------------------------------------------------------------

    def _identity(self) -> str:
        """Open the file, make its tables if it is empty, and look for damage."""
        damage.require_head(self.path)
        try:
            connection = self._connection()
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            found = damage.find(connection, CHECK_SECONDS)
            if found:
                raise JournalDamagedError(self.path, found)
            with self._transaction():
                if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    tables.create(connection, str(uuid4()))
                return tables.identity(connection, self.path)
        except FAILURES as error:
            raise trouble(self.path, error) from error

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
                connection.execute("BEGIN IMMEDIATE")
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

    def _in_steps(self, delete: Callable[[sqlite3.Connection], int]) -> int:
        """Call `delete` until it drops less than a whole step; the number of all."""
        total = 0
        while True:
            with self._transaction() as connection:
                count = delete(connection)
                # The module takes one step of it, which gives one page back to the disk.
                for _ in range(self._value("PRAGMA freelist_count") - SPARE_PAGES):
                    connection.execute("PRAGMA incremental_vacuum")
            total += count
            if count < TRIM_STEP:
                return total
            # Locks are not fair: without a pause, who waits to append would wait for all steps.
            clock.sleep(TRIM_PAUSE)


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
        _insert(connection, tables.end(connection) + 1, fresh.values())
    return len(fresh)


def _insert(connection: sqlite3.Connection, first: int, entries: Collection[Entry]) -> None:
    """Insert `entries` from the position `first` on, in few statements.

    Between two statements another thread may take Python's lock and keep it for long: a statement
    a row made the daemon several times slower in a flood.
    """
    ids: list[Any] = []
    kept: list[Any] = []
    for position, entry in enumerate(entries, first):
        id_row, entry_row = rows(position, entry)
        ids += id_row
        kept += entry_row
    connection.execute(f"INSERT INTO seen VALUES {_marks(5, len(entries))}", ids)
    connection.execute(f"INSERT INTO entry VALUES {_marks(8, len(entries))}", kept)


def _marks(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)


def _drop_entries(connection: sqlite3.Connection, position: int) -> int:
    """Drop the oldest entries up to `position`, a step of them, and note that this was meant."""
    oldest = "SELECT position FROM entry WHERE position <= ? ORDER BY position LIMIT ?"
    (last,) = connection.execute(f"SELECT max(position) FROM ({oldest})", (position, TRIM_STEP))
    if last[0] is None:
        return 0
    tables.dig(connection, [Positions(1, last[0])])
    connection.execute("DELETE FROM hole WHERE first > 1 AND last <= ?", last)
    return connection.execute("DELETE FROM entry WHERE position <= ?", last).rowcount
