"""What can be read of a damaged journal.

Entries are read by ranges of positions; a range in which something cannot be read is halved, until
only what is damaged is left out. Ids stand in a table and in an index: where one of the two cannot
be read, the other may. Whatever is not what was written is left out.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ..files import make_private
from . import tables
from .reader import read_only
from .replacement import beside
from .rows import ENTRY, SEEN, Kept, Refusals, Seen, Span, is_seen, whole_entry
from .tables import FAILURES, Positions

GIVE_UP_AFTER = 200_000
"""Queries that fail; what is left of the table by then is lost, or it would take for ever."""

PAGE = 4_096
LAYOUT = "SELECT name, rootpage, sql FROM sqlite_master ORDER BY rootpage"
HIGHEST = (1 << 63) - 1


class Wreck:
    """The damaged journal `path`, which is not changed; a context manager.

    What it gives is what was written, and maybe not all of it. `unreadable` names the tables of
    which it is known that something could not be read.
    """

    def __init__(self, path: Path) -> None:
        self.unreadable: set[str] = set()
        self._copy = beside(path, ".copy")
        self._connection = self._open(path)

    def __enter__(self) -> Wreck:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        for suffix in ("", "-wal", "-shm"):
            beside(self._copy, suffix).unlink(missing_ok=True)

    def uuid(self) -> str | None:
        for row in self._rows("identity", "SELECT uuid, format, checksum FROM identity"):
            if tables.is_identity(row):
                return str(row[0])
        return None

    def end(self) -> int | None:
        """The highest position ever used."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'entry'"
        found = [row[0] for row in self._rows("sqlite_sequence", query)]
        if not found and self._holds_anything():
            self.unreadable.add("sqlite_sequence")
        return found[0] if found and isinstance(found[0], int) else None

    def entries(self) -> Iterator[Kept]:
        """In the order of their positions, each once."""
        query = f"SELECT {ENTRY} FROM entry WHERE position BETWEEN ? AND ? ORDER BY position"
        ranges = [Positions(1, HIGHEST)]
        failed = 0
        while ranges and failed < GIVE_UP_AFTER:
            first, last = ranges.pop()
            try:
                for row in self._connection.execute(query, (first, last)):
                    if row[0] >= first:
                        first = row[0] + 1
                        kept = whole_entry(row)
                        if kept:
                            yield kept
            except FAILURES:
                failed += 1
                if first < last:
                    middle = (first + last) // 2
                    ranges += [Positions(middle + 1, last), Positions(first, middle)]

    def ids(self) -> Iterator[Seen]:
        """Those in the table, and, unless that is whole, those in the index, without positions."""
        number = 0
        for row in self._rows("seen", f"SELECT {SEEN} FROM seen"):
            if is_seen(row):
                number += 1
                yield Seen(*row[:4])
        if number != self._indexed():
            self.unreadable.add("seen")
        if "seen" in self.unreadable:
            yield from self._other_ids()

    def _indexed(self) -> int:
        query = "SELECT count(*) FROM seen INDEXED BY seen_arrived"
        return next((row[0] for row in self._rows("seen", query)), 0)

    def _other_ids(self) -> Iterator[Seen]:
        """From the end of the table, and from both ends of the index."""
        for row in self._rows("seen", f"SELECT {SEEN} FROM seen ORDER BY id DESC, addressee DESC"):
            if is_seen(row):
                yield Seen(*row[:4])
        for order in ("", "DESC"):
            query = f"SELECT id, addressee, 0, arrived FROM seen ORDER BY arrived {order}"
            for row in self._rows("seen", query):
                if [type(part) for part in row] == [str, str, int, float]:
                    yield Seen(*row)

    def holes(self) -> list[Positions]:
        """Those that can be: below the end, where that is known."""
        end = self.end() or HIGHEST
        rows = self._rows("hole", "SELECT first, last FROM hole ORDER BY first")
        return [Positions(*row) for row in rows if isinstance(row[1], int) and row[1] <= end]

    def begin(self) -> int:
        """The position up to which all was trimmed."""
        return next((hole.last for hole in self.holes() if hole.first == 1), 0)

    def spans(self) -> list[Span]:
        rows = self._rows("listening", "SELECT start, stop FROM listening ORDER BY start")
        return [Span(*row) for row in rows]

    def refused(self) -> list[Refusals]:
        query = "SELECT reason, number, last, example FROM refused"
        return [Refusals(*row) for row in self._rows("refused", query)]

    def known_since(self) -> float | None:
        """Since when ids are known (epoch seconds); None where that cannot be read."""
        rows = self._rows("forgotten", "SELECT before FROM forgotten")
        return next((row[0] for row in rows if isinstance(row[0], float)), None)

    # -- inside ----------------------------------------------------------------------------

    def _rows(self, table: str, query: str) -> Iterator[Any]:
        """The rows up to where they cannot be read; `table` is then one of the unreadable."""
        try:
            yield from self._connection.execute(query)
        except FAILURES:
            self.unreadable.add(table)

    def _holds_anything(self) -> bool:
        return any(self._rows("entry", "SELECT 1 FROM entry LIMIT 1"))

    def _open(self, path: Path) -> sqlite3.Connection:
        make_private(self._copy)
        first_page, layout = _new_journal(self._copy)
        # SQLite throws the write-ahead log of an empty file away.
        if path.stat().st_size:
            connection = _lenient(path)
            with suppress(*FAILURES):
                if connection.execute(LAYOUT).fetchall() == layout:
                    return connection
            connection.close()
        _copy_with(first_page, path, self._copy)
        return _lenient(self._copy)


def _lenient(path: Path) -> sqlite3.Connection:
    connection = read_only(path)
    # Without it SQLite reads nothing of a file that is shorter than its header says.
    connection.execute("PRAGMA writable_schema = ON")
    return connection


def _new_journal(path: Path) -> tuple[bytearray, list[Any]]:
    """The first page of every journal, and where its tables are: always at the same places."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("BEGIN")
        tables.create(connection, "")
        connection.execute("COMMIT")
        layout = connection.execute(LAYOUT).fetchall()
    return bytearray(path.read_bytes()[:PAGE]), layout


def _copy_with(first_page: bytearray, path: Path, copy: Path) -> None:
    """Copy the journal, with another first page: without that nothing could be read.

    See "The Database Header" in SQLite's file format for the numbers.
    """
    shutil.copyfile(path, copy)
    if beside(path, "-wal").exists():
        shutil.copyfile(beside(path, "-wal"), beside(copy, "-wal"))
    first_page[18:20] = b"\2\2"  # there may be a write-ahead log
    first_page[28:32] = max(1, path.stat().st_size // PAGE).to_bytes(4, "big")
    first_page[32:40] = bytes(8)  # no page is free
    with copy.open("r+b") as file:
        file.write(first_page)
