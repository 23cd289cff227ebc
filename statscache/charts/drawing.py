"""The kinds of charts, how large each can be, and how much there is room for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import bar, calendar, line, spark
from .chart import Chart

Size = tuple[int, int]


class Kind(NamedTuple):
    """How it is drawn, and its width and height: unasked, at the least, and at the most."""

    draw: Callable[[Chart, Size], str]
    usual: Size
    least: Size
    most: Size = (4_000, 2_000)


KINDS = {
    "line": Kind(line.draw, (720, 280), (240, 140)),
    "bar": Kind(bar.draw, (720, 280), (240, 140)),
    "stacked": Kind(bar.draw_stacked, (720, 280), (240, 140)),
    "spark": Kind(spark.draw, (160, 32), (20, 10)),
    "calendar": Kind(calendar.draw, (760, 200), (240, 140)),
}
"""By name."""

SIDES, NAMES = 80, 120
"""About as many pixels stand at the sides, and names beside lines."""


def draw(chart: Chart, kind: str, width: int, height: int) -> str:
    """The chart as the text of an SVG document."""
    return KINDS[kind].draw(chart, (width, height))


def room(kind: str, width: int, series: int) -> int:
    """How many windows of so many series a chart has room for: no point is less than a pixel."""
    if kind == "spark":
        return width
    if kind == "calendar":
        return (width - calendar.LEFT - 16) // calendar.LEAST * calendar.WEEK
    if kind == "line":
        return width - SIDES - (NAMES if series > 1 else 0)
    beside = series if kind == "bar" else 1
    return max(1, (width - SIDES) // (2 * beside if beside == 1 else 3 * beside))
