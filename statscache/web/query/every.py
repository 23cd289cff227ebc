"""Coarser windows: parts of a day by the clock of a time zone, its days, weeks, months, years."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ...errors import QueryError
from ...schedule import Schedule
from . import zones
from .zones import DAY, GREENWICH

SECONDS, DAYS, WEEKS, MONTHS = "s", "d", "w", "M"
ALLOWED = (
    "a whole number of s, m, h, d, w, M (months) or y, as in 6h, of at most 100 years; or week, "
    "month, year"
)
LONGEST = 100 * 366 * DAY

_LENGTHS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": DAY}
_LENGTHS |= {"w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
_WORDS = {"week": "1w", "month": "1M", "year": "1y"}
_TEXT = re.compile(r"([1-9]\d{0,11})(ms|[smhdwMy]?)", re.ASCII)
_THURSDAY = date(1970, 1, 1).toordinal()
_MONDAY = date(1969, 12, 29).toordinal()


class Every(NamedTuple):
    """Windows of so many units. They follow one another without gaps; times are epoch seconds.

    Seconds are counted from the zone's midnight of 1970-01-01 by its clock, and a window ends where
    clocks are changed. Days are counted from that day, weeks from its Monday, months from
    January of the year 0.
    """

    number: int
    unit: str
    zone: ZoneInfo

    @property
    def length(self) -> int:
        """Seconds, of months about."""
        return self.number * _LENGTHS[self.unit]

    @property
    def is_even(self) -> bool:
        """Whether all windows are of exactly that length."""
        return self.zone is GREENWICH and self.unit != MONTHS

    def start(self, time: int) -> int:
        """When the window begins that holds `time`."""
        if self.unit == SECONDS:
            start = self._count_from(time, 0)
            return zones.last_change(self.zone, start, time) or start
        first = self._first(zones.day(self.zone, time))
        following = zones.midnight(self.zone, self._following(first))
        return following if following <= time else zones.midnight(self.zone, first)

    def end(self, start: int) -> int:
        """When the window ends that begins at `start`."""
        if self.unit == SECONDS:
            end = self._count_from(start, 1)
            return zones.first_change(self.zone, start, end) or end
        return zones.midnight(self.zone, self._following(self._first(zones.day(self.zone, start))))

    def starts(self, start: int, stop: int) -> Iterator[int]:
        """The starts of the windows from that which begins at `start` to before `stop`."""
        if self.is_even:
            yield from range(start, stop, self.length)
            return
        while start < stop:
            yield start
            start = self.end(start)

    def starts_before(self, start: int, until: int) -> Iterator[int]:
        """Those from the window that begins at `start` back to the one that holds `until`."""
        if self.is_even:
            yield from range(start, until - self.length, -self.length)
            return
        yield start
        while start > until:
            start = self.start(start - 1)
            yield start

    def _count_from(self, time: int, further: int) -> int:
        ahead = zones.offset(self.zone, time)
        return ((time + ahead) // self.number + further) * self.number - ahead

    def _first(self, day: date) -> date:
        """The first day of the window that `day` is in."""
        if self.unit == MONTHS:
            return _month((day.year * 12 + day.month - 1) // self.number * self.number)
        origin, days = self._days
        return date.fromordinal((day.toordinal() - origin) // days * days + origin)

    def _following(self, first: date) -> date:
        """The first day of the window after that one."""
        if self.unit == MONTHS:
            return _month(first.year * 12 + first.month - 1 + self.number)
        return first + timedelta(self._days[1])

    @property
    def _days(self) -> tuple[int, int]:
        """From which day days are counted, and how many are in a window."""
        return (_MONDAY, 7 * self.number) if self.unit == WEEKS else (_THURSDAY, self.number)


def own(interval: int) -> Every:
    """The windows of a statistic that are so many seconds long."""
    return Every(interval, SECONDS, GREENWICH)


def parse(text: str, zone: ZoneInfo, interval: int) -> Every:
    """The windows that `text` means in `zone`, for a statistic with windows of `interval` seconds.

    Finer ones are the statistic's own.

    Raises:
        QueryError: it means none, or windows that cannot be put together from the statistic's.
    """
    match = _TEXT.fullmatch(_WORDS.get(text, text))
    if match is None:
        raise QueryError("every", text, ALLOWED)
    count, unit = int(match[1]), match[2]
    if unit == "ms":
        if count < interval * 1_000:
            return own(interval)
        if count % 1_000:
            raise QueryError("every", text, _multiple(interval))
        count, unit = count // 1_000, SECONDS
    if count * _LENGTHS[unit] > LONGEST:
        raise QueryError("every", text, ALLOWED)
    if count * _LENGTHS[unit] < interval:
        return own(interval)
    windows = _windows(count, unit, zone)
    if windows.length % interval:
        raise QueryError("every", text, _multiple(interval))
    if not zones.keeps_whole(zone, interval):
        raise QueryError("tz", zone.key, _uncut(interval))
    return windows


def _windows(count: int, unit: str, zone: ZoneInfo) -> Every:
    if unit == "y":
        return Every(12 * count, MONTHS, zone)
    if unit in (WEEKS, MONTHS):
        return Every(count, unit, zone)
    days, rest = divmod(count * _LENGTHS[unit], DAY)
    return Every(days * DAY + rest, SECONDS, zone) if rest else Every(days, DAYS, zone)


def _month(number: int) -> date:
    """The first day of the month of that number, counted from January of the year 0."""
    return date(number // 12, number % 12 + 1, 1)


def _multiple(interval: int) -> str:
    return f"a multiple of {_name(interval)}, the statistic's own windows, or less than that"


def _uncut(interval: int) -> str:
    name = _name(interval)
    return (
        f"a zone whose clocks differ from UTC by a multiple of {name}, which is as long as the "
        "statistic's own windows are; or ask a statistic with shorter ones"
    )


def _name(interval: int) -> str:
    return str(Schedule(timedelta(seconds=interval)))
