from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.errors import QueryError
from statscache.schedule import Schedule
from statscache.times import epoch
from statscache.web.query import query

from ..conftest import config
from ..guests import BuildsByState, Event, Events

NOW = datetime(2026, 1, 8, 0, 0, 0, 250_000)
EVENTS = Events(None, {})
BUILDS = BuildsByState(Schedule(timedelta(hours=1)), {})
CONFIG = config("sqlite:////nowhere/statscache.sqlite")


def parse(now=NOW, **arguments):
    given_arguments = {name: [value] for name, value in arguments.items()}
    return query.parse(EVENTS, Event, given_arguments, CONFIG, now)


def test_nothing_asked_is_the_newest_hundred_rows_until_now():
    wanted = parse()
    assert wanted == query.Query("event-logs", "desc", None, NOW, None, (), None, 1, 100)
    assert (wanted.skipped, wanted.size, wanted.reaches_limit) == (0, 100, False)


def test_rows_per_page_are_capped_at_the_maximum():
    assert parse(rows_per_page="7").rows_per_page == 7
    assert parse(rows_per_page="999999").rows_per_page == 1000


def test_the_limit_cuts_the_last_page_and_leaves_nothing_on_those_after_it():
    pages = [parse(limit="25", rows_per_page="10", page=str(number)) for number in (1, 2, 3, 4)]
    assert [page.size for page in pages] == [10, 10, 5, 0]
    assert [page.reaches_limit for page in pages] == [False, False, True, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("order", "up"), ("page", "0"), ("limit", "-1"), ("start", "x"), ("before", "1e400")],
)
def test_an_unusable_argument_is_refused_by_name(name, value):
    with pytest.raises(QueryError) as refused:
        parse(**{name: value})
    assert (refused.value.argument, refused.value.value) == (name, value)


def test_pinning_leaves_what_is_absolute_as_it_is():
    given_arguments = {"start": ["2026-01-01"], "stop": ["1767830400"], "category": ["a", "b"]}
    wanted = query.parse(EVENTS, Event, given_arguments, CONFIG, NOW)
    assert query.pin(given_arguments, wanted) == given_arguments


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        ({"open": "0"}, datetime(2026, 1, 7, 23)),
        ({"open": "0", "every": "6h"}, datetime(2026, 1, 7, 18)),
        ({"open": "0", "every": "1d", "tz": "Asia/Tokyo"}, datetime(2026, 1, 7, 15)),
        ({"open": "0", "before": "2026-01-07"}, datetime(2026, 1, 7)),
        ({"open": "1"}, None),
        ({}, None),
    ],
)
def test_windows_that_are_not_over_are_left_out_where_that_is_asked_for(asked, before):
    now = datetime(2026, 1, 7, 23, 59, 59)
    given_arguments = {name: [value] for name, value in asked.items()}
    wanted = query.parse(BUILDS, BUILDS.model, given_arguments, CONFIG, now)
    closed = query.close(wanted, epoch(now))
    assert closed.before == before
    pinned = query.pin(given_arguments, closed)
    later = query.parse(BUILDS, BUILDS.model, pinned, CONFIG, now + timedelta(days=1))
    assert query.close(later, epoch(now) + 86_400) == closed


def test_a_window_is_over_when_its_end_has_come():
    wanted = query.parse(BUILDS, BUILDS.model, {"open": ["0"]}, CONFIG, NOW)
    assert query.close(wanted, epoch(datetime(2026, 1, 8))).before == datetime(2026, 1, 8)


def test_what_is_filled_in_ends_now_and_what_is_there_may_be_later():
    later = {"stop": ["2026-02-01"], "fields": ["volume"]}
    assert query.parse(BUILDS, BUILDS.model, later, CONFIG, NOW).stop == datetime(2026, 2, 1)
    filled = query.parse(BUILDS, BUILDS.model, {**later, "fill": ["0"]}, CONFIG, NOW)
    assert filled.stop == NOW
    assert query.pin({**later, "fill": ["0"]}, filled)["stop"] == ["1767830400.25"]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.timedeltas(timedelta(0)))
def test_a_pinned_query_means_the_same_at_any_later_time(now, delay):
    relative = {"start": ["-24h"], "before": ["now"]}
    wanted = query.parse(EVENTS, Event, relative, CONFIG, now)
    later = min(now + min(delay, timedelta(days=9999)), datetime.max)
    pinned = query.pin(relative, wanted)
    assert query.parse(EVENTS, Event, pinned, CONFIG, later) == wanted
    assert query.pin(pinned, wanted) == pinned
