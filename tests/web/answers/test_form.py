"""What the form of a statistic's page offers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statscache.plugins import Count, Distinct, Schedule
from statscache.web.answers import form

DAY = 86_400


class Builds(Count):
    name, by = "form builds", ("state",)


class People(Distinct):
    name = "form people"


def offered(plugin, interval, name, retention=None, **arguments):
    made = plugin(Schedule(timedelta(seconds=interval)), {})
    given = {key: [value] for key, value in arguments.items()}
    found = form.fields(made, given, retention, "2026-01-01", {}, is_drawn=True)
    (field,) = (one for one in found if one.name == name)
    return [one.value for one in field.options]


@pytest.mark.parametrize(
    ("interval", "retention", "ranges"),
    [
        (1, 7 * DAY, ["", "-15m", "-1h", "-6h", "-1d", "-7d", "2026-01-01"]),
        (3_600, None, ["", "-6h", "-1d", "-7d", "-30d", "-365d", "2026-01-01"]),
        (DAY, None, ["", "-7d", "-30d", "-365d", "2026-01-01"]),
    ],
)
def test_ranges_hold_some_windows_and_no_more_than_is_kept(interval, retention, ranges):
    assert offered(Builds, interval, "start", retention) == ranges


def test_windows_are_longer_than_the_own_ones():
    assert offered(Builds, 3_600, "every") == ["", "6h", "1d", "week", "month", "year"]
    assert offered(Builds, DAY, "every") == ["", "week", "month", "year"]


def test_what_is_asked_for_is_offered_in_any_case():
    assert offered(Builds, 3_600, "every", every="5h")[-1] == "5h"


def test_what_cannot_be_added_up_is_not_stacked():
    assert "stacked" in offered(Builds, 3_600, "kind")
    assert "stacked" not in offered(People, 3_600, "kind")


def test_what_the_form_does_not_show_is_handed_on_but_for_pages():
    made = Builds(Schedule(timedelta(hours=1)), {})
    given = {"order": ["asc"], "state": ["a"], "page": ["2"], "cursor": ["x"], "fields": ["a", "b"]}
    fields = form.fields(made, given, None, None, {}, is_drawn=True)
    assert [*form.kept(given, fields)] == [("order", "asc"), ("fields", "a"), ("fields", "b")]
