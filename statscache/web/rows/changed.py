"""The rows that were touched, as they are now, and which of them are there no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...models import CountModel
from ...models.columns import python_type
from ...models.latest import Newest
from ...store.changes import Row
from ...times import moment
from ..query import filters
from ..query.query import Query
from . import folding, rows
from .rows import Model

TIMESTAMP = "timestamp"
CATEGORIES = ("category", "category_constraint")

Place = tuple[Any, ...]
"""The values of the columns in `identity`."""


class Changed(NamedTuple):
    """`rows` with the values of `columns`, and the places at which no row stands (any more)."""

    columns: list[str]
    rows: list[Sequence[Any]]
    gone: list[Place]


def identity(model: Model) -> tuple[str, ...]:
    """The columns by which a row takes the place of an older one.

    Of most models these are the timestamp and the keys; of those that keep nothing but the newest
    row of each key it is the key alone. Rows of a log can share a place.
    """
    if issubclass(model, Newest):
        return model.unique
    if issubclass(model, CountModel):
        return (TIMESTAMP, *model.shown_by())
    categories = [name for name in CATEGORIES if name in model.columns()]
    return (TIMESTAMP, *dict.fromkeys((*model.by, *categories)))


def read(
    connection: Connection, model: Model, query: Query, touched: Iterable[Row]
) -> Changed | None:
    """What `query` shows of the rows that were `touched`, in the order of their time.

    Of `query` only start, filters and fields matter. None: nobody can tell where they stand.
    """
    names = identity(model)
    places = {_place(model, names, row) for row in touched}
    columns = list(query.shape.fields or rows.names(model))
    if None in places:
        return None
    mine = [one for one in places if one and _is_asked_for(query, names, one)]
    order, statement = _statement(model, query, names, columns, mine)
    found = connection.execute(statement).all() if mine else []
    shown = [order.index(name) for name in columns]
    keys = [order.index(name) for name in names]
    there = {tuple(row[index] for index in keys) for row in found}
    gone = sorted((one for one in mine if one not in there), key=repr)
    return Changed(columns, [[row[index] for index in shown] for row in found], gone)


def _place(model: Model, names: Sequence[str], row: Row) -> Place | None:
    """Where a row stands, by what was noted of it; None where the note does not tell."""
    timestamp, key = row
    values = {**key, TIMESTAMP: moment(timestamp)}
    mapped = sa.inspect(model).columns
    for name in names:
        value = values.get(name)
        if name not in values or not _fits(mapped[name].type, value):
            return None
    return tuple(values[name] for name in names)


def _fits(kind: sa.types.TypeEngine[Any], value: Any) -> bool:
    """Whether a noted value is one of the column: moments and the like were noted as text."""
    if value is None:
        return True
    if isinstance(kind, sa.types.TypeDecorator):
        kind = kind.impl_instance
    wanted = python_type(kind)
    if isinstance(value, datetime):
        return issubclass(wanted, datetime)
    return wanted in (str, int) and type(value) is wanted


def _is_asked_for(query: Query, names: Sequence[str], place: Place) -> bool:
    """Whether a row at that place can be one of those that `query` shows."""
    values = dict(zip(names, place, strict=True))
    if query.start is not None and values.get(TIMESTAMP, query.start) < query.start:
        return False
    return all(values[name] in wanted for name, wanted in query.filters if name in values)


def _statement(
    model: Model, query: Query, names: Sequence[str], columns: Sequence[str], places: list[Place]
) -> tuple[list[str], sa.Select[Any]]:
    """The columns that are selected, in their order, and what selects the rows at `places`."""
    where = [
        _are_at(model, names, places),
        sa.true() if query.start is None else model.timestamp >= query.start,
        *filters.conditions(model, query.filters),
    ]
    if query.shape.folds:
        counts = cast(type[CountModel], model)
        group = [getattr(model, name) for name in names]
        figures = [name for name in columns if name in counts.figures]
        folded = folding.fold(counts, group, where, figures)
        ordered = folded.order_by(*[*folded.selected_columns][: len(names)])
        return [*names, *figures], ordered
    order = list(dict.fromkeys((*columns, *names)))
    selected = sa.select(*(getattr(model, name) for name in order)).where(*where)
    return order, selected.order_by(model.timestamp, model.id)


def _are_at(model: Model, names: Sequence[str], places: list[Place]) -> sa.ColumnElement[bool]:
    """Whether a row stands at one of `places`; within bounds, by which an index finds them."""
    columns = [getattr(model, name) for name in names]
    odd = [place for place in places if None in place]
    plain = [place for place in places if None not in place]
    conditions = [
        sa.and_(
            *(
                column.is_not_distinct_from(value)
                for column, value in zip(columns, place, strict=True)
            )
        )
        for place in odd
    ]
    if plain and len(columns) == 1:
        conditions.append(columns[0].in_([value for (value,) in plain]))
    elif plain:
        conditions.append(sa.tuple_(*columns).in_(plain))
    if TIMESTAMP not in names or not places:
        return sa.or_(sa.false(), *conditions)
    times = [place[names.index(TIMESTAMP)] for place in places]
    bounds = model.timestamp >= min(times), model.timestamp <= max(times)
    return sa.and_(*bounds, sa.or_(sa.false(), *conditions))
