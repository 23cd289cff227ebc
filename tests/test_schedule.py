from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statscache.schedule import Schedule, Window

EPOCH = datetime(1970, 1, 1)
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
ZONES = [
    UTC,
    timezone(timedelta(hours=5, minutes=45)),
    timezone(timedelta(hours=-9, minutes=-30, seconds=-7)),
    *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")),
]

lengths = st.integers(1, 40 * 86_400)
schedules = lengths.map(lambda seconds: Schedule(timedelta(seconds=seconds)))
seconds = st.integers(-(10**11), 10**11)
times = seconds | st.floats(-1e11, 1e11)
moments = st.datetimes(datetime(1, 3, 1), datetime(9999, 10, 1))
zoned = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
    moments,
    st.sampled_from(ZONES),
    st.integers(0, 1),
)


@given(schedules, times)
@example(Schedule(timedelta(seconds=3600)), -1e-20)
@example(Schedule(timedelta(seconds=3)), 0.9999999999999999 * 3)
def test_a_window_holds_its_time(schedule, time):
    window = schedule.window(time)
    assert window.start <= time < window.end


@given(schedules, seconds)
def test_windows_are_aligned_to_1970_and_tile_time(schedule, time):
    window = schedule.window(time)
    assert window.start % schedule.length == 0
    assert window.end == window.start + schedule.length
    assert schedule.window(window.start) == window
    assert schedule.window(window.end - 1) == window
    assert schedule.window(window.end).start == window.end
    assert schedule.window(window.start - 1).end == window.start


@given(schedules, moments | zoned)
@example(Schedule(timedelta(seconds=1)), datetime(9000, 1, 1, 23, 59, 59, 999_999))
def test_a_window_holds_its_datetime_to_the_microsecond(schedule, moment):
    start, end = (EPOCH + timedelta(seconds=edge) for edge in schedule.window(moment))
    assert start <= _naive_utc(moment) < end


@given(schedules, moments)
def test_naive_questions_are_utc_and_have_naive_answers(schedule, now):
    aware = now.replace(tzinfo=UTC)
    assert schedule.last(now).tzinfo is None
    assert schedule.next(now).tzinfo is None
    assert schedule.last(now) == schedule.last(aware).replace(tzinfo=None)
    assert schedule.next(now) == schedule.next(aware).replace(tzinfo=None)
    assert schedule.last(now) <= now < schedule.next(now)


@given(schedules, zoned)
@example(Schedule(timedelta(hours=1)), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZONES[3]))
@example(Schedule(timedelta(days=1)), datetime(2026, 3, 29, 2, 30, tzinfo=ZONES[3]))
def test_aware_questions_have_answers_in_their_zone(schedule, now):
    last, after = schedule.last(now), schedule.next(now)
    assert last.tzinfo is after.tzinfo is now.tzinfo
    assert _naive_utc(last) <= _naive_utc(now) < _naive_utc(after)
    assert _naive_utc(after) - _naive_utc(last) == schedule.interval


@given(schedules, moments | zoned)
def test_the_time_to_fire_is_what_is_left_of_the_window(schedule, now):
    left = schedule.time_to_fire(now)
    assert timedelta(0) < left <= schedule.interval
    assert _naive_utc(now) + left == _naive_utc(schedule.next(now))


@given(lengths)
def test_its_parts_and_its_text_add_up_to_the_interval(length):
    schedule = Schedule(timedelta(seconds=length))
    parts = (schedule.days, schedule.hours, schedule.minutes, schedule.seconds)
    assert schedule.interval == timedelta(
        days=parts[0], hours=parts[1], minutes=parts[2], seconds=parts[3]
    )
    texts = zip(parts, "dhms", strict=True)
    assert str(schedule) == "".join(f"{part}{unit}" for part, unit in texts if part)


@given(lengths)
def test_its_text_can_be_read_back(length):
    parts = re.findall(r"(\d+)([dhms])", str(Schedule(timedelta(seconds=length))))
    assert sum(int(number) * UNITS[unit] for number, unit in parts) == length


@given(schedules, zoned)
@example(Schedule(timedelta(hours=1)), datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=ZONES[3]))
@example(Schedule(timedelta(hours=1)), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZONES[3]))
@example(Schedule(timedelta(hours=1)), datetime(2026, 3, 29, 2, 30, tzinfo=ZONES[3]))
@example(Schedule(timedelta(days=1)), datetime(2026, 4, 5, 1, 45, fold=1, tzinfo=ZONES[5]))
@example(Schedule(timedelta(days=1)), datetime(1945, 5, 24, 2, 30, tzinfo=ZONES[3]))
def test_a_moment_is_in_the_same_window_in_every_zone(schedule, moment):
    instant = moment.astimezone(UTC)
    window = schedule.window(instant)
    assert schedule.window(moment) == window == schedule.window(instant.replace(tzinfo=None))
    for zone in ZONES:
        there = instant.astimezone(zone)
        assert schedule.window(there) == window
        assert schedule.last(there).astimezone(UTC) == schedule.last(instant)
        assert schedule.time_to_fire(there) == schedule.time_to_fire(instant)


def test_a_day_on_which_the_clocks_change_is_as_long_as_any_other():
    """Days are those of UTC: 23 or 25 hours by the clock on the wall are two windows' parts."""
    day = Schedule(timedelta(days=1))
    for date in (datetime(2026, 3, 29), datetime(2026, 10, 25)):
        hours = [date.replace(tzinfo=ZONES[3]) + timedelta(hours=hour) for hour in range(25)]
        for moment in hours:
            start, end = day.window(moment)
            assert end - start == 86_400
            assert start % 86_400 == 0


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (timedelta(seconds=1), "1s"),
        (timedelta(seconds=15), "15s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=60), "1h"),
        (timedelta(hours=24), "1d"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1d2h3m4s"),
    ],
)
def test_its_text_is_short(interval, text):
    assert str(Schedule(interval)) == text
    assert repr(Schedule(interval)) == f"Schedule('{text}')"


def test_a_leap_day_is_a_day_like_any_other():
    day = Schedule(timedelta(days=1))
    assert day.last(datetime(2024, 2, 29, 12)) == datetime(2024, 2, 29)
    assert day.next(datetime(2024, 2, 29, 12)) == datetime(2024, 3, 1)


def test_the_second_before_1970_is_in_the_window_before():
    assert Schedule(timedelta(minutes=1)).window(-1) == Window(-60, 0)
    assert Schedule(timedelta(minutes=1)).window(-0.001) == Window(-60, 0)


def test_without_a_question_it_answers_for_the_present():
    schedule = Schedule(timedelta(days=1))
    before = datetime.now(UTC).replace(tzinfo=None)
    last, after = schedule.last(), schedule.next()
    assert after - last == timedelta(days=1)
    assert last <= before + timedelta(days=1)
    assert before < after
    assert 0 < float(schedule) <= 86_400
    assert timedelta(0) < schedule.time_to_fire() <= timedelta(days=1)


def test_an_epoch_does_not_shift_windows():
    shifted = Schedule(timedelta(hours=1), datetime(2026, 1, 1, 0, 17))
    assert shifted.window(0) == Window(0, 3600)
    assert shifted == Schedule(timedelta(hours=1))


def test_schedules_of_the_same_length_are_one():
    assert len({Schedule(timedelta(hours=1)), Schedule(timedelta(minutes=60))}) == 1
    assert Schedule(timedelta(hours=1)) != Schedule(timedelta(hours=2))
    assert Schedule(timedelta(hours=1)) != 3600


@pytest.mark.parametrize(
    "interval", [timedelta(0), timedelta(seconds=-1), timedelta(seconds=1.5), timedelta.resolution]
)
def test_an_interval_is_a_positive_number_of_whole_seconds(interval):
    with pytest.raises(ValueError, match="positive number of whole seconds"):
        Schedule(interval)


@pytest.mark.parametrize("interval", [None, 60, "1h", True])
def test_an_interval_is_a_timedelta(interval):
    with pytest.raises(TypeError, match="must be a timedelta"):
        Schedule(interval)


def _naive_utc(time):
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
