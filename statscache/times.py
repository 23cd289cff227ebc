"""Moments: as people give them, and as links give them back."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from .errors import QueryError

ALLOWED = (
    "epoch seconds, epoch milliseconds (whole numbers from 100000000000 on), ISO 8601 such as "
    "2026-01-31 or 2026-01-31T12:00:00Z (UTC unless it says otherwise), or relative: now, -24h "
    "(s, m, h, d, w)"
)
MILLISECONDS_FROM = 10**11
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_RELATIVE = re.compile(r"-(\d{1,12})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(seconds: float) -> datetime:
    """Epoch seconds as a naive datetime in UTC."""
    return EPOCH + timedelta(0, seconds)


def epoch(time: datetime) -> float:
    """A datetime (naive is UTC) as epoch seconds."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def utc(seconds: float) -> str:
    """Epoch seconds for people: `2026-01-31 12:00:00 UTC`."""
    return f"{moment(seconds).isoformat(' ', 'seconds')} UTC"


def parse(argument: str, text: str, now: datetime) -> datetime:
    """The moment that `text` means at `now`; both naive, in UTC.

    Raises:
        QueryError: `text` is no moment between the years 1 and 9999; it names `argument`.
    """
    try:
        if not text.isascii():
            raise ValueError(text)
        if _NUMBER.fullmatch(text):
            return moment(_seconds(text))
        return _relative(text, now) if is_relative(text) else _iso(text)
    except (ValueError, OverflowError, OSError):
        raise QueryError(argument, text, ALLOWED) from None


def is_relative(text: str) -> bool:
    """Whether what `text` means depends on when it is asked."""
    return text == "now" or bool(_RELATIVE.fullmatch(text))


def microseconds(time: datetime) -> int:
    """A naive datetime in UTC as whole microseconds since 1970."""
    return (time - EPOCH) // MICROSECOND


def from_microseconds(number: int) -> datetime:
    """The naive datetime in UTC.

    Raises:
        OverflowError: it is before the year 1 or after 9999.
    """
    return EPOCH + number * MICROSECOND


def seconds(number: float) -> str:
    """Epoch seconds as a short decimal number, exact to the microsecond: `1767225600.25`."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _seconds(text: str) -> float:
    if text.isdigit() and int(text) >= MILLISECONDS_FROM:
        return int(text) / 1000
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _relative(text: str, now: datetime) -> datetime:
    match = _RELATIVE.fullmatch(text)
    if match is None:
        return now
    return now - timedelta(**{_UNITS[match[2]]: int(match[1])})


def _iso(text: str) -> datetime:
    # An offset's plus sign that was not escaped arrives as a space.
    before, space, offset = text.rpartition(" ")
    if space and "T" in before:
        text = f"{before}+{offset}"
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
