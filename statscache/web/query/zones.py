"""Time zones in whole epoch seconds: what their clocks show, and when these are changed."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from ...errors import QueryError

DAY = 86_400
GREENWICH = ZoneInfo("UTC")
PROBED = range(946_684_800, 2_145_916_800, 14 * DAY)
"""From 2000 to 2037, every two weeks: no zone keeps an offset for less."""


def parse(argument: str, text: str) -> ZoneInfo:
    """The zone of that name.

    Raises:
        QueryError: there is none; it names `argument`.
    """
    if text not in _names():
        raise QueryError(argument, text, "a time zone by its IANA name, such as Europe/Berlin")
    return ZoneInfo(text)


def offset(zone: ZoneInfo, time: int) -> int:
    """How many seconds the zone's clocks are ahead of UTC."""
    if zone is GREENWICH:
        return 0
    ahead = datetime.fromtimestamp(time, zone).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds())


@cache
def keeps_whole(zone: ZoneInfo, seconds: int) -> bool:
    """Whether the zone's clocks show a whole number of `seconds` whenever those of UTC do."""
    return not any(offset(zone, time) % seconds for time in PROBED)


def day(zone: ZoneInfo, time: int) -> date:
    """The date in the zone."""
    return datetime.fromtimestamp(time, zone).date()


def midnight(zone: ZoneInfo, day: date) -> int:
    """When that day begins: where clocks show midnight twice, at the first one.

    Where they leave it out, when they are changed.
    """
    shown = datetime(day.year, day.month, day.day, tzinfo=zone)
    time = round(shown.timestamp())
    exists = shown.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == shown.replace(
        tzinfo=None
    )
    return time if exists else last_change(zone, time - DAY, time) or time


def first_change(zone: ZoneInfo, time: int, until: int) -> int | None:
    """When the offset of `time` first ends, if no later than `until`."""
    ahead = offset(zone, time)
    for stop in (*range(time + DAY, until, DAY), until):
        if offset(zone, stop) != ahead:
            return _change(zone, max(time, stop - DAY), stop)
    return None


def last_change(zone: ZoneInfo, since: int, time: int) -> int | None:
    """When the offset of `time` began, if after `since`."""
    ahead = offset(zone, time)
    for start in (*range(time - DAY, since, -DAY), since):
        if offset(zone, start) != ahead:
            return _change(zone, start, min(time, start + DAY))
    return None


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The one moment between the two at which clocks are changed, found by bisection."""
    ahead = offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset(zone, middle) == ahead:
            before = middle
        else:
            after = middle
    return after


@cache
def _names() -> set[str]:
    return zoneinfo.available_timezones()
