"""Moments as the clocks and calendars of a time zone show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 86_400
DASH = " \u2013 "
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200)
DAYS = (1, 2, 7, 14)
OF_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400, 6_000, 12_000)
MONTH = 30.44 * DAY


class Tick(NamedTuple):
    """A moment in epoch seconds, and what stands beside it."""

    time: int
    label: str


def ticks(start: int, stop: int, zone: ZoneInfo, number: int) -> list[Tick]:
    """At most about `number` round moments of the zone's clock, from `start` to `stop`."""
    rough = (stop - start) / max(1, number)
    found: Iterator[int]
    label: Callable[[datetime], str]
    if step := next((one for one in CLOCK if one >= rough), None):
        found, label = _by_clock(start, stop, zone, step), _time_with(step)
    elif days := next((one for one in DAYS if one * DAY >= rough), None):
        found, label = _by_days(start, stop, zone, days), _day
    else:
        months = next((one for one in OF_MONTHS if one * MONTH >= rough), OF_MONTHS[-1])
        found, label = _by_months(start, stop, zone, months), _month
    return [Tick(time, label(shown(time, zone))) for time in found]


def shown(time: float, zone: ZoneInfo) -> datetime:
    """What clocks and calendars of the zone show at that moment."""
    return datetime.fromtimestamp(time, zone)


def midnight(day: date, zone: ZoneInfo) -> int:
    """When the day begins."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def span(start: int, stop: int, zone: ZoneInfo) -> str:
    """From when to when, in words: whole days, if it is that, else to the minute or second."""
    first, last = shown(start, zone), shown(stop, zone)
    if first.time() == last.time() == datetime.min.time() and stop > start:
        last -= timedelta(1)
        parts = [_day(first), _day(last)]
    else:
        form = "%H:%M" if start % 60 == stop % 60 == 0 else "%H:%M:%S"
        parts = [f"{_day(one)} {one.strftime(form)}" for one in (first, last)]
        if first.date() == last.date():
            parts[1] = last.strftime(form)
    if first.year != last.year:
        parts[0] += f", {first.year}"
    return f"{DASH.join(dict.fromkeys(parts))}, {last.year}"


def moment(start: int, stop: int, zone: ZoneInfo) -> str:
    """When a window is: its day, or the time at which it begins, where it is shorter."""
    first = shown(start, zone)
    if first.time() == datetime.min.time() and stop - start >= DAY - 7_200:
        return f"{_day(first)}, {first.year}"
    return f"{_day(first)}, {first.year}, {first:%H:%M}" + (f":{first:%S}" if start % 60 else "")


def _by_clock(start: int, stop: int, zone: ZoneInfo, step: int) -> Iterator[int]:
    time = start - (start + _ahead(start, zone)) % step
    while time <= stop:
        if time >= start:
            yield time
        following = time + step
        # Where clocks are changed, what follows is not so far away, or farther.
        late = (following + _ahead(following, zone)) % step
        time = following - late if following - late > time else following + step - late


def _ahead(time: int, zone: ZoneInfo) -> int:
    """How many seconds the zone's clocks are ahead of UTC."""
    ahead = shown(time, zone).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds())


def _by_days(start: int, stop: int, zone: ZoneInfo, step: int) -> Iterator[int]:
    # The first day of all was a Monday.
    number = (shown(start, zone).toordinal() - 1) // step * step + 1
    while (time := midnight(date.fromordinal(number), zone)) <= stop:
        if time >= start:
            yield time
        number += step


def _by_months(start: int, stop: int, zone: ZoneInfo, step: int) -> Iterator[int]:
    first, last = (_month_number(shown(time, zone)) for time in (start, stop))
    for number in range(first // step * step, last + 1, step):
        # There is no year 0.
        if number >= 12 and (time := midnight(_first_day(number), zone)) >= start:
            yield time


def _month_number(day: date) -> int:
    """The number of its month, counted from January of the year 0."""
    return day.year * 12 + day.month - 1


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _time_with(step: int) -> Callable[[datetime], str]:
    """Where a day begins the day, elsewhere the time."""
    form = "%H:%M" if step >= 60 else "%H:%M:%S"

    def label(time: datetime) -> str:
        return _day(time) if time.time() == datetime.min.time() else time.strftime(form)

    return label


def _day(time: datetime) -> str:
    return f"{MONTHS[time.month - 1]} {time.day}"


def _month(time: datetime) -> str:
    """Where a year begins the year, elsewhere the month."""
    return str(time.year) if time.month == 1 else MONTHS[time.month - 1]
