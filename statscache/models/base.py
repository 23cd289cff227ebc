"""What every model has: an id, a timestamp, and the ways to write its rows out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from ..formats import csv, html, json, svg
from .columns import BigInt, Time, python_type

TOUCHED = "touched"
"""Under this name a session's `info` may hold a set, which collects what was changed."""

NUMBERS = (int, float, Decimal)

NOTED = "noted"
"""An option of statements: what they change is in that set."""

MOST_TOUCHED = 1_000
"""If more rows than this were touched at once, nobody asks which they were."""

Touched = tuple[float, tuple[tuple[str, Any], ...]]
"""A row that changed: its timestamp in epoch seconds, and its key columns with their values."""


class BaseModel(DeclarativeBase):
    """The base of every model: `id`, and `timestamp`, a naive datetime in UTC, indexed.

    `by` names the key columns: what tells the rows of one window apart.
    """

    __abstract__ = True
    __allow_unmapped__ = True

    by: ClassVar[tuple[str, ...]] = ()

    @declared_attr
    def id(cls) -> Mapped[int]:  # noqa: N805 - the declarative way
        return mapped_column(BigInt, primary_key=True)

    @declared_attr
    def timestamp(cls) -> Mapped[datetime]:  # noqa: N805
        return mapped_column(Time, nullable=False, index=True)

    @classmethod
    def columns(cls) -> list[str]:
        """The names of what a row shows: `timestamp`, then the others sorted; no `id`."""
        names = {attribute.key for attribute in sa.inspect(cls).column_attrs}
        return ["timestamp", *sorted(names - {"id", "timestamp"})]

    @classmethod
    def column_types(cls) -> dict[str, sa.types.TypeEngine[Any]]:
        """The types of `columns`."""
        mapped = sa.inspect(cls).columns
        return {name: mapped[name].type for name in cls.columns()}

    @classmethod
    def number_columns(cls) -> list[str]:
        """Those of `columns` that hold numbers, which can be drawn."""
        return [name for name, kind in cls.column_types().items() if _is_number(kind)]

    @classmethod
    def shown_by(cls) -> tuple[str, ...]:
        """Those of the key columns that a row shows."""
        return cls.by

    @classmethod
    def key_columns(cls) -> tuple[str, ...]:
        """The columns whose texts tell what a number is of: the key columns, or `category`."""
        return cls.shown_by() or tuple({"category"}.intersection(cls.columns()))

    @classmethod
    def to_json(cls, instances: Iterable[Any]) -> str:
        """The instances as a JSON array of objects; `timestamp` in epoch seconds."""
        columns = cls.columns()
        return json.dumps(columns, _rows(columns, instances))

    @classmethod
    def to_csv(cls, instances: Iterable[Any]) -> str:
        """The instances as CSV with a header; `timestamp` first, in epoch seconds."""
        columns = cls.columns()
        return csv.dumps(columns, _rows(columns, instances))

    @classmethod
    def to_html(cls, instances: Iterable[Any]) -> str:
        """The instances as a table of HTML; `timestamp` first, as date and time in UTC."""
        columns = cls.columns()
        return html.dumps(columns, _rows(columns, instances))

    @classmethod
    def to_svg(cls, instances: Iterable[Any]) -> str:
        """The instances as a chart: a line for each key, or else for each column of numbers.

        Raises:
            ChartError: they have no numbers.
        """
        keys, numbers = cls.key_columns(), cls.number_columns()
        columns = ["timestamp", *keys, *(numbers[:1] if keys else numbers)]
        return svg.dumps(columns, _rows(columns, instances), keys)


def _is_number(kind: sa.types.TypeEngine[Any]) -> bool:
    found = python_type(kind)
    return issubclass(found, NUMBERS) and not issubclass(found, bool)


def _rows(columns: list[str], instances: Iterable[Any]) -> Iterable[list[Any]]:
    return ([getattr(instance, column) for column in columns] for instance in instances)
