"""Which of its figures a chart draws."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statscache.plugins import Count, Histogram, Schedule
from statscache.web.query import picture, shape


class Builds(Count):
    """Builds."""

    name, by, interval = "drawn builds", ("state",), timedelta(hours=1)


class Waits(Histogram):
    """How long they waited, by door."""

    name, by, interval, unit = "drawn waits", ("door",), timedelta(days=1), "seconds"
    quantiles = (50, 99)

    def count(self, message):
        yield message["door"], message["seconds"]


LINE = picture.Picture("line", 700, 300)


@pytest.mark.parametrize(
    ("plugin", "arguments", "expected"),
    [
        (Builds, {}, ("volume",)),
        (Waits, {}, ("p50",)),
        (Waits, {"fields": ["timestamp,door,p99"]}, ("p99",)),
        (Waits, {"fields": ["timestamp,door,volume"]}, ("volume",)),
        (Waits, {"fields": ["timestamp,p50,p99"]}, ("p50", "p99")),
    ],
)
def test_of_each_key_the_level_is_drawn_if_it_has_one_and_else_the_first_number(
    plugin, arguments, expected
):
    made = plugin(Schedule(plugin.interval), {})
    asked = shape.parse(made, made.model, arguments)
    assert picture.shaped(asked, made.model, LINE).sums == expected
