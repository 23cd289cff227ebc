"""The change table: which rows changed, for readers in other processes. Bounded."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .models.base import Touched
from .tables import change

MOST_AT_ONCE = 1_000
"""A change of more rows than this is noted as one: read the statistic again."""


def note(
    connection: Connection, ident: str, revision: int, touched: Iterable[Touched], at: float
) -> None:
    """Note in the running transaction that the rows `touched` of `ident` changed.

    None given means that it cannot be told which: the statistic is to be read again.
    """
    rows = sorted(touched, key=lambda row: (row[0], repr(row[1])))
    if not 0 < len(rows) <= MOST_AT_ONCE:
        rows = []
    values = [
        {"timestamp": timestamp, "key": orjson.dumps(dict(key), default=str).decode()}
        for timestamp, key in rows
    ] or [{"timestamp": None, "key": None}]
    common = {"ident": ident, "revision": revision, "at": at}
    connection.execute(sa.insert(change), [{**common, **value} for value in values])


def prune(connection: Connection, keep: int) -> None:
    """Drop all but the newest `keep` notes."""
    newest = sa.select(sa.func.max(change.c.id)).scalar_subquery()
    connection.execute(sa.delete(change).where(change.c.id <= newest - keep))
