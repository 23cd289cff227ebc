from __future__ import annotations

import pytest
from pictures import chart

from statscache.charts.words import describe, duration


def test_one_series_is_told_by_its_range_highest_and_latest_number():
    assert describe(chart([3, 1_234, 2, 1], is_open=1), "line") == (
        "A line chart: builds per hour, Jan 1 00:00 \u2013 04:00, 2026, time zone UTC. "
        "Highest: 1,234 (Jan 1, 2026, 01:00). Latest: 2 (Jan 1, 2026, 02:00). "
        "The last window is not over yet."
    )


def test_of_several_it_says_which():
    made = chart([1, 2], [5, None], names=["failed", "canceled"], notes=["state: failed"])
    assert describe(made, "stacked").endswith(
        "2 series: failed, canceled. Highest: 5 (Jan 1, 2026, 00:00) of canceled. "
        "Latest: 2 of failed (Jan 1, 2026, 01:00). State: failed."
    )


def test_without_numbers_it_says_so():
    assert "There are no numbers in this time." in describe(chart([None]), "bar")


def test_where_nothing_is_over_the_latest_is_what_there_is():
    assert "Latest: 2 (Jan 1, 2026, 01:00)" in describe(chart([1, 2], is_open=2), "bar")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "second"), (60, "minute"), (21_600, "6 hours"), (86_400, "day"), (90, "90 seconds")],
)
def test_windows_have_names(seconds, text):
    assert duration(seconds) == text
