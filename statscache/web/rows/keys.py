"""Which keys a summed answer shows: all of them, or those with the most, as rows or as columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import QueryError
from ...models import BaseModel
from ...times import moment
from ..query.query import Query
from ..query.shape import MOST_KEYS
from . import folding, span
from .span import Model

Key = tuple[str, ...]
"""The text of each key column that is shown."""

TIMESTAMP = "timestamp"
LATELY = 2_000
"""Rows in which keys are looked for."""

REST = "other"
"""What the keys that `top` leaves out are called, all of them together."""


class Keys(NamedTuple):
    """`by`: what to group by. `columns`: for a pivot, each key and the name of its column."""

    by: Sequence[sa.ColumnElement[Any]]
    columns: dict[str, str] | None


def shown(connection: Connection, model: Model, query: Query) -> Keys:
    """The keys that occur in the whole range of `query`, or those that it leaves of them.

    Raises:
        QueryError: a pivot would have more than `MOST_KEYS` columns.
    """
    shape = query.shape
    by = _columns(model, query)
    keys, rest = list[Key](), Key()
    if shape.top is not None:
        keys = _greatest(connection, model, query, shape.top)
    elif shape.pivot is not None:
        keys = _all(connection, model, query)
    if shape.top is not None and len(keys) > shape.top:
        keys, rest = keys[: shape.top], (REST,) * len(by)
    names = {key: _free(key, keys) if key == rest else key for key in sorted(keys)}
    if rest:
        by = _grouped(by, names, names.get(rest))
    columns = [*names.values(), *([rest] if rest else [])]
    return Keys(by, _titles([key for (key,) in columns]) if shape.pivot is not None else None)


def lately(connection: Connection, model: type[BaseModel], column: str, query: Query) -> list[str]:
    """Keys in `column` among the newest rows in the time of `query`, in order; all have a text."""
    start, stop = map(moment, span.asked(query))
    rows = (
        sa.select(getattr(model, column).label("key"))
        .where(model.timestamp >= start, model.timestamp < stop)
        .order_by(model.timestamp.desc())
        .limit(LATELY)
        .subquery()
    )
    keys = sa.select(rows.c.key).where(rows.c.key != "").distinct().order_by(rows.c.key)
    return [str(key) for key in connection.scalars(keys)]


def _columns(model: Model, query: Query) -> list[sa.ColumnElement[Any]]:
    """The key columns in a form in which no index has them: rows are found by time.

    An index by key leads through all of the table, up and down.
    """
    return [sa.func.coalesce(getattr(model, name), "") for name in query.shape.by]


def _all(connection: Connection, model: Model, query: Query) -> list[Key]:
    """All keys of the column that becomes columns."""
    rows = sa.select(*_columns(model, query)).where(
        *span.conditions(model, query, span.asked(query))
    )
    found = connection.execute(rows.distinct().limit(MOST_KEYS + 1)).all()
    if len(found) > MOST_KEYS:
        allowed = f"a column with at most {MOST_KEYS} keys; add top=N for those with the most"
        raise QueryError("pivot", str(query.shape.pivot), allowed)
    return [tuple(row) for row in found]


def _greatest(connection: Connection, model: Model, query: Query, number: int) -> list[Key]:
    """The keys with the greatest figures, and one more if there is one; of equals the smaller."""
    where = span.conditions(model, query, span.asked(query))
    folded = folding.fold(model, _columns(model, query), where, query.shape.sums[:1])
    *by, amount = folded.selected_columns
    ranked = folded.order_by(amount.desc(), *by).limit(number + 1)
    return [tuple(row[:-1]) for row in connection.execute(ranked)]


def _grouped(
    by: Sequence[sa.ColumnElement[Any]], names: dict[Key, Key], renamed: Key | None
) -> list[sa.ColumnElement[Any]]:
    """The key columns, all that is not in `names` under one key, and one of them `renamed`."""
    kept, same = _is_among(by, list(names)), _is_among(by, [(REST,) * len(by)])
    return [
        sa.case(*([(same, renamed[index])] if renamed else []), (kept, column), else_=REST)
        for index, column in enumerate(by)
    ]


def _is_among(by: Sequence[sa.ColumnElement[Any]], keys: list[Key]) -> sa.ColumnElement[bool]:
    if len(by) == 1:
        return by[0].in_([key for (key,) in keys])
    return sa.tuple_(*by).in_(keys)


def _titles(keys: list[str]) -> dict[str, str]:
    """The names of the columns; none is called as that of the timestamps."""
    taken = [(TIMESTAMP,), *((key,) for key in keys)]
    return {key: _free((key,), taken)[0] if key == TIMESTAMP else key for key in keys}


def _free(key: Key, taken: Collection[Key]) -> Key:
    """`key` with so many underscores that it is none of `taken`."""
    while key in taken:
        key = tuple(f"{part}_" for part in key)
    return key
