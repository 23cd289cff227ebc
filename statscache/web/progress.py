"""How far a statistic is counted, and until when its rows are complete."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ..message import EVERYBODY
from ..store.faults import sqlstate
from ..store.tables import BEFORE_THE_PLUGIN, checkpoint, dead_letter, owed

UNDEFINED = ("42P01", "42703")
"""SQLSTATE: table, column."""


class Progress(NamedTuple):
    """What the daemon noted about one statistic.

    Rows are complete for messages until `complete_until`, in epoch seconds: the earliest of the
    arrivals that were counted, the start of the first gap, and the first dead letter.
    """

    ident: str
    complete_until: float
    counted: int
    expired: int
    suspended: str | None


def read(connection: Connection, ident: str) -> Progress | None:
    """The progress of the statistic `ident`; None: it was never counted."""
    row = connection.execute(_ONE, {"wanted": ident}).first()
    return _progress(*row) if row else None


def read_all(connection: Connection) -> dict[str, Progress]:
    """The progress of every statistic that was ever counted, by ident."""
    return {row.ident: _progress(*row) for row in connection.execute(_ALL)}


def is_missing_table(error: BaseException) -> bool:
    """Whether the database lacks a table that was asked for, or a column of it."""
    if not isinstance(error, DBAPIError):
        return False
    return sqlstate(error) in UNDEFINED or str(error.orig).startswith("no such ")


def _progress(
    ident: str,
    counted_until: float,
    counted: int,
    expired: int,
    suspended: str | None,
    *limits: float | None,
) -> Progress:
    complete_until = min([counted_until, *(limit for limit in limits if limit is not None)])
    return Progress(ident, complete_until, counted, expired, suspended)


_FIRST_GAP = (
    sa.select(sa.func.min(owed.c.start))
    .where(
        owed.c.healed.is_(None),
        owed.c.addressee.in_([EVERYBODY, checkpoint.c.ident]),
        owed.c.reason != BEFORE_THE_PLUGIN,
    )
    .scalar_subquery()
)
_FIRST_DEAD_LETTER = (
    sa.select(sa.func.min(dead_letter.c.time))
    .where(dead_letter.c.ident == checkpoint.c.ident)
    .scalar_subquery()
)
_ALL = sa.select(
    checkpoint.c.ident,
    checkpoint.c.complete_until,
    checkpoint.c.counted,
    checkpoint.c.expired,
    checkpoint.c.suspended,
    _FIRST_GAP,
    _FIRST_DEAD_LETTER,
)
_ONE = _ALL.where(checkpoint.c.ident == sa.bindparam("wanted"))
