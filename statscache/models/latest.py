"""The newest event of each key: rows that are overwritten, and only by what is newer.

Of events of the same moment the one whose text is the greater, byte by byte, is the newer. So the
rows depend on which events there were, and neither on their order nor on how often they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column

from ..formats.value import Document
from ..times import epoch, moment
from .base import MOST_TOUCHED, NOTED, TOUCHED, BaseModel, Touched
from .columns import Json, Key, Text
from .count import ROWS_PER_STATEMENT, table_name
from .log import ConstrainedCategorizedLogModel

Event = tuple[float, tuple[str, ...], str]
"""When it happened (epoch seconds), the text of each key column, and what is kept of it."""

Row = tuple[tuple[str, ...], datetime, str]


class Newest(BaseModel):
    """`unique`: the columns that tell rows apart. `kept`: the one that holds what is kept."""

    __abstract__ = True

    unique: ClassVar[tuple[str, ...]] = ()
    kept: ClassVar[str] = ""

    @classmethod
    def put(cls, session: Session, events: Iterable[Event]) -> None:
        """Let each event take the row of its key, made where absent, unless that is newer.

        One call for all of them, in order of their keys (so that no two writers wait for each
        other in a ring), in the form that is fastest for the dialect.
        """
        rows = _newest(events)
        if not rows:
            return
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            _put_on_sqlite(cls, connection, rows)
        else:
            _put_on_postgresql(cls, connection, rows)
        touched: set[Touched] | None = session.info.get(TOUCHED)
        if touched is not None:
            some = rows[: MOST_TOUCHED + 1]
            touched.update(
                (epoch(time), tuple(zip(cls.unique, key, strict=True))) for key, time, _ in some
            )


class LatestModel(Newest):
    """`payload`: a JSON object. Unique by the key columns, which are named in `by`."""

    __abstract__ = True

    kept = "payload"

    @declared_attr
    def payload(cls) -> Mapped[Document]:  # noqa: N805
        return mapped_column(Json, nullable=False)


class LatestLogModel(Newest, ConstrainedCategorizedLogModel):
    """The log of the newest `message` of each `category` and `category_constraint`."""

    __abstract__ = True

    unique = ("category", "category_constraint")
    kept = "message"

    @declared_attr
    def category(cls) -> Mapped[str]:  # noqa: N805
        return mapped_column(Key, nullable=False)

    @declared_attr
    def category_constraint(cls) -> Mapped[str]:  # noqa: N805
        return mapped_column(Key, nullable=False)

    @declared_attr
    def message(cls) -> Mapped[str]:  # noqa: N805
        return mapped_column(Text, nullable=False)


def _newest(events: Iterable[Event]) -> list[Row]:
    """The newest event of each key, in order of the keys."""
    found: dict[tuple[str, ...], tuple[datetime, str]] = {}
    for time, key, text in events:
        # As it is stored: two that are equal there are of the same moment.
        event = moment(time), text
        if key not in found or found[key] < event:
            found[key] = event
    return [(key, *found[key]) for key in sorted(found)]


def _put_on_sqlite(model: type[Newest], connection: Connection, rows: list[Row]) -> None:
    values = [(epoch(time), *key, text) for key, time, text in rows]
    connection.exec_driver_sql(_sqlite_statement(model), values, {NOTED: True})


def _put_on_postgresql(model: type[Newest], connection: Connection, rows: list[Row]) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        part = [(time, *key, text) for key, time, text in rows[start : start + ROWS_PER_STATEMENT]]
        arrays = [list(column) for column in zip(*part, strict=True)]
        connection.exec_driver_sql(_postgresql_statement(model), tuple(arrays), {NOTED: True})


@cache
def _sqlite_statement(model: type[Newest]) -> str:
    names = ("timestamp", *model.unique, model.kept)
    return (
        f"INSERT INTO {model.__tablename__} ({_listed(names)}) "
        f"VALUES ({', '.join('?' for _ in names)}) " + _on_conflict(model)
    )


@cache
def _postgresql_statement(model: type[Newest]) -> str:
    """One array a column: a short statement, whatever the number of rows."""
    columns = _listed(("timestamp", *model.unique, model.kept))
    types = ", ".join(["%s::timestamp[]", *("%s::text[]" for _ in (*model.unique, model.kept))])
    return (
        f"INSERT INTO {model.__tablename__} ({columns}) "
        f"SELECT {columns} FROM unnest({types}) AS row ({columns}) " + _on_conflict(model)
    )


def _on_conflict(model: type[Newest]) -> str:
    values, table = ("timestamp", model.kept), model.__tablename__
    new, old = (", ".join(f'{of}."{name}"' for name in values) for of in ("excluded", table))
    taken = ", ".join(f'"{name}" = excluded."{name}"' for name in values)
    return f"ON CONFLICT ({_listed(model.unique)}) DO UPDATE SET {taken} WHERE ({new}) > ({old})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@cache
def latest_model(ident: str, by: tuple[str, ...]) -> type[LatestModel]:
    """The model of the statistic `ident` with the key columns `by`, made once."""
    name = table_name(ident)
    columns: dict[str, Any] = {column: mapped_column(Key, nullable=False) for column in by}
    return type(
        f"Latest_{name}",
        (LatestModel,),
        {
            "__tablename__": name,
            "__table_args__": (sa.UniqueConstraint(*by, name=f"{name}_key"),),
            "__module__": __name__,
            "by": by,
            "unique": by,
            **columns,
        },
    )


@cache
def latest_log_model(ident: str) -> type[LatestLogModel]:
    """The model of the statistic `ident` whose rows are those of a constrained log, made once."""
    name = table_name(ident)
    return type(
        f"LatestLog_{name}",
        (LatestLogModel,),
        {
            "__tablename__": name,
            "__table_args__": (
                sa.UniqueConstraint("category", "category_constraint", name=f"{name}_key"),
                # The newest of each category are asked for.
                sa.Index(f"{name}_history", "category", "timestamp"),
            ),
            "__module__": __name__,
        },
    )
