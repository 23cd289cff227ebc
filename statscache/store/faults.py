"""Outage or poison? Whether an error of the database means to wait, or is the plugin's own."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

OUTAGE_CLASSES = ("08", "40", "53", "57", "58")
"""SQLSTATE: connection, transaction rollback, resources, operator intervention, disk."""

LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
UNDEFINED = ("42P01", "42703")
"""Table, column."""

READ_ONLY = "25006"
"""A server that is a standby, before or after its time as the primary."""

SQLITE_OUTAGES = frozenset({5, 6, 8, 10, 11, 13, 14, 15, 26})
"""BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB."""

SQLITE_INTERRUPT = 9

SQLITE_STUCK = SQLITE_OUTAGES - {5, 6, 13}
"""Without BUSY, LOCKED and FULL, which pass by themselves."""


def is_outage(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is away, locked, full or restarting.

    Judged by SQLSTATE and `sqlite_errorcode`, because the classes of exceptions differ between
    drivers: a missing table is an `OperationalError` on SQLite.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeoutError)
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in SQLITE_OUTAGES
    state = sqlstate(error)
    if state is None:
        return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    return state.startswith(OUTAGE_CLASSES) or state in (LOCK_NOT_AVAILABLE, READ_ONLY)


def is_stuck(error: BaseException) -> bool:
    """Whether SQLite has to open the file again: a connection that could only read stays so."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in SQLITE_STUCK


def is_missing_table(error: BaseException) -> bool:
    """Whether the database lacks a table that was asked for, or a column of it."""
    if not isinstance(error, DBAPIError):
        return False
    return sqlstate(error) in UNDEFINED or str(error.orig).startswith("no such ")


def is_canceled(error: BaseException) -> bool:
    """Whether the statement was cut off for taking too long."""
    if not isinstance(error, DBAPIError):
        return False
    interrupted = getattr(error.orig, "sqlite_errorcode", None) == SQLITE_INTERRUPT
    return interrupted or sqlstate(error) == QUERY_CANCELED


def sqlstate(error: DBAPIError) -> str | None:
    """The five characters that PostgreSQL gives, or None where the connection itself failed."""
    state: str | None = getattr(error.orig, "pgcode", None)
    return state
