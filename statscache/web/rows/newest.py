"""The SQL: the newest row of each key.

Where an index begins with the key columns, it is walked from key to key, and within each from its
end (a "loose index scan", as in the PostgreSQL wiki, for any number of columns): the cost grows
with the number of keys, not with that of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from ...models import CountModel
from ..query import filters
from ..query.query import Query
from . import rows
from .rows import Model, Page

Keys = Sequence[str]
Id = sa.ScalarSelect[int]


def read(connection: Connection, model: Model, query: Query) -> Page:
    """Of the rows of `query` the newest of each key, the newest first, then by key.

    Of rows of the same moment it is the one with the greatest id. Without key columns it is one
    row. Only range, filters, fields and limit of `query` matter.
    """
    keys, names = _keys(model), rows.columns(connection, model, query)
    if not keys:
        ids: Any = sa.select(_newest(aliased(model), query).label("id"))
    elif _is_indexed(connection, model, keys):
        ids = _walked(model, query, keys)
    else:
        ids = _ranked(model, query, keys)
    statement = (
        sa.select(*rows.selected(model, names))
        .where(model.id.in_(ids), *rows.conditions(model, query._replace(filters=())))
        .order_by(model.timestamp.desc(), *_columns(model, keys))
        .limit(query.limit)
    )
    return rows.page(names, connection.execute(statement).all(), more=False)


def _keys(model: Model) -> Keys:
    """What tells the rows of one window apart: the columns in `by`, or `category`."""
    mapped: Model = sa.inspect(model).mapper.class_
    return mapped.by or tuple({"category"}.intersection(mapped.columns()))


def _is_indexed(connection: Connection, model: Model, keys: Keys) -> bool:
    """Whether an index begins with the keys. Rows that stand aside have no such index."""
    if sa.inspect(model).is_aliased_class:
        return False
    if issubclass(model, CountModel):
        return True
    mapper = sa.inspect(model)
    wanted = [mapper.columns[key].name for key in keys]
    indexes = sa.inspect(connection).get_indexes(model.__tablename__)
    return any(one["column_names"][: len(keys)] == wanted for one in indexes)


def _walked(model: Model, query: Query, keys: Keys) -> sa.Select[Any]:
    """The id of the newest row of each key, by the index."""
    walk, each = _walk(model, keys), aliased(model)
    of_keys = tuple(one for one in query.filters if one[0] in keys)
    others = query._replace(filters=tuple(one for one in query.filters if one not in of_keys))
    return (
        sa.select(_last(aliased(model), others, keys, each).correlate(each))
        .join_from(walk, each, each.id == walk.c.id)
        .where(*filters.conditions(each, of_keys))
    )


def _walk(model: Model, keys: Keys) -> sa.CTE:
    """The id of one row of each key."""
    at, after = aliased(model), aliased(model)
    first = _first(after, keys, *(column.is_not(None) for column in _columns(after, keys)))
    walk = sa.select(first.label("id")).cte("walk", recursive=True)
    following = [
        _first(
            after,
            keys,
            *_same(after, at, keys[:place]),
            getattr(after, keys[place]) > getattr(at, keys[place]),
        ).correlate(at)
        # First the next value of the last column, under the same ones before it.
        for place in reversed(range(len(keys)))
    ]
    step = sa.func.coalesce(*following, sa.null())
    return walk.union_all(sa.select(step).join_from(walk, at, at.id == walk.c.id))


def _ranked(model: Model, query: Query, keys: Keys) -> sa.Select[Any]:
    """The same as `_walked`, by reading all rows once."""
    order = (model.timestamp.desc(), model.id.desc())
    rank = sa.func.row_number().over(partition_by=_columns(model, keys), order_by=order)
    found = sa.select(model.id, rank.label("rank")).where(*rows.conditions(model, query)).subquery()
    return sa.select(found.c.id).where(found.c.rank == 1)


def _newest(model: Model, query: Query) -> Id:
    order = (model.timestamp.desc(), model.id.desc())
    matching = rows.conditions(model, query)
    return sa.select(model.id).where(*matching).order_by(*order).limit(1).scalar_subquery()


def _last(model: Model, query: Query, keys: Keys, each: Model) -> Id:
    """The id of the newest row with the keys of `each`, whatever the start of the range.

    That the keys are equal is said by bounds, and the order begins with them: else PostgreSQL may
    take the index of the timestamps, and so read all that is newer than the last row of a rare key.
    """
    order = (*_columns(model, keys), model.timestamp, model.id)
    # SQLite looks for several columns at once only where the other side is no column.
    same = [sa.func.coalesce(column, column) for column in _columns(each, keys)]
    end = query.stop if query.before is None else min(query.stop, query.before)
    ends = sa.tuple_(*same, sa.literal(end, model.timestamp.type))
    return (
        sa.select(model.id)
        .where(sa.tuple_(*order[:-1]) <= ends, sa.tuple_(*order[:-2]) >= sa.tuple_(*same))
        .where(*rows.conditions(model, query._replace(start=None)))
        .order_by(*(column.desc() for column in order))
        .limit(1)
        .scalar_subquery()
    )


def _first(model: Model, keys: Keys, *conditions: sa.ColumnElement[bool]) -> Id:
    order = _columns(model, keys)
    return sa.select(model.id).where(*conditions).order_by(*order).limit(1).scalar_subquery()


def _same(one: Model, other: Model, keys: Keys) -> list[sa.ColumnElement[bool]]:
    return [a == b for a, b in zip(_columns(one, keys), _columns(other, keys), strict=True)]


def _columns(model: Model, names: Keys) -> list[Any]:
    return [getattr(model, name) for name in names]
