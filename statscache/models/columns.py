"""Column types that store, compare and sort alike on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from ..formats.value import Document
from ..text import KEY_LENGTH
from ..times import epoch, moment

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits; on SQLite the type that a growing primary key must have."""

Key = sa.String(KEY_LENGTH).with_variant(sa.String(KEY_LENGTH, collation="C"), "postgresql")
"""The text of a key: at most 255 characters, compared and sorted by code point."""

Text = sa.UnicodeText().with_variant(sa.UnicodeText(collation="C"), "postgresql")
"""Text of any length, compared and sorted by code point."""


def python_type(kind: TypeEngine[Any]) -> type:
    """What its values are in Python; `object` where the type does not say."""
    try:
        return kind.python_type
    except NotImplementedError:
        return object


class Json(TypeDecorator[Document]):
    """The text of a JSON document, stored and compared as `Text`; in answers it is an object."""

    impl = Text
    cache_ok = True

    @property
    def python_type(self) -> type:
        return dict

    def process_result_value(self, value: Any, _dialect: Dialect) -> Document | None:
        return None if value is None else Document(value)


class Time(TypeDecorator[datetime]):
    """A moment, read as a naive datetime in UTC; an aware one or epoch seconds may be written too.

    PostgreSQL has a `timestamp` for it. On SQLite it is the number of epoch seconds: a quarter of
    the bytes of SQLAlchemy's text, in the row and in every index.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return sa.Float() if dialect.name == "sqlite" else sa.DateTime()

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        # Through a datetime, so that what is written is what is read and asked for.
        time = value if isinstance(value, datetime) else moment(value)
        if dialect.name == "sqlite":
            return epoch(time)
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return moment(value) if isinstance(value, int | float) else value
