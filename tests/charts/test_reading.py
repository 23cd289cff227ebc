"""What can be read off a chart."""

from __future__ import annotations

import json
import re
from zoneinfo import ZoneInfo

import pytest
from pictures import HOUR, START, chart

from statscache.charts import KINDS, draw, reading
from statscache.charts.style import REST, SERIES


def test_each_window_has_its_time_by_the_clock_of_the_chart_and_its_numbers():
    made = chart([1, None, 3], [4, 5.5, 6], names=["a", "b"], is_open=1)
    read = reading(made._replace(zone=ZoneInfo("Asia/Tokyo")))
    assert read["borders"] == [START + HOUR * hour for hour in range(4)]
    assert len(read["times"]) == 3
    assert read["times"][1].endswith("10:00")
    assert read["over"] == 2
    assert [(one["name"], one["values"]) for one in read["series"]] == [
        ("a", [1, None, 3]),
        ("b", [4, 5.5, 6]),
    ]
    json.dumps(read, allow_nan=False)


def test_series_have_the_colours_that_they_are_drawn_in():
    made = chart([1], [2], names=["a", "other"])
    made = made._replace(series=[made.series[0], made.series[1]._replace(is_rest=True)])
    assert [one["colours"] for one in reading(made)["series"]] == [SERIES[0], REST]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_with_axes_says_where_its_windows_are(kind):
    found = re.search('data-(plot|days)="(.*?)"', draw(chart([1, 2, 3]), kind, 600, 200))
    if kind == "spark":
        assert found is None
    elif kind == "calendar":
        assert found[1] == "days"
        left, top, step, weekday = map(int, found[2].split())
        assert 0 < left + step < 600
        assert 0 < top + 7 * step < 200
        assert weekday == 3, "a Thursday"
    else:
        left, right, top, bottom = map(float, found[2].split())
        assert 0 < left < right < 600
        assert 0 < top < bottom < 200
