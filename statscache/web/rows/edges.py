"""The edges of a range: while they stay, bounds that move make no other rows of it."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..query.query import Query
from . import span
from .rows import Model

Edges = tuple[datetime, datetime] | None
"""The first and the last moment with rows, naive, in UTC; None: there are no rows."""


def read(connection: Connection, model: Model, query: Query) -> Edges:
    """The edges of the range of `query`, whatever it filters; seen in an index."""
    excluded = query.before is not None and query.before <= query.stop
    bounds = {"start": query.start, "stop": query.before if excluded else query.stop}
    statement = _statement(model, query.start is not None, excluded)
    first, last = connection.execute(statement, bounds).one()
    return None if first is None or last is None or last < first else (first, last)


def windows(query: Query) -> tuple[int, int] | None:
    """The starts of the first and the last window that `query` fills, if it fills any."""
    filled, shape = span.filled(query), query.shape
    if shape.fill is None or filled.is_empty:
        return None
    return shape.windows.start(filled.start), shape.windows.start(filled.stop - 1)


# Aliases come and go with requests, models are few.
@lru_cache(maxsize=256)
def _statement(model: Model, begins: bool, excluded: bool) -> sa.Select[datetime, datetime]:
    time = model.timestamp
    start, stop = sa.bindparam("start", type_=time.type), sa.bindparam("stop", type_=time.type)
    first = sa.select(sa.func.min(time)).where(time >= start if begins else sa.true())
    last = sa.select(sa.func.max(time)).where(time < stop if excluded else time <= stop)
    return sa.select(first.scalar_subquery(), last.scalar_subquery())
