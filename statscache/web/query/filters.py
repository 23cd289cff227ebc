"""Columns as arguments: `?state=failed&state=canceled` keeps the rows where one of them holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from ... import times
from ...errors import QueryError
from ...models import BaseModel, CountModel
from ...models.columns import python_type
from ...text import KEY_LENGTH, key, storable
from .arguments import Arguments

Filters = tuple[tuple[str, tuple[Any, ...]], ...]
"""Column names, sorted, each with the values that are wanted."""

INTEGER_LIMIT = 1 << 63

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def columns(model: type[BaseModel]) -> list[str]:
    """The columns that can be asked for: not figures that are made only when rows are read."""
    if issubclass(model, CountModel) and model.hidden_key is not None:
        return [name for name in model.columns() if name not in model.figures]
    return model.columns()


def parse(model: type[BaseModel], arguments: Arguments, now: datetime) -> Filters:
    """What `arguments` ask of the columns of `model`; `now` is naive, in UTC.

    Raises:
        QueryError: a value is not of its column's type, or the column is of a type that cannot
            be compared.
    """
    names = sorted(set(model.columns()).intersection(arguments))
    known = columns(model)
    for name in names:
        if name not in known:
            allowed = f"nothing: rows can be asked for by {', '.join(known)}"
            raise QueryError(name, arguments[name][0], allowed)
    return tuple(
        (name, tuple(_value(model, name, text, now) for text in arguments[name])) for name in names
    )


def conditions(model: type[BaseModel], filters: Filters) -> list[sa.ColumnElement[bool]]:
    """The same for a WHERE clause."""
    return [getattr(model, name).in_(values) for name, values in filters]


def _value(model: type[BaseModel], name: str, text: str, now: datetime) -> Any:
    kind = sa.inspect(model).columns[name].type
    if isinstance(kind, sa.types.TypeDecorator):
        kind = kind.impl_instance
    if issubclass(python_type(kind), datetime):
        return times.parse(name, text, now)
    allowed, read = _reader(kind)
    try:
        return read(text)
    except (ValueError, KeyError, InvalidOperation):
        raise QueryError(name, text, allowed) from None


def _reader(kind: sa.types.TypeEngine[Any]) -> tuple[str, Callable[[str], Any]]:
    """What a value of the type may be, and the function that makes one of a text."""
    if isinstance(kind, sa.Enum):
        words = {str(word): word for word in kind.enums}
        return ", ".join(words), words.__getitem__
    if isinstance(kind, sa.String):
        # As long keys are stored: cut, with a hash.
        return "text", key if kind.length == KEY_LENGTH else storable
    return _READERS.get(python_type(kind), ("this column cannot be asked for", _refuse))


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -INTEGER_LIMIT <= int(text) < INTEGER_LIMIT:
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _date(text: str) -> date:
    if not text.isascii():
        raise ValueError(text)
    return date.fromisoformat(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


_READERS: dict[type, tuple[str, Callable[[str], Any]]] = {
    str: ("text", storable),
    int: ("a whole number of at most 64 bits", _integer),
    float: ("a decimal number", lambda text: float(_decimal(text))),
    Decimal: ("a decimal number", _decimal),
    bool: ("true or false", lambda text: _BOOLEANS[text.lower()]),
    date: ("a date such as 2026-01-31", _date),
}
