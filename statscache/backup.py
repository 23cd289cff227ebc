"""A backup: database and journal, copied as they were when they fitted together.

The daemon may run meanwhile. The database is pinned first, by a transaction that only reads, and
then the journal, which so reaches at least as far as every bookmark. If what a bookmark had still
to count was trimmed in between, both are pinned again. What is pinned is then copied at leisure.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time as clock
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .errors import BackupError
from .files import PRIVATE_DIRECTORY, make_private
from .journal import Reader, damage
from .journal.reader import read_only
from .store import Store, dump, schema
from .store.tables import checkpoint, owner
from .text import one_line

JOURNAL = "journal.sqlite"
SQLITE = "statscache.sqlite"
POSTGRESQL = "statscache.dump"
MANIFEST = "manifest.json"
UNFINISHED = ".partial"

ATTEMPTS = 100
PAUSE = 0.1
"""Seconds between two attempts to pin a pair."""

Progress = Callable[[str, int, int], None]
"""Is told which file is being written, and how many pages of how many; 0 of 0: nobody knows."""


class Pair(NamedTuple):
    """Database and journal, each as one open transaction sees it.

    `positions` are the bookmarks in the database by ident, `revision` is that of its tables. The
    entries of the journal stand behind the position `begin`, up to `end`.
    """

    database: Connection
    revision: str
    positions: Mapping[str, int]
    journal: sqlite3.Connection
    uuid: str
    begin: int
    end: int


def take(
    store: Store,
    journal: Path,
    directory: Path,
    now: float,
    pg_dump: str = "pg_dump",
    progress: Progress = lambda *_: None,
) -> Path:
    """Copy `store` and the file `journal` into a new folder in `directory`; that folder.

    It is named by the time `now` (epoch seconds), and appears there only when it is whole.

    Raises:
        BackupError: they cannot be read, do not fit together, or cannot be written.
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    taken = datetime.fromtimestamp(now, UTC)
    final = directory / f"{taken:%Y%m%dT%H%M%SZ}"
    with _appearing(final) as folder:
        with _pinned(store, journal) as pair:
            if not store.is_sqlite:
                dump.require_pg_dump(pair.database, pg_dump)
            dump.copy_sqlite(pair.journal, folder / JOURNAL, partial(progress, JOURNAL))
            # While it is pinned its write-ahead log only grows, and the database may take long.
            pair.journal.rollback()
            _copy_database(store, pair, folder, pg_dump, progress)
        _verify(pair, folder, store.is_sqlite)
        _describe(pair, store, folder / MANIFEST, taken)
    return final


# -- reading -----------------------------------------------------------------------------------


@contextmanager
def _pinned(store: Store, journal: Path) -> Iterator[Pair]:
    """A pair that fits together, for as long as the context lasts."""
    with closing(Reader(journal)) as entries:
        for _ in range(ATTEMPTS):
            before = entries.begin()
            with store.reading() as database:
                revision = _revision(database, store)
                positions = _positions(database)
                with entries.snapshot() as pinned:
                    _require_fitting(database, store, positions, entries)
                    begin = entries.begin()
                    # What had gone before does not count: a statistic that is off holds nothing.
                    if all(begin <= max(at, before) for at in positions.values()):
                        pair = database, revision, positions, pinned
                        yield Pair(*pair, entries.uuid, begin, entries.end())
                        return
            clock.sleep(PAUSE)
    raise BackupError(
        f"the journal {journal} was trimmed again and again while it was looked at; try it again"
    )


def _revision(database: Connection, store: Store) -> str:
    revision = schema.revision(database)
    if revision is None:
        raise BackupError(
            f"the database {store} has no tables of statscache: set statscache.sqlalchemy.uri as "
            "the daemon has it, or start the daemon once"
        )
    return revision


def _positions(database: Connection) -> dict[str, int]:
    rows = database.execute(sa.select(checkpoint.c.ident, checkpoint.c.position))
    return {row.ident: row.position for row in rows}


def _require_fitting(
    database: Connection, store: Store, positions: Mapping[str, int], journal: Reader
) -> None:
    """Together they would be refused: a backup of them would be worth nothing."""
    feeds = database.execute(sa.select(owner.c.journal)).scalar()
    if feeds not in (None, journal.uuid):
        raise BackupError(
            f"the database {store} is fed from another journal ({feeds}) than {journal.path} "
            f"({journal.uuid}): set statscache.journal.path as the daemon has it"
        )
    end, counted = journal.end(), max(positions.values(), default=0)
    if counted > end:
        raise BackupError(
            f"the journal {journal.path} ends at {end}, but the database {store} has counted up to "
            f"{counted}: it is an older copy; run `statscache journal adopt`, then this again"
        )


# -- writing -----------------------------------------------------------------------------------


@contextmanager
def _appearing(final: Path) -> Iterator[Path]:
    """A new folder beside `final`, which takes that name at the end, or is gone again."""
    folder = final.with_name(final.name + UNFINISHED)
    try:
        folder.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if final.exists():
            raise FileExistsError(0, "there is a backup of this second already", str(final))
        folder.mkdir(mode=PRIVATE_DIRECTORY)
        try:
            yield folder
            _sync(folder)
            folder.rename(final)
            _sync(final.parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise BackupError(
            f"the backup {final} cannot be written: {error.strerror}; name a directory that this "
            "user may write, on a disk with room"
        ) from error


def _copy_database(
    store: Store, pair: Pair, folder: Path, pg_dump: str, progress: Progress
) -> None:
    if store.is_sqlite:
        driver: Any = pair.database.connection.driver_connection
        dump.copy_sqlite(driver, folder / SQLITE, partial(progress, SQLITE))
    else:
        progress(POSTGRESQL, 0, 0)
        dump.copy_postgresql(store, pair.database, folder / POSTGRESQL, pg_dump)


def _verify(pair: Pair, folder: Path, is_sqlite: bool) -> None:
    """Read the copies: sound, and with what was pinned in them.

    pg_dump has said by its exit code that all is well.
    """
    found = damage.find_anywhere(folder / JOURNAL)
    _require_whole(found, "the journal", "run `statscache journal repair`")
    with closing(Reader(folder / JOURNAL)) as copy:
        _require_same((copy.uuid, copy.begin(), copy.end()), (pair.uuid, pair.begin, pair.end))
    if is_sqlite:
        with closing(read_only(folder / SQLITE)) as database:
            _require_whole(_damage(database), "the database", "put the last good one back")
            rows = database.execute("SELECT ident, position FROM statscache_checkpoint")
            _require_same(dict(rows.fetchall()), pair.positions)


def _damage(copy: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong with it."""
    try:
        (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else found


def _require_whole(found: str | None, what: str, cure: str) -> None:
    if found:
        raise BackupError(
            f"the copy of {what} is damaged ({one_line(found)}): the disk of the backup is bad, or "
            f"{what} is damaged itself; then {cure}"
        )


def _require_same(found: object, pinned: object) -> None:
    if found != pinned:
        raise BackupError(f"the copy holds {found} instead of {pinned}: report this as a bug")


def _describe(pair: Pair, store: Store, path: Path, taken: datetime) -> None:
    """Write down what the backup is of, for people."""
    url = store.url.set(password=None).difference_update_query(["password"])
    make_private(path)
    told = {
        "taken": taken.isoformat(),
        "statscache": version("statscache"),
        "journal": {"uuid": pair.uuid, "begin": pair.begin, "end": pair.end},
        "positions": dict(pair.positions),
        "revision": pair.revision,
        "uri": url.render_as_string(),
    }
    path.write_text(json.dumps(told, indent=2) + "\n")
    _sync(path)


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
