"""Rows that were put aside: they are served until those that take their place are complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from ..models import BaseModel
from ..models.count import table_name
from . import views
from .owed import STILL
from .tables import RECALLED, owed

PREFIX = "old_"

_RECALLED = sa.select(owed.c.id).where(
    owed.c.addressee == sa.bindparam("ident"), owed.c.reason == RECALLED, *STILL
)


def put(connection: Connection, ident: str, model: type[BaseModel]) -> None:
    """Put the rows of the statistic `ident` aside, and leave its table empty.

    Rows that stand aside already stay there. A table that has not the columns of `model` is made
    anew.
    """
    table = _own(model)
    found = _columns(connection, table.name)
    if not _columns(connection, _name(ident)):
        _copy(connection, model, _name(ident))
    views.show(connection, ident, _name(ident), model)
    if found == {column.name for column in table.columns}:
        # Whoever reads just now still sees them.
        connection.execute(sa.delete(table))
    else:
        table.drop(connection)
        table.create(connection)


def drop(connection: Connection, idents: Iterable[str]) -> None:
    """Drop the rows that stand aside for those statistics, but for those that are served.

    With them goes the view of them.
    """
    names = set(sa.inspect(connection).get_table_names())
    for ident in idents:
        if _name(ident) in names and not _is_recalled(connection, ident):
            views.hide(connection, ident)
            sa.Table(_name(ident), sa.MetaData()).drop(connection)


def erase(connection: Connection, ident: str, texts: Mapping[str, str]) -> int:
    """Delete those rows that stand aside for `ident` and have its text in one of these columns."""
    there = _columns(connection, _name(ident))
    found = [sa.column(name) == text for name, text in texts.items() if name in there]
    if not found:
        return 0
    those = sa.or_(*found)
    return connection.execute(sa.delete(sa.table(_name(ident))).where(those)).rowcount


def show(connection: Connection, ident: str, model: type[BaseModel]) -> None:
    """Let the view of the statistic show the rows that are served."""
    name = _name(ident)
    aside = _is_recalled(connection, ident) and sa.inspect(connection).has_table(name)
    views.show(connection, ident, name if aside else _own(model).name, model)


def source(connection: Connection, ident: str, model: type[BaseModel]) -> Any:
    """What to read the rows from: `model`, or an alias of it, of the rows that stand aside.

    A column that these do not have is null.
    """
    if not _is_recalled(connection, ident):
        return model
    found = _columns(connection, _name(ident))
    if not found:
        return model
    table = _own(model)
    kept = [sa.Column(one.name, one.type) for one in table.columns if one.name in found]
    rows = sa.Table(_name(ident), sa.MetaData(), *kept)
    columns = [
        rows.c[one.name] if one.name in found else sa.cast(sa.null(), one.type).label(one.name)
        for one in table.columns
    ]
    return aliased(model, sa.select(*columns).subquery(), adapt_on_names=True)


def _is_recalled(connection: Connection, ident: str) -> bool:
    return connection.execute(_RECALLED, {"ident": ident}).first() is not None


def _columns(connection: Connection, name: str) -> set[str]:
    """The columns of the table `name`; none if there is no such table."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(name):
        return set()
    return {column["name"] for column in inspector.get_columns(name)}


def _copy(connection: Connection, model: type[BaseModel], name: str) -> None:
    mapper, quote = sa.inspect(model), connection.dialect.identifier_preparer.quote
    old, new, index = quote(_own(model).name), quote(name), quote(f"{name}_time")
    order = ", ".join(quote(mapper.columns[each].name) for each in ("timestamp", "id"))
    connection.exec_driver_sql(f"CREATE TABLE {new} AS SELECT * FROM {old}")
    connection.exec_driver_sql(f"CREATE INDEX {index} ON {new} ({order})")


def _own(model: type[BaseModel]) -> sa.Table:
    table = model.__table__
    assert isinstance(table, sa.Table)
    return table


def _name(ident: str) -> str:
    return PREFIX + table_name(ident)
