"""The reading half of a journal."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import JournalDamagedError, JournalError
from . import tables
from .rows import ENTRY, SEEN, Kept, Refusals, Seen, Span, whole_entry
from .tables import FAILURES

BUSY_SECONDS = 10

ROOM = "make room or mend its disk, then it goes on by itself"
REPAIR = "stop the daemon and run `statscache journal repair`"

ELSEWHERE = frozenset({3, 5, 6, 7, 8, 10, 13, 14, 15})
"""SQLite's codes where the file is not to blame: PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL,
CANTOPEN, PROTOCOL."""


class Reader:
    """A journal that is only read, also while a daemon writes it. Any thread may use it.

    Whatever is read may raise JournalError: the file is damaged, or closed.

    Raises:
        JournalError: there is none, or it is no journal of this version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False
        require(path)
        try:
            self.uuid = self._identity()
        except BaseException:
            self.close()
            raise

    def slice(
        self, after: int, until: int, limit: int, maximum_bytes: float = math.inf
    ) -> list[Kept]:
        """The first entries with `after` < position <= `until`, in order.

        At most `limit`, and no more after their bodies have come to `maximum_bytes`. It ends
        before what is damaged.

        Raises:
            JournalDamagedError: the first of them is not what was written, or is missing.
        """
        until = min(until, self.end())
        kept: list[Kept] = []
        try:
            size, following = 0, after + 1
            for row in self._rows(
                f"SELECT {ENTRY} FROM entry "
                "WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
                after,
                until,
                limit,
            ):
                kept.append(self._whole(row, following))
                following = kept[-1].position + 1
                size += len(kept[-1].entry.body)
                if size >= maximum_bytes:
                    return kept
            if len(kept) < limit:
                self._require_holes(following, until)
        except JournalDamagedError:
            if not kept:
                raise
        return kept

    def end(self) -> int:
        """The highest position ever used; 0 before the first."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'entry'"
        return int(self._value(query) or 0)

    def begin(self) -> int:
        """The position below the oldest entry that should be here; the end, if there is none."""
        position = 0
        for first, last in self._rows("SELECT first, last FROM hole ORDER BY first"):
            if first > position + 1:
                break
            position = max(position, last)
        return position

    def seen(self, name: str, addressee: str) -> Seen | None:
        """Where and when the id `name` came in for `addressee`; None if it is not known."""
        query = f"SELECT {SEEN} FROM seen WHERE id = ? AND addressee = ?"
        row = next(self._rows(query, name, addressee), None)
        return Seen(*row[:-1]) if row else None

    def all_seen(self, names: Sequence[str]) -> list[Seen]:
        """Where and when each of some hundred ids came in, for whomever."""
        marks = ", ".join("?" * len(names))
        rows = self._rows(f"SELECT {SEEN} FROM seen WHERE id IN ({marks})", *names)
        return [Seen(*row[:-1]) for row in rows]

    def timeless(self) -> list[float]:
        """When messages arrived that had neither an id nor a usable time, epoch seconds."""
        query = "SELECT arrived FROM seen WHERE id BETWEEN 'arrival-' AND 'arrival-~'"
        return [arrived for (arrived,) in self._rows(query)]

    def knows(self, name: str) -> bool:
        """Whether the id `name` is known, for whomever it came in."""
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM seen WHERE id = ?)", name))

    def has_derived(self) -> bool:
        """Whether any id is known that was derived, because its message came without one."""
        query = "SELECT EXISTS (SELECT 1 FROM seen WHERE id BETWEEN 'derived-' AND 'derived-~')"
        return bool(self._value(query))

    def addressed(self) -> bool:
        """Whether any id is known that was addressed to one plugin only."""
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM seen WHERE addressee != '')"))

    def newest(self) -> float | None:
        """When the newest known id arrived (epoch seconds)."""
        newest: float | None = self._value("SELECT max(arrived) FROM seen")
        return newest

    def known_since(self) -> float:
        """The ids of all that arrived since then (epoch seconds) are known; 0: of all, ever."""
        return float(self._value("SELECT before FROM forgotten"))

    def spans(self) -> list[Span]:
        """When the daemon has listened, oldest first."""
        rows = self._rows("SELECT start, stop FROM listening ORDER BY start")
        return [Span(*row) for row in rows]

    def refused(self) -> list[Refusals]:
        """What was refused, by reason."""
        rows = self._rows("SELECT reason, number, last, example FROM refused")
        return [Refusals(*row) for row in rows]

    def entries(self) -> int:
        """How many entries stand in it."""
        return int(self._value("SELECT count(*) FROM entry"))

    def ids(self) -> int:
        """How many ids are known."""
        return int(self._value("SELECT count(*) FROM seen"))

    def size(self) -> int:
        """Bytes in use on disk, free pages left out."""
        pages, free, page = (
            int(self._value(f"PRAGMA {name}"))
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * page

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """All that this thread reads meanwhile is of one moment; the connection, to be copied."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            self.end()  # it is the first read that pins the moment
            yield connection
        finally:
            connection.rollback()

    def close(self) -> None:
        """Close the files; any further use is a JournalError."""
        self._closed = True
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()

    # -- inside ----------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        return read_only(self.path)

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if self._closed:
            raise self._is_closed()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _identity(self) -> str:
        try:
            return tables.identity(self._connection(), self.path)
        except FAILURES as error:
            raise trouble(self.path, error) from error

    def _rows(self, query: str, *values: Any) -> Iterator[Any]:
        try:
            yield from self._connection().execute(query, values)
        except FAILURES as error:
            raise self._trouble(error) from error

    def _value(self, query: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        return next(self._rows(query, *values), (None,))[0]

    def _whole(self, row: Any, following: int) -> Kept:
        """The entry in `row`, of which `following` is the first position that it can have."""
        kept = whole_entry(row)
        if kept is None or kept.position < following:
            raise JournalDamagedError(self.path, f"position {row[0]} is not what was written")
        self._require_holes(following, kept.position - 1)
        return kept

    def _require_holes(self, first: int, last: int) -> None:
        if first > last:
            return
        try:
            missing = next(tables.outside_holes(self._connection(), first, last), None)
        except FAILURES as error:
            raise self._trouble(error) from error
        if missing:
            raise JournalDamagedError(self.path, f"{missing} should be there, but is not")

    def _trouble(self, error: Exception) -> JournalError:
        return self._is_closed() if self._closed else trouble(self.path, error)

    def _is_closed(self) -> JournalError:
        return JournalError(f"the journal {self.path} is closed")


def require(path: Path) -> None:
    """Make sure that there is a journal.

    Raises:
        JournalError: there is none.
    """
    if not path.exists():
        raise JournalError(
            f"there is no journal {path}: the daemon makes it when it first starts; or set "
            "statscache.journal.path to where it is"
        )


def read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def trouble(path: Path, error: Exception) -> JournalError:
    """What to raise where the journal `path` cannot be opened or read."""
    if is_damage(error):
        return JournalDamagedError(path, str(error))
    return JournalError(f"the journal {path} cannot be used: {error}; {ROOM}")


def is_damage(error: Exception) -> bool:
    """Whether the file is to blame, and not the disk, or somebody who has it locked."""
    code = tables.code(error)
    return code is None or code & 0xFF not in ELSEWHERE
