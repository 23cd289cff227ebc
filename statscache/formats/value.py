"""A value of a row as every format writes it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ..text import storable

WHOLE = 1 << 53
"""Integers up to here are exact in every JSON reader."""

TOO_LARGE = 1 << 63
"""Integers from here on are more than 64 bits hold."""


def plain(value: Any) -> Any:
    """`value` as JSON's own types: a datetime is epoch seconds (naive is UTC), whole if it can be.

    What no format knows is written as its text, so that one odd column never spoils an answer.
    """
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not -TOO_LARGE <= value < TOO_LARGE:
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return _whole((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, Decimal):
        return _whole(float(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {storable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return storable(str(value))


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() and abs(number) < WHOLE else number
