"""How often something came in a window, for each key: rows that are added to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column

from .base import MOST_TOUCHED, NOTED, TOUCHED, BaseModel, Touched
from .columns import BigInt, Key, Time

TABLE_PREFIX = "stat_"
IDENTIFIER_LENGTH = 50
"""PostgreSQL cuts names at 63 characters; the names of indexes and constraints need the rest."""

ROWS_PER_STATEMENT = 5000
"""PostgreSQL takes many rows in one statement fastest."""

Row = tuple[int, *tuple[str, ...]]
"""The start of the window in epoch seconds, and then the text of each key column."""


class CountModel(BaseModel):
    """`volume`: how often. Unique by `timestamp` and the key columns, which are named in `by`."""

    __abstract__ = True

    @declared_attr
    def volume(cls) -> Mapped[int]:  # noqa: N805
        return mapped_column(BigInt, nullable=False)

    @classmethod
    def add(cls, session: Session, amounts: Mapping[Row, int]) -> None:
        """Add each amount to its row, made where absent.

        One call for all rows, in order of their keys (so that no two writers wait for each other
        in a ring), in the form that is fastest for the dialect.
        """
        rows = sorted((row for row in amounts.items() if row[1]), key=lambda item: item[0])
        if not rows:
            return
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            _add_on_sqlite(cls, connection, rows)
        else:
            _add_on_postgresql(cls, connection, rows)
        touched: set[Touched] | None = session.info.get(TOUCHED)
        if touched is not None:
            some = (row for row, _ in rows[: MOST_TOUCHED + 1])
            touched.update((row[0], tuple(zip(cls.by, row[1:], strict=True))) for row in some)


def _add_on_sqlite(
    model: type[CountModel], connection: Connection, rows: Sequence[tuple[Row, int]]
) -> None:
    values = [(float(row[0]), *row[1:], volume) for row, volume in rows]
    connection.exec_driver_sql(_sqlite_statement(model), values, {NOTED: True})


def _add_on_postgresql(
    model: type[CountModel], connection: Connection, rows: Sequence[tuple[Row, int]]
) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        part = [(*row, volume) for row, volume in rows[start : start + ROWS_PER_STATEMENT]]
        arrays = [list(column) for column in zip(*part, strict=True)]
        connection.exec_driver_sql(_postgresql_statement(model), tuple(arrays), {NOTED: True})


@cache
def _sqlite_statement(model: type[CountModel]) -> str:
    names = ("timestamp", *model.by, "volume")
    table, columns = _table(model).name, ", ".join(f'"{name}"' for name in names)
    return (
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' for _ in names)}) "
        + _on_conflict(model)
    )


@cache
def _postgresql_statement(model: type[CountModel]) -> str:
    """One array a column: a short statement, whatever the number of rows."""
    table, names = _table(model).name, ("timestamp", *model.by, "volume")
    columns = ", ".join(f'"{name}"' for name in names)
    types = ", ".join(["%s::bigint[]", *("%s::text[]" for _ in model.by), "%s::bigint[]"])
    values = columns.replace('"timestamp"', """to_timestamp("timestamp") AT TIME ZONE 'UTC'""")
    return (
        f"INSERT INTO {table} ({columns}) "
        f"SELECT {values} FROM unnest({types}) AS row ({columns}) " + _on_conflict(model)
    )


def _on_conflict(model: type[CountModel]) -> str:
    keys = ", ".join(f'"{name}"' for name in ("timestamp", *model.by))
    table = _table(model).name
    return f"ON CONFLICT ({keys}) DO UPDATE SET volume = {table}.volume + excluded.volume"


def _table(model: type[CountModel]) -> sa.Table:
    table = model.__table__
    assert isinstance(table, sa.Table)
    return table


def table_name(ident: str) -> str:
    """The table of the statistic `ident`; that of a long or odd one ends in a hash."""
    name = TABLE_PREFIX + re.sub("[^a-z0-9]", "_", ident)
    if len(name) <= IDENTIFIER_LENGTH and re.fullmatch("[a-z0-9-]+", ident):
        return name
    return f"{name[: IDENTIFIER_LENGTH - 9]}_{hashlib.sha256(ident.encode()).hexdigest()[:8]}"


@cache
def count_model(ident: str, by: tuple[str, ...]) -> type[CountModel]:
    """The model of the statistic `ident` with the key columns `by`, made once."""
    name = table_name(ident)
    columns: dict[str, Any] = {column: mapped_column(Key, nullable=False) for column in by}
    indexes: list[sa.schema.SchemaItem] = [
        sa.UniqueConstraint("timestamp", *by, name=f"{name}_key")
    ]
    if by:
        indexes.append(sa.Index(f"{name}_history", *by, "timestamp"))
    return type(
        f"Count_{name}",
        (CountModel,),
        {
            "__tablename__": name,
            "__table_args__": tuple(indexes),
            "__module__": __name__,
            "by": by,
            # The unique constraint begins with the timestamp and serves as its index.
            "timestamp": mapped_column(Time, nullable=False),
            **columns,
        },
    )
