"""Is the file what was written? SQLite knows its own structure, and rows have their checksums."""

from __future__ import annotations

import math
import sqlite3
import time as clock
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ..errors import JournalDamagedError
from . import tables
from .reader import Reader, read_only, trouble
from .replacement import beside
from .rows import SEEN, is_seen
from .tables import FAILURES

STEPS = 10_000
"""Of SQLite's machine, between two looks at the clock."""

INTERRUPTED = 9
"""SQLite's code for that."""

USED = """
SELECT coalesce(max(position), 0)
FROM (SELECT max(position) AS position FROM entry UNION SELECT max(last) FROM hole)
"""

TOGETHER = 1_000
TOGETHER_BYTES = 16 << 20


def find(connection: sqlite3.Connection, seconds: float = math.inf) -> str | None:
    """The first damage found, or None, looking for so many seconds at the most.

    Entries are not looked at: they are checked when they are read.

    Raises:
        sqlite3.Error: not even that can be found out.
    """
    until = clock.monotonic() + seconds
    connection.set_progress_handler(lambda: clock.monotonic() > until, STEPS)
    try:
        return next(_found(connection), None)
    except FAILURES as error:
        if tables.code(error) != INTERRUPTED:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)


def find_anywhere(path: Path) -> str | None:
    """The first damage found in all of the file, or None. It is only read.

    Raises:
        JournalError: the disk cannot be read, or the journal is one of another format.
    """
    try:
        require_head(path)
        with closing(read_only(path)) as connection, closing(Reader(path)) as journal:
            _read_all(journal)
            return find(connection)
    except FAILURES as error:
        found = trouble(path, error)
        if isinstance(found, JournalDamagedError):
            return found.what
        raise found from error
    except JournalDamagedError as error:
        return error.what


def require_head(path: Path) -> None:
    """SQLite would throw away the write-ahead log of an empty file, and all that is in it.

    Raises:
        JournalDamagedError: there is one.
    """
    log = beside(path, "-wal")
    if not path.stat().st_size and log.exists() and log.stat().st_size:
        raise JournalDamagedError(path, f"it is empty, but {log.name} is not")


def _found(connection: sqlite3.Connection) -> Iterator[str]:
    for (said,) in connection.execute("PRAGMA quick_check(1)"):
        if said != "ok":
            yield " ".join(said.split())
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'seen'").fetchone():
        (used,) = connection.execute(USED).fetchone()
        if used > tables.end(connection):
            yield f"it ends at {tables.end(connection)}, but position {used} was used"
        if not connection.execute("SELECT 1 FROM forgotten").fetchone():
            yield "it does not say which ids it has forgotten"
        for row in connection.execute(f"SELECT {SEEN} FROM seen"):
            if not is_seen(row):
                yield f"the id {row[0]!r} is not what was written"


def _read_all(journal: Reader) -> None:
    position = journal.begin()
    while position < journal.end():
        kept = journal.slice(position, journal.end(), TOGETHER, TOGETHER_BYTES)
        position = kept[-1].position if kept else journal.end()
