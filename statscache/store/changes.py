"""The change table: which rows changed, for readers in other processes. Bounded."""

from __future__ import annotations

from collections.abc import Collection

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..models.base import MOST_TOUCHED, Touched
from .tables import change


def note(
    connection: Connection, ident: str, revision: int, touched: Collection[Touched], at: float
) -> None:
    """Note in the running transaction that the rows `touched` of `ident` changed.

    Where none are given it cannot be told which, and where there are very many it is not worth
    telling: the statistic is to be read again.
    """
    few = touched if len(touched) <= MOST_TOUCHED else ()
    rows = sorted(few, key=lambda row: (row[0], repr(row[1])))
    values = [
        {"timestamp": timestamp, "key": orjson.dumps(dict(key), default=str).decode()}
        for timestamp, key in rows
    ] or [{"timestamp": None, "key": None}]
    common = {"ident": ident, "revision": revision, "at": at}
    connection.execute(sa.insert(change), [{**common, **value} for value in values])


def forget(connection: Connection, ident: str) -> None:
    """Drop all notes about `ident`."""
    connection.execute(sa.delete(change).where(change.c.ident == ident))


def prune(connection: Connection, keep: int) -> None:
    """Drop all but the newest `keep` notes."""
    newest = sa.select(sa.func.max(change.c.id)).scalar_subquery()
    connection.execute(sa.delete(change).where(change.c.id <= newest - keep))
