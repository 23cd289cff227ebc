"""How pages write times, and the words of plugins."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from ...times import moment

DAY = 86_400
UNITS = {"d": DAY, "h": 3_600, "min": 60}

_CODE = re.compile(r"`([^`]+)`")


def date(seconds: float) -> str:
    """Epoch seconds as day and minute, in UTC: `Jan 5, 12:00`."""
    time = moment(seconds)
    return f"{time:%b} {time.day}, {time:%H:%M}"


def window(start: float, length: int) -> str:
    """The window of so many seconds that begins then, in UTC: `Jan 5`, `12:00`, `12:00:05`."""
    time = moment(start)
    if length >= DAY:
        return f"{time:%b} {time.day}"
    return f"{time:%H:%M}" if length >= UNITS["min"] else f"{time:%H:%M:%S}"


def days(seconds: float | None) -> str:
    """How long something is kept: `7 days`; None is `for ever`."""
    if seconds is None:
        return "for ever"
    number = _short(seconds / DAY)
    return "1 day" if number == "1" else f"{number} days"


def duration(seconds: float) -> str:
    """How long something took: `45 s`, `2.5 h`, `30 d`."""
    for unit, size in UNITS.items():
        number = _short(seconds / size)
        if float(number) >= 1:
            return f"{number} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "< 1 s"


def prose(text: str) -> Markup:
    """A docstring as HTML: what stands in backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def utc(seconds: float) -> str:
    """Epoch seconds as date and time, in UTC."""
    return moment(seconds).isoformat(" ", "seconds")


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"
