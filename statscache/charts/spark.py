"""A line without axes, as high as a line of text ("sparkline", E. Tufte, "Beautiful Evidence")."""

from __future__ import annotations

from . import frame, line, style, svg
from .chart import Chart, known
from .frame import Plot
from .scale import Scale

ROOM = 2
"""Pixels around it, so that nothing is cut."""


def draw(chart: Chart, size: tuple[int, int]) -> str:
    width, height = size
    numbers = [0, *(number for one in chart.series for _, number in known(one))]
    low, high = min(numbers), max(numbers)
    plot = Plot(
        Scale(chart.borders[0], chart.borders[-1], ROOM, width - ROOM),
        Scale(low, high if high > low else low + 1, height - ROOM, ROOM),
    )
    body = [part for index in range(len(chart.series)) for part in _line(chart, plot, index)]
    return frame.document(chart, "spark", size, body, style.css(is_small=True))


def _line(chart: Chart, plot: Plot, index: int) -> list[str]:
    found, colour = line.points(chart, plot, index), frame.colour(chart, index)
    together = line.runs(found, chart.over)
    drawn = [
        svg.path(line.solid(together), f"line s{colour}"),
        svg.path(line.dashed(found, chart.over), f"line open s{colour}"),
    ]
    if not chart.has_several:
        below = line.area(together, plot.y(0))
        drawn.insert(0, svg.path(below, f"f{colour}", style="fill-opacity:.12"))
        if found:
            x, y = found[max(found)]
            drawn.append(svg.element("circle", class_=f"f{colour}", cx=x, cy=y, r=2))
    return drawn
