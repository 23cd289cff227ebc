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
    "line": Kind(line.draw, (720, 280), (240, 160)),
    "bar": Kind(bar.draw, (720, 280), (240, 160)),
    "stacked": Kind(bar.draw_stacked, (720, 280), (240, 160)),
    "spark": Kind(spark.draw, (160, 32), (20, 10)),
    "calendar": Kind(calendar.draw, (760, 200), (240, 160)),
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
    # A pixel for each bar, and one between windows.
    return (width - SIDES) // (1 + (series if kind == "bar" else 1))
