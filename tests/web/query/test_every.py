"""The laws of coarser windows, in zones that are hard on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.errors import QueryError
from statscache.web.query import every
from statscache.web.query.every import Every

MINUTE, HOUR, DAY = 60, 3_600, 86_400
BERLIN = ZoneInfo("Europe/Berlin")
GREENWICH = ZoneInfo("UTC")

# Half hours, changes of half an hour, days without a midnight or that are left out altogether.
names = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
    ]
)
bases = st.sampled_from(
    ["1950-06-01", "1970-01-01", "2011-12-29", "2018-11-03", "2025-10-25", "2026-03-28"]
)
texts = st.sampled_from(
    ["5m", "90m", "1h", "2h", "5h", "12h", "36h", "1d", "3d", "1w", "2w", "1M", "3M", "1y", "7200"]
)


@st.composite
def times(draw):
    """A whole minute, mostly near a change of somebody's clocks."""
    base = int(datetime.fromisoformat(draw(bases)).replace(tzinfo=UTC).timestamp())
    return base + MINUTE * draw(st.integers(-3 * 1440, 3 * 1440))


def local(zone, time):
    return datetime.fromtimestamp(time, zone)


def label(text, zone, time):
    """What all moments of one window have in common, found the simple way."""
    windows, shown = every.parse(text, zone, MINUTE), local(zone, time)
    day = (shown.date() - datetime(1970, 1, 1).date()).days
    if windows.unit == every.SECONDS:
        ahead = int(shown.utcoffset().total_seconds())
        return ahead, (time + ahead) // windows.number
    if windows.unit == every.MONTHS:
        return (12 * shown.year + shown.month - 1) // windows.number
    return (
        (day + 3) // 7 // windows.number if windows.unit == every.WEEKS else day // windows.number
    )


@given(text=texts, name=names, time=times())
def test_a_window_holds_the_moments_that_the_clock_puts_into_it(text, name, time):
    zone = ZoneInfo(name)
    windows = every.parse(text, zone, MINUTE)
    start = windows.start(time)
    end = windows.end(start)
    assert start <= time < end
    mine = label(text, zone, time)
    assert {label(text, zone, one) for one in (start, end - 1)} == {mine}
    assert mine not in {label(text, zone, start - 1), label(text, zone, end)}


@given(text=texts, name=names, time=times())
def test_windows_follow_one_another_in_both_directions(text, name, time):
    windows = every.parse(text, ZoneInfo(name), MINUTE)
    first = windows.start(time)
    stop = first + 10 * windows.length + 1
    starts = list(windows.starts(first, stop))
    assert starts[0] == first
    assert all(windows.end(one) == following for one, following in pairwise(starts))
    assert starts[-1] < stop <= windows.end(starts[-1])
    assert list(windows.starts_before(starts[-1], time)) == starts[::-1]


@given(name=names, time=times())
def test_an_hour_is_one_hour_wherever_clocks_differ_by_whole_hours(name, time):
    zone = ZoneInfo(name)
    if int(local(zone, time).utcoffset().total_seconds()) % HOUR == 0:
        windows = every.parse("1h", zone, MINUTE)
        start = windows.start(time)
        assert (start, windows.end(start)) == (time // HOUR * HOUR, time // HOUR * HOUR + HOUR)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("2h", Every(7_200, "s", BERLIN)),
        ("7200", Every(7_200, "s", BERLIN)),
        ("7200000ms", Every(7_200, "s", BERLIN)),
        ("24h", Every(1, "d", BERLIN)),
        ("7d", Every(7, "d", BERLIN)),
        ("week", Every(1, "w", BERLIN)),
        ("1w", Every(1, "w", BERLIN)),
        ("month", Every(1, "M", BERLIN)),
        ("6M", Every(6, "M", BERLIN)),
        ("year", Every(12, "M", BERLIN)),
        ("2y", Every(24, "M", BERLIN)),
        ("1s", every.own(HOUR)),
        ("30m", every.own(HOUR)),
        ("7m", every.own(HOUR)),
        ("500ms", every.own(HOUR)),
    ],
)
def test_windows_are_called_by_number_and_unit_and_never_finer_than_the_own(text, windows):
    assert every.parse(text, BERLIN, HOUR) == windows


@pytest.mark.parametrize("text", ["", "0", "0h", "-1h", "1.5h", "h", "1H", "fortnight", "101y"])
def test_what_is_no_length_of_a_window_is_refused(text):
    with pytest.raises(QueryError, match="a whole number of s, m, h, d, w"):
        every.parse(text, GREENWICH, HOUR)


@pytest.mark.parametrize("text", ["90m", "5400", "5400001ms"])
def test_windows_that_the_own_ones_do_not_fill_are_refused(text):
    with pytest.raises(QueryError, match="a multiple of 1h"):
        every.parse(text, GREENWICH, HOUR)


@pytest.mark.parametrize(
    ("name", "text", "interval"),
    [("Europe/Berlin", "1d", DAY), ("Asia/Kolkata", "1h", HOUR), ("Asia/Kolkata", "week", HOUR)],
)
def test_a_zone_that_would_cut_the_own_windows_is_refused(name, text, interval):
    with pytest.raises(QueryError, match=r"tz was .* multiple of"):
        every.parse(text, ZoneInfo(name), interval)


def test_a_finer_window_is_given_in_any_zone():
    assert every.parse("1h", BERLIN, DAY) == every.own(DAY)


def test_the_longest_windows_are_a_century():
    assert (
        every.parse("100y", GREENWICH, HOUR).start(0)
        == datetime(1900, 1, 1, tzinfo=UTC).timestamp()
    )
    assert timedelta(seconds=every.LONGEST) > timedelta(days=36_500)
