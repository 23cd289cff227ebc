"""The laws of moments on the time axis."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import DAY, HOUR, START, UTC

from statscache.charts.clock import moment, shown, span, ticks

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [UTC, BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns")]
starts = st.integers(0, 2 * 10**9)
lengths = st.integers(60, 3_600) | st.integers(60, 10 * DAY) | st.integers(DAY, 9_000 * DAY)


@given(start=starts, length=lengths, number=st.integers(1, 15), zone=st.sampled_from(ZONES))
def test_they_are_within_the_range_in_order_and_not_many(start, length, number, zone):
    found = [one.time for one in ticks(start, start + length, zone, number)]
    assert all(start <= time <= start + length for time in found)
    assert all(one < other for one, other in pairwise(found))
    # Of two-week steps one more may fit, and where clocks are changed.
    assert len(found) <= number + 3


@given(start=starts, length=st.integers(600, 40 * DAY), number=st.integers(1, 15))
def test_by_the_clock_of_utc_they_are_evenly_spaced(start, length, number):
    found = [one.time for one in ticks(start, start + length, UTC, number)]
    steps = {other - one for one, other in pairwise(found)}
    assert len(steps) <= 1 or min(steps) > 27 * DAY


@given(start=starts, hours=st.integers(8, 60), zone=st.sampled_from(ZONES))
def test_hours_are_those_of_the_zone_also_where_clocks_are_changed(start, hours, zone):
    for one in ticks(start, start + hours * HOUR, zone, hours):
        assert shown(one.time, zone).minute % 30 == 0
        assert one.label


def test_a_day_whose_clocks_are_changed_has_its_own_hours():
    # 2026-03-29, when 02:00 is left out.
    found = ticks(1_774_738_800, 1_774_738_800 + 23 * HOUR, BERLIN, 8)
    assert [one.label for one in found] == [
        *("Mar 29", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "Mar 30")
    ]


@pytest.mark.parametrize(
    ("length", "number", "labels"),
    [
        (20, 4, ["Jan 1", "00:00:05", "00:00:10", "00:00:15", "00:00:20"]),
        (HOUR, 4, ["Jan 1", "00:15", "00:30", "00:45", "01:00"]),
        (DAY, 4, ["Jan 1", "06:00", "12:00", "18:00", "Jan 2"]),
        (5 * DAY, 5, ["Jan 1", "Jan 2", "Jan 3", "Jan 4", "Jan 5", "Jan 6"]),
        (30 * DAY, 5, ["Jan 5", "Jan 12", "Jan 19", "Jan 26"]),
        (365 * DAY, 6, ["2026", "Mar", "May", "Jul", "Sep", "Nov", "2027"]),
        (7_400 * DAY, 4, ["2030", "2040"]),
    ],
)
def test_labels_say_what_begins(length, number, labels):
    assert [one.label for one in ticks(START, START + length, UTC, number)] == labels


def test_a_range_is_told_in_days_or_to_the_minute():
    assert span(START, START + 7 * DAY, UTC) == "Jan 1 \u2013 Jan 7, 2026"
    assert span(START, START + DAY, UTC) == "Jan 1, 2026"
    assert span(START - DAY, START + DAY, UTC) == "Dec 31, 2025 \u2013 Jan 1, 2026"
    assert span(START, START + 90 * 60, UTC) == "Jan 1 00:00 \u2013 01:30, 2026"
    assert span(START, START + DAY, BERLIN) == "Jan 1 01:00 \u2013 Jan 2 01:00, 2026"
    assert span(START + 1, START + 5, UTC) == "Jan 1 00:00:01 \u2013 00:00:05, 2026"


def test_a_window_is_its_day_or_when_it_begins():
    assert moment(START, START + DAY, UTC) == "Jan 1, 2026"
    assert moment(START, START + HOUR, UTC) == "Jan 1, 2026, 00:00"
    assert moment(START + 5, START + 10, UTC) == "Jan 1, 2026, 00:00:05"


def test_the_ends_of_all_calendars_have_labels():
    first, last = (
        round((datetime(year, 1, 1) - datetime(1970, 1, 1)).total_seconds())
        for year in (200, 9_900)
    )
    assert next(one.label for one in ticks(first, last, UTC, 10)) == "1000"
