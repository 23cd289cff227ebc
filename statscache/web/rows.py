"""The SQL: a page of rows, and how many rows there are.

Rows are ordered by (timestamp, id), which no two rows share. A page that follows another begins
where that one ended ("keyset pagination"), so that one far down costs what the first one costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ..models import BaseModel
from . import filters
from .cursors import Cursor, Place
from .query import DESCENDING, Query

Model = type[BaseModel]
"""Or an alias of one."""

Condition = sa.ColumnElement[bool]


class Page(NamedTuple):
    """Rows in the order asked for, each with the model's columns and, last, its id.

    `more`: others follow them.
    """

    rows: Sequence[Sequence[Any]]
    more: bool

    def place(self, index: int) -> Place:
        """Where the row of that index stands."""
        return Place(self.rows[index][0], self.rows[index][-1])


def read(connection: Connection, model: Model, query: Query, cursor: Cursor | None) -> Page:
    """The page that `cursor` points to, else the one of the query's number."""
    if cursor and cursor.backwards:
        return _before(connection, model, query, cursor)
    statement = _ordered(model, query, query.order == DESCENDING, cursor.place if cursor else None)
    if cursor is None:
        statement = statement.offset(query.skipped)
    found = connection.execute(statement.limit(query.size + 1)).all()
    return Page(found[: query.size], len(found) > query.size and not query.reaches_limit)


def count(connection: Connection, model: Model, query: Query) -> int:
    """How many rows the query has, on all its pages."""
    matching = sa.select(sa.literal(1)).select_from(model).where(*_conditions(model, query))
    rows = matching.limit(query.limit).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()


def instances(connection: Connection, model: Model, page: Page) -> list[BaseModel]:
    """The rows of `page` as instances of the model."""
    ids = [row[-1] for row in page.rows]
    with Session(connection) as session:
        found = {one.id: one for one in session.scalars(sa.select(model).where(model.id.in_(ids)))}
        session.expunge_all()
    return [found[one] for one in ids]


def names(model: Model) -> list[str]:
    """The names of what a row shows, in their order."""
    mapped: Model = sa.inspect(model).mapper.class_
    return mapped.columns()


def _before(connection: Connection, model: Model, query: Query, cursor: Cursor) -> Page:
    """The page read from its end, in the other direction."""
    statement = _ordered(model, query, query.order != DESCENDING, cursor.place)
    found = connection.execute(statement.limit(min(query.size, cursor.size))).all()
    return Page(found[::-1], cursor.place is not None)


def _ordered(model: Model, query: Query, descending: bool, place: Place | None) -> sa.Select[Any]:
    """The rows of `query` in that direction, only those behind `place` if there is one."""
    columns = [getattr(model, name) for name in names(model)]
    order = (model.timestamp, model.id)
    return (
        sa.select(*columns, model.id)
        .where(*_conditions(model, query, descending, place))
        .order_by(*(column.desc() if descending else column.asc() for column in order))
    )


def _conditions(
    model: Model, query: Query, descending: bool = True, place: Place | None = None
) -> list[Condition]:
    """At most one bound on each side: of two, SQLite's index may use the one that is no use."""
    near, far = (_highest, _lowest) if descending else (_lowest, _highest)
    nearest = _behind(model, place, descending) if place else near(model, query)
    return [nearest, far(model, query), *filters.conditions(model, query.filters)]


def _lowest(model: Model, query: Query) -> Condition:
    return sa.true() if query.start is None else model.timestamp >= query.start


def _highest(model: Model, query: Query) -> Condition:
    if query.before is not None and query.before <= query.stop:
        return model.timestamp < query.before
    return model.timestamp <= query.stop


def _behind(model: Model, place: Place, descending: bool) -> Condition:
    time, number = place
    if descending:
        earlier = sa.or_(model.timestamp < time, model.id < number)
        return sa.and_(model.timestamp <= time, earlier)
    later = sa.or_(model.timestamp > time, model.id > number)
    return sa.and_(model.timestamp >= time, later)
