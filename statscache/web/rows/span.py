"""From when to when rows are summed, in whole epoch seconds."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...models import CountModel
from ...times import epoch, moment
from ..query import filters
from ..query.every import Every
from ..query.query import Query

Model = type[CountModel]
"""Or an alias of one."""

FIRST, LAST = int(epoch(datetime(200, 1, 1))), int(epoch(datetime(9800, 1, 1)))
"""Beyond these no calendar is asked."""


class Span(NamedTuple):
    """Epoch seconds, `stop` excluded."""

    start: int
    stop: int

    @property
    def is_empty(self) -> bool:
        return self.start >= self.stop


def asked(query: Query) -> Span:
    """The seconds that `query` asks for."""
    start = FIRST if query.start is None else math.ceil(epoch(query.start))
    stop = math.floor(epoch(query.stop)) + 1
    if query.before is not None:
        stop = min(stop, math.ceil(epoch(query.before)))
    return Span(max(start, FIRST), min(stop, LAST))


def whole(query: Query, windows: Every) -> Query:
    """`query` with all of the window that holds its start, as charts have it."""
    start = asked(query).start
    if query.start is None or start >= LAST:
        return query
    return query._replace(start=moment(windows.start(start)))


def filled(query: Query) -> Span:
    """The seconds whose windows `fill` gives rows to.

    A row of a window that began before `start` is not asked for, and not to be taken for none.
    """
    span, own = asked(query), query.shape.interval or 1
    return Span(-(-span.start // own) * own, span.stop) if query.start else span


def held(connection: Connection, model: Model, query: Query, span: Span) -> Span:
    """`span` without what lies before the first row and behind the last one."""
    first, last = (
        connection.scalar(sa.select(end(model.timestamp)).where(*conditions(model, query, span)))
        for end in (sa.func.min, sa.func.max)
    )
    if first is None or last is None:
        return Span(span.start, span.start)
    return Span(int(epoch(first)), int(epoch(last)) + 1)


def conditions(model: Model, query: Query, span: Span) -> list[sa.ColumnElement[bool]]:
    """The rows of `query` within `span`, for a WHERE clause."""
    return [
        model.timestamp >= moment(span.start),
        model.timestamp < moment(span.stop),
        *filters.conditions(model, query.filters),
    ]


def seconds(connection: Connection, model: Model) -> sa.ColumnElement[int]:
    """The timestamp of a row as a whole number."""
    time: Any = model.timestamp
    if connection.dialect.name == "sqlite":
        time = sa.type_coerce(time, sa.Float)
    else:
        time = sa.func.date_part("epoch", time)
    return sa.cast(time, sa.BigInteger)
