"""The journal of one daemon."""

from __future__ import annotations

import sqlite3
import time as clock
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

from ..errors import JournalDamagedError
from . import damage, tables
from .lock import hold
from .reader import trouble
from .replacement import finish
from .tables import FAILURES, FORGOTTEN, Positions
from .writer import PAUSE, STEP, Writer

SPARE_PAGES = 4_096
"""Free pages that stay in the file for what comes next: 16 MB."""
CHECK_SECONDS = 3
"""How long the start may take to look for damage; what is not looked at is checked when read."""


class Journal(Writer):
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
        # Where the journal ended when ids from before a time were declared forgotten.
        self._forgotten: list[tuple[int, float]] = []
        self._hold(path, partial(hold, wait=wait))

    def trim(self, position: int, forget_before: float) -> int:
        """Drop entries up to `position`, which are counted, and ids from before `forget_before`.

        What came in while an id was known may have to be compared with it: so the id is declared
        forgotten at once, and goes when all that stood here then is counted. Works in steps, so
        that appending never waits long. Returns the number of entries dropped.
        """

        def drop_entries(connection: sqlite3.Connection) -> int:
            return _drop_entries(connection, position)

        def forget(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM seen WHERE (id, addressee) IN "
                "(SELECT id, addressee FROM seen WHERE arrived < ? ORDER BY arrived LIMIT ?)",
                (due, STEP),
            ).rowcount

        dropped = self._in_steps(drop_entries)
        self._declare_forgotten(forget_before)
        due = max((before for end, before in self._forgotten if end <= position), default=0.0)
        self._forgotten = [one for one in self._forgotten if one[0] > position]
        self._in_steps(forget)
        return dropped

    def forget_all(self, now: float) -> None:
        """Note that not all ids are known of what arrived before `now` (epoch seconds).

        So it is where this journal takes the place of another one.
        """
        with self._transaction() as connection:
            connection.execute(FORGOTTEN, (now,))

    def continue_above(self, position: int) -> None:
        """Let the next entry stand above `position`, so that no position is used twice."""
        with self._transaction() as connection:
            end = tables.end(connection)
            if position > end:
                tables.dig(connection, [Positions(end + 1, position)])
                tables.set_end(connection, position)

    # -- inside ----------------------------------------------------------------------------

    def _identity(self) -> str:
        """Open the file, make its tables if it is empty, and look for damage."""
        finish(self.path)
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

    def _declare_forgotten(self, before: float) -> None:
        with self._transaction() as connection:
            query = "SELECT EXISTS (SELECT 1 FROM seen WHERE arrived < ?)"
            (there,) = connection.execute(query, (before,)).fetchone()
            known = max((declared for _, declared in self._forgotten), default=0.0)
            if there and before > known:
                connection.execute(FORGOTTEN, (before,))
                self._forgotten.append((tables.end(connection), before))

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")

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
            if count < STEP:
                return total
            # Locks are not fair: without a pause, who waits to append would wait for all steps.
            clock.sleep(PAUSE)


def _drop_entries(connection: sqlite3.Connection, position: int) -> int:
    """Drop the oldest entries up to `position`, a step of them, and note that this was meant."""
    oldest = "SELECT position FROM entry WHERE position <= ? ORDER BY position LIMIT ?"
    (last,) = connection.execute(f"SELECT max(position) FROM ({oldest})", (position, STEP))
    if last[0] is None:
        return 0
    tables.dig(connection, [Positions(1, last[0])])
    connection.execute("DELETE FROM hole WHERE first > 1 AND last <= ?", last)
    return connection.execute("DELETE FROM entry WHERE position <= ?", last).rowcount
