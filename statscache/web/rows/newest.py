"""The SQL: the newest row of each key, or several of them.

Where an index begins with the key columns, it is walked from key to key, and within each from its
end (a "loose index scan", as in the PostgreSQL wiki, for any number of columns): the cost grows
with the number of keys, not with that of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from ...models import CountModel, Newest
from ..query import filters
from ..query.cursors import Place
from ..query.query import Query
from . import folding, rows
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
    elif _is_one_each(model, keys):
        ids = sa.select(model.id).where(*rows.conditions(model, query))
    elif _is_indexed(connection, model, keys):
        ids = _walked(model, query, keys)
    else:
        ids = _ranked(model, query, keys)
    if query.shape.folds:
        return _folded(connection, cast(type[CountModel], model), query, ids)
    statement = (
        sa.select(*rows.selected(model, names))
        .where(model.id.in_(ids), *rows.conditions(model, query._replace(filters=())))
        .order_by(model.timestamp.desc(), *_columns(model, keys))
        .limit(query.limit)
    )
    return rows.page(names, connection.execute(statement).all(), more=False)


def several(connection: Connection, model: Model, query: Query) -> Page:
    """Of the rows of `query` the newest of each key, as many as its `each` says, the newest first.

    Of rows of the same moment those with the greater texts come first, and not those that came
    last. Only filters and fields of `query` matter.
    """
    keys, names = _keys(model), rows.columns(connection, model, query)
    order = [
        model.timestamp.desc(),
        *(column.desc() for column in _texts(connection, model)),
        model.id.desc(),
    ]
    if _is_indexed(connection, model, keys):
        ids = _walked_several(connection, model, query, keys)
    else:
        rank = sa.func.row_number().over(partition_by=_columns(model, keys), order_by=order)
        ranked = sa.select(model.id, rank.label("rank")).where(*rows.conditions(model, query))
        found = ranked.subquery()
        ids = sa.select(found.c.id).where(found.c.rank <= query.each)
    statement = (
        sa.select(*_columns(model, names), model.timestamp, model.id)
        .where(model.id.in_(ids))
        .order_by(*order)
    )
    return rows.page(names, connection.execute(statement).all(), more=False)


def _texts(connection: Connection, model: Model) -> list[sa.ColumnElement[Any]]:
    """The columns that are texts, to be compared byte by byte; first what tells of the event."""
    mapper = sa.inspect(model).mapper
    kept = mapper.class_.kept if issubclass(mapper.class_, Newest) else "message"
    names = sorted(rows.names(model), key=lambda name: name != kept)
    kinds = [(name, mapper.columns[name].type) for name in names]
    texts = [
        getattr(model, name)
        for name, kind in kinds
        if isinstance(getattr(kind, "impl_instance", kind), sa.String)
    ]
    if connection.dialect.name == "sqlite":
        return texts
    return [sa.collate(column, "C") for column in texts]


def _folded(
    connection: Connection, model: type[CountModel], query: Query, ids: sa.Select[Any]
) -> Page:
    """The rows that stand in the windows, and have the keys, of the stored ones in `ids`."""
    keys, figures = _keys(model), query.shape.sums
    one = aliased(model)
    newest = sa.select(one.timestamp, *_columns(one, keys)).where(one.id.in_(ids))
    group = [model.timestamp, *_columns(model, keys)]
    where = [sa.tuple_(*group).in_(newest), *rows.conditions(model, query)]
    folded = folding.fold(model, group, where, figures)
    time, *by = [*folded.selected_columns][: len(group)]
    ordered = folded.order_by(time.desc(), *by).limit(query.limit)
    names, order = rows.columns(connection, model, query), ("timestamp", *keys, *figures)
    found = connection.execute(ordered).all()
    places = [Place(row[0], tuple(row[1 : len(group)])) for row in found]
    return Page(names, [[row[order.index(name)] for name in names] for row in found], places, False)


def _keys(model: Model) -> Keys:
    """What tells the rows of one window apart: the columns in `by`, or `category`."""
    mapped: Model = sa.inspect(model).mapper.class_
    return mapped.key_columns()


def _is_one_each(model: Model, keys: Keys) -> bool:
    """Whether no two rows have the same keys."""
    mapped: Model = sa.inspect(model).mapper.class_
    return issubclass(mapped, Newest) and mapped.unique == tuple(keys)


def _is_indexed(connection: Connection, model: Model, keys: Keys) -> bool:
    """Whether an index begins with the keys. Rows that stand aside have no such index."""
    if sa.inspect(model).is_aliased_class:
        return False
    if issubclass(model, CountModel | Newest):
        return True
    mapper = sa.inspect(model)
    wanted = [mapper.columns[key].name for key in keys]
    indexes = sa.inspect(connection).get_indexes(model.__tablename__)
    return any(one["column_names"][: len(keys)] == wanted for one in indexes)


def _walked(model: Model, query: Query, keys: Keys) -> sa.Select[Any]:
    """The id of the newest row of each key, by the index."""
    walk, each = _walk(model, tuple(keys)), aliased(model)
    of_keys = tuple(one for one in query.filters if one[0] in keys)
    others = query._replace(filters=tuple(one for one in query.filters if one not in of_keys))
    return (
        sa.select(_last(aliased(model), others, keys, each).correlate(each))
        .join_from(walk, each, each.id == walk.c.id)
        .where(*filters.conditions(each, of_keys))
    )


def _walked_several(
    connection: Connection, model: Model, query: Query, keys: Keys
) -> sa.Select[Any]:
    """The ids of the newest rows of each key, by the index."""
    walk, each, row = _walk(model, tuple(keys)), aliased(model), aliased(model)
    of_key = _downwards(row, query, keys, each, _texts(connection, row))
    newest = of_key.limit(query.each).correlate(each)
    if connection.dialect.name == "sqlite":
        one: Any = aliased(model)
        found = sa.select(one.id).join_from(walk, each, each.id == walk.c.id)
        return found.join(one, one.id.in_(newest))
    # PostgreSQL would read all of the table for that, and SQLite knows no such join.
    side = newest.lateral()
    found = sa.select(side.c.id).join_from(walk, each, each.id == walk.c.id)
    return found.join(side, sa.true())


@lru_cache(maxsize=256)
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
    """The id of the newest row with the keys of `each`, whatever the start of the range."""
    return _downwards(model, query, keys, each).limit(1).scalar_subquery()


def _downwards(
    model: Model, query: Query, keys: Keys, each: Model, texts: Sequence[Any] = ()
) -> sa.Select[Any]:
    """The ids of the rows with the keys of `each`, the newest first, whatever the range's start.

    That the keys are equal is said by bounds, and the order begins with them: else PostgreSQL may
    take the index of the timestamps, and so read all that is newer than the last row of a rare key.
    """
    order = (*_columns(model, keys), model.timestamp)
    # SQLite looks for several columns at once only where the other side is no column.
    same = [sa.func.coalesce(column, column) for column in _columns(each, keys)]
    end = query.stop if query.before is None else min(query.stop, query.before)
    ends = sa.tuple_(*same, sa.literal(end, model.timestamp.type))
    return (
        sa.select(model.id)
        .where(sa.tuple_(*order) <= ends, sa.tuple_(*order[:-1]) >= sa.tuple_(*same))
        .where(*rows.conditions(model, query._replace(start=None)))
        .order_by(*(column.desc() for column in (*order, *texts, model.id)))
    )


def _first(model: Model, keys: Keys, *conditions: sa.ColumnElement[bool]) -> Id:
    order = _columns(model, keys)
    return sa.select(model.id).where(*conditions).order_by(*order).limit(1).scalar_subquery()


def _same(one: Model, other: Model, keys: Keys) -> list[sa.ColumnElement[bool]]:
    return [a == b for a, b in zip(_columns(one, keys), _columns(other, keys), strict=True)]


def _columns(model: Model, names: Keys) -> list[Any]:
    return [getattr(model, name) for name in names]
