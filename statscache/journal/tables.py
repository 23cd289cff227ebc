"""The tables of a journal, and what makes a file one."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import JournalDamagedError, JournalError

FORMAT = 1

NO_SUCH_TABLE = 1
"""SQLite's code for what stands in no table, or in none of that name."""

TABLES = """
CREATE TABLE identity (uuid TEXT NOT NULL, format INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE entry (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    arrived REAL NOT NULL,
    time REAL NOT NULL,
    topic TEXT NOT NULL,
    body NOT NULL,
    addressee TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE TABLE hole (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE seen (
    id TEXT NOT NULL,
    addressee TEXT NOT NULL,
    position INTEGER NOT NULL,
    arrived REAL NOT NULL,
    checksum INTEGER NOT NULL,
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
CREATE TABLE forgotten (before REAL NOT NULL);
INSERT INTO forgotten VALUES (0);
"""


FAILURES = (sqlite3.Error, UnicodeError)
"""What SQLite's module raises; the latter where the text of the error cannot be decoded itself."""

HEARD = """
INSERT INTO listening VALUES (?, ?)
ON CONFLICT (start) DO UPDATE SET stop = max(stop, excluded.stop)
"""

REFUSED = """
INSERT INTO refused VALUES (?, ?, ?, ?) ON CONFLICT (reason) DO UPDATE
SET number = number + excluded.number, last = excluded.last, example = excluded.example
"""

FORGOTTEN = "UPDATE forgotten SET before = max(before, ?)"


class Positions(NamedTuple):
    """Positions from `first` to `last`, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        if self.first == self.last:
            return f"position {self.first}"
        return f"positions {self.first} to {self.last}"


def create(connection: sqlite3.Connection, uuid: str) -> None:
    """Make the journal `uuid` of an empty file, in a transaction of the caller's."""
    for statement in filter(str.strip, TABLES.split(";")):
        connection.execute(statement)
    values = (uuid, FORMAT, _checksum(uuid, FORMAT))
    connection.execute("INSERT INTO identity VALUES (?, ?, ?)", values)


def identity(connection: sqlite3.Connection, path: Path) -> str:
    """The UUID of the journal.

    Raises:
        JournalDamagedError: it has none, or not the one that was written.
        JournalError: it is one of another format.
    """
    try:
        row = connection.execute("SELECT uuid, format, checksum FROM identity").fetchone()
    except FAILURES as error:
        if code(error) != NO_SUCH_TABLE:
            raise
        row = None
    if row is None:
        raise JournalDamagedError(
            path,
            "it is no journal of statscache (if it never was one, set statscache.journal.path to "
            "another file)",
        )
    if not is_identity(row):
        raise JournalDamagedError(path, "its name is not what was written")
    uuid, version, _ = row
    if version != FORMAT:
        raise JournalError(
            f"the journal {path} has format {version}, this version reads {FORMAT}: "
            "run the version of statscache that wrote it"
        )
    return str(uuid)


def is_identity(row: Sequence[object]) -> bool:
    """Whether the row is what was written: UUID, format, and their checksum."""
    uuid, version, checksum = row
    return checksum == _checksum(uuid, version)


def code(error: Exception) -> int | None:
    """SQLite's code; None where Python itself fails, as over a text that cannot be decoded."""
    return getattr(error, "sqlite_errorcode", None)


def end(connection: sqlite3.Connection) -> int:
    """The highest position ever used; 0 before the first."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return int(row[0]) if row else 0


def set_end(connection: sqlite3.Connection, position: int) -> None:
    """Let the next entry stand above `position`."""
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entry'")
    connection.execute("INSERT INTO sqlite_sequence VALUES ('entry', ?)", (position,))


def dig(connection: sqlite3.Connection, holes: Iterable[Positions]) -> None:
    """Note that no entries stand at these positions, and that this is as it should be."""
    connection.executemany(
        "INSERT INTO hole VALUES (?, ?) ON CONFLICT (first) DO UPDATE SET last = excluded.last",
        holes,
    )


def outside_holes(connection: sqlite3.Connection, first: int, last: int) -> Iterator[Positions]:
    """The positions from `first` to `last` at which entries should stand."""
    query = "SELECT first, last FROM hole WHERE first <= ? AND last >= ? ORDER BY first"
    for hole in connection.execute(query, (last, first)):
        if hole[0] > first:
            yield Positions(first, hole[0] - 1)
        first = max(first, hole[1] + 1)
    if first <= last:
        yield Positions(first, last)


def _checksum(uuid: object, version: object) -> int:
    return zlib.crc32(f"{uuid} {version}".encode())
