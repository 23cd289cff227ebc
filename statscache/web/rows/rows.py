"""A page of rows, all rows, and how many there are; and the SQL for such as are not summed.

These are ordered by (timestamp, id), which no two rows share. A page that follows another begins
where that one ended ("keyset pagination"), so that one far down costs what the first one costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ...models import BaseModel, CountModel
from ..query import filters
from ..query.cursors import Cursor, Place
from ..query.query import DESCENDING, Query
from . import sums
from .sums import Row

Model = type[BaseModel]
"""Or an alias of one."""

Condition = sa.ColumnElement[bool]
Walk = Callable[..., Iterator[Row]]

ROWS_AT_A_TIME = 5_000


class Page(NamedTuple):
    """Rows in the order asked for, each with the values of `columns`.

    `places`: where each of them stands. `more`: others follow them.
    """

    columns: list[str]
    rows: Sequence[Sequence[Any]]
    places: Sequence[Place]
    more: bool

    def place(self, index: int) -> Place:
        """Where the row of that index stands."""
        return self.places[index]


def columns(connection: Connection, model: Model, query: Query) -> list[str]:
    """The names of what each row shows, in their order."""
    return _source(connection, model, query)[0]


def read(connection: Connection, model: Model, query: Query, cursor: Cursor | None) -> Page:
    """The page that `cursor` points to, else the one of the query's number."""
    columns, walk = _source(connection, model, query)
    descending, place = query.order == DESCENDING, cursor.place if cursor else None
    if cursor and cursor.backwards:
        limit = min(query.size, cursor.size)
        back = walk(descending=not descending, place=place, limit=limit)
        return _page(columns, list(back)[::-1], place is not None)
    skip = 0 if cursor else query.skipped
    found = list(walk(descending=descending, place=place, skip=skip, limit=query.size + 1))
    more = len(found) > query.size and not query.reaches_limit
    return _page(columns, found[: query.size], more)


def stream(connection: Connection, model: Model, query: Query) -> Iterator[Sequence[Any]]:
    """All rows of the query on all its pages, in order, as few at a time as will do."""
    _, walk = _source(connection, model, query)
    return (values for _, values in walk(descending=query.order == DESCENDING, limit=query.limit))


def count(connection: Connection, model: Model, query: Query) -> int:
    """How many rows the query has, on all its pages."""
    if query.shape.is_summed:
        total = sums.count(connection, cast(type[CountModel], model), query)
        return total if query.limit is None else min(total, query.limit)
    matching = sa.select(sa.literal(1)).select_from(model)
    if query.start is None and not query.filters and query.limit is None:
        # SQLite counts a whole table much faster than a part, and here the rest has few rows.
        beyond = matching.where(sa.not_(_highest(model, query)))
        return _count(connection, matching) - _count(connection, beyond)
    return _count(connection, matching.where(*conditions(model, query)).limit(query.limit))


def _count(connection: Connection, matching: sa.Select[Any]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(matching.subquery())) or 0


def instances(connection: Connection, model: Model, page: Page) -> list[BaseModel]:
    """The rows of `page` as instances of the model."""
    ids = [int(place.key[0]) for place in page.places]
    with Session(connection) as session:
        found = {one.id: one for one in session.scalars(sa.select(model).where(model.id.in_(ids)))}
        session.expunge_all()
    return [found[one] for one in ids]


def names(model: Model) -> list[str]:
    """The names of what a row shows, in their order."""
    mapped: Model = sa.inspect(model).mapper.class_
    return mapped.columns()


def page(names: list[str], found: Iterable[Sequence[Any]], more: bool) -> Page:
    """Of rows with the columns that are `selected`."""
    return _page(names, list(map(_placing(names), found)), more)


def selected(model: Model, names: Sequence[str]) -> list[Any]:
    """The columns of those names, and what tells the place of a row, each of them once."""
    return [getattr(model, name) for name in dict.fromkeys((*names, "timestamp", "id"))]


def _page(names: list[str], found: Sequence[Row], more: bool) -> Page:
    return Page(names, [values for _, values in found], [place for place, _ in found], more)


def _placing(names: list[str]) -> Callable[[Sequence[Any]], Row]:
    """What makes a row of columns that were `selected`."""
    end = len(names)
    time = names.index("timestamp") if "timestamp" in names else end

    def row(found: Sequence[Any]) -> Row:
        return Place(found[time], (found[-1],)), found[:end]

    return row


def _source(connection: Connection, model: Model, query: Query) -> tuple[list[str], Walk]:
    """The columns of a row, and what walks through the rows."""
    if query.shape.is_summed:
        plan = sums.plan(connection, cast(type[CountModel], model), query)
        return plan.columns, partial(sums.walk, connection, plan)
    return _shown(model, query), partial(_walk, connection, model, query)


def _shown(model: Model, query: Query) -> list[str]:
    return list(query.shape.fields or names(model))


def _walk(
    connection: Connection,
    model: Model,
    query: Query,
    *,
    descending: bool,
    place: Place | None = None,
    skip: int = 0,
    limit: int | None = None,
) -> Iterator[Row]:
    """The rows as they are stored, in that direction, only those behind `place` if there is one."""
    if skip and limit:
        begun = _begun(connection, model, query, descending, skip, limit)
        if begun is None:
            return iter(())
        query, skip = begun
    statement = _ordered(model, query, descending, place).offset(skip or None).limit(limit)
    row = _placing(_shown(model, query))
    if limit and limit <= ROWS_AT_A_TIME:
        return map(row, connection.execute(statement).all())
    options = {"yield_per": ROWS_AT_A_TIME}
    return map(row, connection.execute(statement, execution_options=options))


def _begun(
    connection: Connection, model: Model, query: Query, descending: bool, skip: int, limit: int
) -> tuple[Query, int] | None:
    """`query` from the moment on at which so many rows are skipped, and how many are still to be.

    None: there are not so many. Moments are found in an index alone, and are not sorted, as rows
    of one moment are.
    """
    matching = conditions(model, query, descending)
    order = model.timestamp.desc() if descending else model.timestamp.asc()
    moments = sa.select(model.timestamp).where(*matching).order_by(order).offset(skip).limit(limit)
    found = connection.scalars(moments).all()
    if not found:
        return None
    if found.count(found[0]) == limit:
        # Its rows fill the page: nobody knows how many of them stand before it.
        return query, skip
    first = found[0]
    of_it = sa.select(sa.literal(1)).where(model.timestamp == first, *matching)
    begun = {"stop": first, "before": None} if descending else {"start": first}
    return query._replace(**begun), _count(connection, of_it) - found.count(first)


def _ordered(model: Model, query: Query, descending: bool, place: Place | None) -> sa.Select[Any]:
    """The rows of `query` in that direction, only those behind `place` if there is one."""
    order = (model.timestamp, model.id)
    return (
        sa.select(*selected(model, _shown(model, query)))
        .where(*conditions(model, query, descending, place))
        .order_by(*(column.desc() if descending else column.asc() for column in order))
    )


def conditions(
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
    time, (number,) = place
    if descending:
        earlier = sa.or_(model.timestamp < time, model.id < number)
        return sa.and_(model.timestamp <= time, earlier)
    later = sa.or_(model.timestamp > time, model.id > number)
    return sa.and_(model.timestamp >= time, later)
