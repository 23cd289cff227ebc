"""A value of a row as every format writes it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from ..text import storable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

WHOLE = 1 << 53
"""Integers up to here are exact in every JSON reader."""

TOO_LARGE = 1 << 63
"""Integers from here on are more than 64 bits hold."""

SECONDS, MILLISECONDS, ISO = "s", "ms", "iso"
"""How a moment can be written."""


class Document(str):
    """The text of a JSON document: what it holds is shown as such in JSON, else the text."""


def canonical(value: Any) -> str:
    """`value` as JSON text that is the same in whatever order members stand: sorted, no blanks."""
    return orjson.dumps(plain(value), option=orjson.OPT_SORT_KEYS).decode()


def plain(value: Any, time: str = SECONDS) -> Any:
    """`value` as JSON's own types.

    A datetime (naive is UTC) is, as `time` says, epoch seconds or milliseconds, whole if they can
    be, or ISO 8601 in UTC: `2026-01-31T12:00:00Z`. What no format knows is written as its text, so
    that one odd column never spoils an answer.
    """
    if isinstance(value, Document):
        return orjson.Fragment(str(value))
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, datetime):
        return _moment(value, time)
    if isinstance(value, int) and not -TOO_LARGE <= value < TOO_LARGE:
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal):
        return _whole(float(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {storable(str(key)): plain(item, time) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, time) for item in value]
    return storable(str(value))


def flat(value: Any, time: str = SECONDS) -> Any:
    """The same for formats whose fields have no parts: what has some is JSON."""
    if isinstance(value, Document):
        return str(value)
    value = plain(value, time)
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


# Many rows share one.
@lru_cache(maxsize=1024)
def _moment(value: datetime, time: str) -> int | float | str:
    if time == ISO:
        utc = value.astimezone(UTC) if value.tzinfo else value
        return f"{utc.replace(tzinfo=None).isoformat()}Z"
    since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - EPOCH
    return _whole(since / MILLISECOND if time == MILLISECONDS else since.total_seconds())


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() and abs(number) < WHOLE else number
