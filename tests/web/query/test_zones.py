from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from statscache.errors import QueryError
from statscache.web.query import zones


def moment(text):
    return int(datetime.fromisoformat(text).timestamp())


def zone(name):
    return ZoneInfo(name)


@pytest.mark.parametrize(
    ("name", "day", "begins"),
    [
        ("UTC", "2026-01-01", "2026-01-01T00:00Z"),
        ("Europe/Berlin", "2026-07-01", "2026-06-30T22:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00-02:00"),
        ("America/St_Johns", "2010-11-07", "2010-11-07T00:00-02:30"),
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00+14:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00+14:00"),
        ("Africa/Cairo", "1950-01-01", "1950-01-01T00:00+02:00"),
    ],
)
def test_a_day_begins_at_its_first_moment(name, day, begins):
    assert zones.midnight(zone(name), date.fromisoformat(day)) == moment(begins)


def test_changes_of_the_clock_are_found_from_both_sides():
    berlin, change = zone("Europe/Berlin"), moment("2026-03-29T01:00Z")
    before, after = change - 40 * zones.DAY, change + 40 * zones.DAY
    assert zones.first_change(berlin, before, after) == change
    assert zones.last_change(berlin, before, after) == change
    assert zones.first_change(berlin, before, change) == change
    assert zones.last_change(berlin, before, change) == change
    assert zones.first_change(berlin, before, change - 1) is None
    assert zones.last_change(berlin, change, after) is None


@pytest.mark.parametrize(
    ("name", "seconds", "whole"),
    [
        ("UTC", 86_400, True),
        ("Africa/Abidjan", 86_400, True),
        ("Europe/Berlin", 3_600, True),
        ("Europe/London", 86_400, False),
        ("Asia/Kolkata", 3_600, False),
        ("Asia/Kolkata", 1_800, True),
        ("Asia/Kathmandu", 1_800, False),
        ("Australia/Lord_Howe", 3_600, False),
    ],
)
def test_zones_tell_which_windows_their_clocks_cut(name, seconds, whole):
    assert zones.keeps_whole(zone(name), seconds) is whole


@pytest.mark.parametrize("name", ["", "Mars", "Europe", "europe/berlin", "/etc/passwd", "../UTC"])
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(QueryError, match="IANA"):
        zones.parse("tz", name)
