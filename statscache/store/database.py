"""The database of the statistics: how it is opened, read, and written to."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url

from ..errors import ConfigError, PluginError, StoreError
from ..files import make_private
from ..journal.reader import read_only
from ..models.base import NOTED
from . import bounds
from .faults import is_stuck

BUSY_SECONDS = 5
CONNECT_SECONDS = 5
WRITING = "statscache_writing"
GUARD = "statscache_guard"

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP)\b", re.I)
_thread = threading.local()
"""`writes`: whether this thread is inside a writing transaction on SQLite."""


class Guard(Protocol):
    """Watches over one transaction; each method raises where what is about to happen is wrong."""

    def beginning(self, connection: Connection) -> None: ...
    def ending(self, connection: Connection) -> None: ...
    def executing(self, connection: Connection, statement: str, noted: bool) -> None: ...
    def failed(self, error: BaseException) -> None: ...


class Store:
    """An open database. Any thread may use it.

    Args:
        uri: an SQLAlchemy URL of SQLite or PostgreSQL.
        connections: how many at once, at the most.
        within: seconds that a statement may take, on connections that can only read: nothing is
            written, not even the file. None: they may write, and take their time.

    Raises:
        ConfigError: the driver for the database is not installed.
        StoreError: the folder of an SQLite file cannot be made.
    """

    def __init__(self, uri: str, connections: int = 5, within: float | None = None) -> None:
        self.url = make_url(uri)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.url.drivername == "postgresql":
            # What SQLAlchemy takes this to mean differs between its versions.
            self.url = self.url.set(drivername="postgresql+psycopg2")
        self._only_reads = within is not None
        if self.is_sqlite and not self._only_reads:
            _make_file(Path(self.url.database or ""))
        self.engine = _open(self.url, connections, self._only_reads)
        # SQLite has one writer; waiting for a lock is fair, its own busy handler is not.
        self._writer = threading.Lock() if self.is_sqlite else nullcontext()
        if within is not None:
            bounds.bind(self.engine, within)
        elif self.is_sqlite:
            event.listen(self.engine, "connect", _on_sqlite_connect)
        _listen(self.engine)

    @contextmanager
    def reading(self, within: float | None = None) -> Iterator[Connection]:
        """A connection that sees one state of the database.

        Where the store has a bound for what a statement may take, `within` (seconds) is another.
        """
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self.engine.connect() as connection:
            connection.execution_options(**options)
            if within is not None and self._only_reads:
                bounds.allow(connection, within)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction, committed at the end, rolled back by an exception."""
        with self.connection() as connection, connection.begin():
            yield connection

    @contextmanager
    def connection(self, guard: Guard | None = None) -> Iterator[Connection]:
        """A connection for one writing transaction, which `guard` watches over."""
        if self._only_reads:
            raise StoreError(f"the database {self} is opened to be read only: use another Store")
        with self._writer, self.engine.connect() as connection:
            _thread.writes = self.is_sqlite
            try:
                yield connection.execution_options(**{WRITING: True, GUARD: guard})
            finally:
                _thread.writes = False

    def has_table(self, name: str) -> bool:
        with self.reading() as connection:
            return sa.inspect(connection).has_table(name)

    def close(self) -> None:
        self.engine.dispose()

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def in_transaction(connection: Connection) -> bool:
    """Whether the driver's own connection is inside a transaction, whatever SQLAlchemy believes."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return bool(driver.in_transaction)
    return bool(driver.info.transaction_status != 0)


def _open(url: URL, connections: int, only_reads: bool) -> Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    arguments: dict[str, Any] = (
        {"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False}
        if is_sqlite
        else {"connect_timeout": CONNECT_SECONDS}
    )
    creator = {"creator": partial(_to_be_read, url)} if is_sqlite and only_reads else {}
    try:
        return sa.create_engine(
            url,
            **creator,
            connect_args=arguments,
            # Whatever the server's own default is: the lock on the checkpoint is what isolates.
            isolation_level=None if is_sqlite else "READ COMMITTED",
            pool_size=connections,
            max_overflow=connections,
            pool_pre_ping=not is_sqlite,
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"statscache.sqlalchemy.uri needs the module {error.name}, which is not installed; "
            "for PostgreSQL run `pip install 'statscache[postgresql]'`"
        ) from error


def _to_be_read(url: URL) -> sqlite3.Connection:
    path = Path(url.database or "")
    if not path.exists():
        raise sqlite3.OperationalError(f"no such file: {path}; the daemon makes it")
    return read_only(path)


def _make_file(path: Path) -> None:
    """An SQLite file that only its owner reads; one that may only be read will do."""
    try:
        make_private(path)
    except PermissionError:
        if os.access(path, os.R_OK):
            return
        raise StoreError(
            f"the database {path} cannot be read; set statscache.sqlalchemy.uri to a file that "
            "this user may use"
        ) from None
    except OSError as error:
        raise StoreError(
            f"the database {path} cannot be written: {error.strerror}; set "
            "statscache.sqlalchemy.uri to a file that this user may write"
        ) from error


def _listen(engine: Engine) -> None:
    event.listen(engine, "begin", _on_begin)
    event.listen(engine, "commit", _on_end)
    event.listen(engine, "rollback", _on_end)
    event.listen(engine, "before_cursor_execute", _on_execute)
    event.listen(engine, "handle_error", _on_error)


def _on_sqlite_connect(driver: Any, _record: Any) -> None:
    driver.execute("PRAGMA journal_mode = WAL")
    driver.execute("PRAGMA synchronous = FULL")
    driver.execute("PRAGMA foreign_keys = ON")


def _on_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(GUARD):
        options[GUARD].beginning(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITING) else "BEGIN")


def _on_end(connection: Connection) -> None:
    guard: Guard | None = connection.get_execution_options().get(GUARD)
    if guard:
        guard.ending(connection)


def _on_execute(
    connection: Connection, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool
) -> None:
    options = connection.get_execution_options()
    guard: Guard | None = options.get(GUARD)
    if guard:
        guard.executing(connection, statement, context.execution_options.get(NOTED, False))
    if getattr(_thread, "writes", False) and WRITING not in options and _WRITES.match(statement):
        raise PluginError(
            "a plugin may not write on a connection of its own while its transaction is open: "
            "SQLite has one writer, and it would wait for itself; use the session it is handed"
        )


def _on_error(context: ExceptionContext) -> None:
    if is_stuck(context.original_exception):
        _open_again(context)
    options = context.connection.get_execution_options() if context.connection else {}
    if options.get(GUARD) and context.sqlalchemy_exception:
        options[GUARD].failed(context.sqlalchemy_exception)


def _open_again(context: ExceptionContext) -> None:
    """Use none of the connections to an SQLite file again: they share what they hold of it."""
    context.is_disconnect = True
    if context.connection:
        driver: Any = context.connection.connection.driver_connection
        with suppress(sqlite3.Error):  # or it keeps its lock until nobody refers to its cursors
            driver.rollback()
    if context.execution_context:
        # Or SQLite keeps the connection, though it is closed, and with it what it holds.
        context.execution_context.cursor.close()
    if context.engine:
        context.engine.dispose()
