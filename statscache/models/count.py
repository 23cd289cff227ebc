"""How often something came in a window, for each key: rows that are added to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, ClassVar, TypeVar

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

Amounts = Mapping[Row, int] | Mapping[Row, tuple[int, ...]]
"""What to add to which row: to its `volume`, or to each of several sums in their order."""

Addition = tuple[int, *tuple[int | str, ...]]
"""A row, and behind it what to add to each of its sums."""

Columns = Mapping[str, sa.ColumnElement[Any]]
"""By the names in `folded_columns`."""


class CountModel(BaseModel):
    """`volume`: how often. Unique by `timestamp` and the key columns, which are named in `by`.

    `sums` names the columns that are added to: `volume`, and others after it where there are any.
    `figures` names what is shown beside the keys, of whatever windows: the sums of these columns.

    In a subclass the last key column can be hidden: rows are alike but for it, `figures` are made
    of them when they are read, and there may be other figures than sums.
    """

    __abstract__ = True

    sums: ClassVar[tuple[str, ...]] = ("volume",)
    figures: ClassVar[tuple[str, ...]] = ("volume",)
    hidden_key: ClassVar[str | None] = None

    @declared_attr
    def volume(cls) -> Mapped[int]:  # noqa: N805
        return mapped_column(BigInt, nullable=False)

    @classmethod
    def columns(cls) -> list[str]:
        return ["timestamp", *sorted((*cls.shown_by(), *cls.figures))]

    @classmethod
    def shown_by(cls) -> tuple[str, ...]:
        return tuple(name for name in cls.by if name != cls.hidden_key)

    @classmethod
    def folded_columns(cls) -> tuple[str, ...]:
        """The columns that `figures` are made of."""
        return cls.sums if cls.hidden_key is None else (cls.hidden_key, *cls.sums)

    @classmethod
    def starts_at_zero(cls, figure: str) -> bool:
        """Whether the figure is how many there are, so that it is 0 where nothing happened."""
        return figure in cls.figures

    @classmethod
    def fold(
        cls, group: Sequence[sa.ColumnElement[Any]], stored: Columns, figures: Sequence[str]
    ) -> sa.Select[Any]:
        """All rows that have the same `group` as one row: `group`, and then `figures`."""
        found = (total(stored[name]).label(name) for name in figures)
        return sa.select(*group, *found).group_by(*group)

    @classmethod
    def add(cls, session: Session, amounts: Amounts) -> None:
        """Add each amount to its row, made where absent; zeros make none.

        One call for all rows, in order of their keys (so that no two writers wait for each other
        in a ring), in the form that is fastest for the dialect.
        """
        rows = _additions(amounts, len(cls.sums) > 1)
        if not rows:
            return
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            _add_on_sqlite(cls, connection, rows)
        else:
            _add_on_postgresql(cls, connection, rows)
        touched: set[Touched] | None = session.info.get(TOUCHED)
        if touched is not None:
            some = rows[: MOST_TOUCHED + 1]
            # Behind the keys stand the amounts.
            touched.update((row[0], tuple(zip(cls.by, row[1:], strict=False))) for row in some)


Model = TypeVar("Model", bound=CountModel)


def total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The sum of the column, as whole a number as it is."""
    return sa.cast(sa.func.sum(column), sa.BigInteger)


def _additions(amounts: Mapping[Row, Any], several: bool) -> list[Addition]:
    """What there is to add, in order of the keys."""
    rows = sorted((item for item in amounts.items() if item[1]), key=itemgetter(0))
    if several:
        return [(*row, *amount) for row, amount in rows if any(amount)]
    return [(*row, volume) for row, volume in rows]


def _add_on_sqlite(model: type[CountModel], connection: Connection, rows: list[Addition]) -> None:
    connection.exec_driver_sql(_sqlite_statement(model), rows, {NOTED: True})


def _add_on_postgresql(
    model: type[CountModel], connection: Connection, rows: list[Addition]
) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        part = rows[start : start + ROWS_PER_STATEMENT]
        arrays = [list(column) for column in zip(*part, strict=True)]
        connection.exec_driver_sql(_postgresql_statement(model), tuple(arrays), {NOTED: True})


@cache
def _sqlite_statement(model: type[CountModel]) -> str:
    names = ("timestamp", *model.by, *model.sums)
    table, columns = _table(model).name, ", ".join(f'"{name}"' for name in names)
    return (
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' for _ in names)}) "
        + _on_conflict(model)
    )


@cache
def _postgresql_statement(model: type[CountModel]) -> str:
    """One array a column: a short statement, whatever the number of rows."""
    table, names = _table(model).name, ("timestamp", *model.by, *model.sums)
    columns = ", ".join(f'"{name}"' for name in names)
    arrays = ("bigint", *("text" for _ in model.by), *("bigint" for _ in model.sums))
    types = ", ".join(f"%s::{one}[]" for one in arrays)
    values = columns.replace('"timestamp"', """to_timestamp("timestamp") AT TIME ZONE 'UTC'""")
    return (
        f"INSERT INTO {table} ({columns}) "
        f"SELECT {values} FROM unnest({types}) AS row ({columns}) " + _on_conflict(model)
    )


def _on_conflict(model: type[CountModel]) -> str:
    keys = ", ".join(f'"{name}"' for name in ("timestamp", *model.by))
    table = _table(model).name
    sums = ", ".join(f'"{name}" = {table}."{name}" + excluded."{name}"' for name in model.sums)
    return f"ON CONFLICT ({keys}) DO UPDATE SET {sums}"


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
def count_model(ident: str, by: tuple[str, ...], also: tuple[str, ...] = ()) -> type[CountModel]:
    """The model of the statistic `ident` with the key columns `by`, made once.

    `also` names whole numbers that are added to as `volume` is.
    """
    columns = {column: mapped_column(BigInt, nullable=False) for column in also}
    sums = ("volume", *also)
    return made(CountModel, ident, by, sums=sums, figures=sums, **columns)


def made(base: type[Model], ident: str, by: tuple[str, ...], **members: Any) -> type[Model]:
    """A subclass of `base` for the table of the statistic `ident`, with all its key columns.

    `members` are the others that it has.
    """
    name = table_name(ident)
    columns = {column: mapped_column(Key, nullable=False) for column in by}
    indexes: list[sa.schema.SchemaItem] = [
        sa.UniqueConstraint("timestamp", *by, name=f"{name}_key")
    ]
    # Nobody asks for what is hidden.
    shown = [column for column in by if column != base.hidden_key]
    if shown:
        indexes.append(sa.Index(f"{name}_history", *shown, "timestamp"))
    return type(
        f"Count_{name}",
        (base,),
        {
            "__tablename__": name,
            "__table_args__": tuple(indexes),
            "__module__": __name__,
            "by": by,
            # The unique constraint begins with the timestamp and serves as its index.
            "timestamp": mapped_column(Time, nullable=False),
            **columns,
            **members,
        },
    )
