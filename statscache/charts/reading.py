"""What can be read off a chart, for a page that lets its reader point at it."""

from __future__ import annotations

from typing import Any

from . import clock, frame, style
from .chart import Chart


def reading(chart: Chart) -> dict[str, Any]:
    """The numbers of each window, ready for JSON.

    `borders` are as in the chart, `times` says in words when each window is, `over` is how many are
    over. Each of the `series` has its `name` and `values`, and its `colours` on white and on black.
    """
    series = [
        {
            "name": one.name,
            "values": [*one.values],
            "colours": style.series(frame.colour(chart, at)),
        }
        for at, one in enumerate(chart.series)
    ]
    return {
        "borders": [*chart.borders],
        "times": [clock.moment(start, stop, chart.zone) for start, stop in chart.windows],
        "over": chart.over,
        "unit": chart.unit,
        "series": series,
    }
