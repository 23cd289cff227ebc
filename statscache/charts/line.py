"""Lines: a point in the middle of each window, dashed to where a window is not over yet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from . import frame, style, svg
from .chart import Chart, known
from .frame import Mark, Plot

LONGEST_NAME = 130
BETWEEN_NAMES = 14

Point = tuple[float, float]


def draw(chart: Chart, size: tuple[int, int]) -> str:
    width, height = size
    heading, top = frame.heading(chart, width, _mark(frame.colour(chart, 0), "open"))
    right, names = float(frame.RIGHT), list[str]()
    has_room = height - frame.FOOT - top >= BETWEEN_NAMES * len(chart.series)
    is_direct = width >= frame.WIDE and has_room and chart.has_several
    if is_direct:
        names = svg.distinct([one.name for one in chart.series], style.SIZE, LONGEST_NAME)
        right += max(svg.width(name, style.SIZE) for name in names)
    legend = list[str]()
    if chart.has_several and not is_direct:
        marks = [_mark(frame.colour(chart, index)) for index in range(len(chart.series))]
        legend, top = frame.legend(chart, size, top, marks)
    numbers = (number for one in chart.series for _, number in known(one))
    plot, axes = frame.plot(chart, size, numbers, top, right)
    order = reversed(range(len(chart.series)))
    lines = [line for index in order for line in _line(chart, plot, index)]
    ends = _ends(chart, plot, names) if is_direct else []
    body = [
        frame.ground(size),
        *heading,
        *legend,
        *axes,
        *(lines or [frame.empty(plot)]),
        *ends,
    ]
    return frame.document(chart, "line", size, body, data_plot=frame.place(plot))


def points(chart: Chart, plot: Plot, index: int) -> dict[int, Point]:
    """Where the numbers of a series are drawn, by the number of their window."""
    borders, (x, y) = chart.borders, plot
    return {
        at: (x((borders[at] + borders[at + 1]) / 2), y(number))
        for at, number in known(chart.series[index])
    }


def last_point(chart: Chart, plot: Plot, index: int) -> Point | None:
    """Where the last number of a series is drawn, if it has one."""
    found = max(known(chart.series[index]), default=None)
    if found is None:
        return None
    at, number = found
    return plot.x((chart.borders[at] + chart.borders[at + 1]) / 2), plot.y(number)


def runs(found: dict[int, Point], over: int) -> list[list[Point]]:
    """The points of windows that are over, those without a gap between them together."""
    together, before = list[list[Point]](), -2
    for at, point in found.items():
        if at >= over:
            break
        if at != before + 1:
            together.append([])
        together[-1].append(point)
        before = at
    return together


def solid(found: list[list[Point]]) -> Iterator[str]:
    """What draws them; one alone is a dot."""
    for points in found:
        drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f"M{drawn}" if len(points) > 1 else f"M{drawn}h.01"


def area(found: list[list[Point]], base: float) -> Iterator[str]:
    """What is below them."""
    for points in found:
        if len(points) > 1:
            drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            yield f"M{drawn}V{base:.1f}H{points[0][0]:.1f}Z"


def dashed(found: dict[int, Point], over: int) -> Iterator[str]:
    """From the last point that is over through those that are not."""
    shown = sorted(at for at in found if at >= over - 1)
    for one, other in pairwise(shown):
        if other == one + 1:
            (x, y), (to_x, to_y) = found[one], found[other]
            yield f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"
    if shown and shown[-1] >= over and shown[-1] - 1 not in found:
        x, y = found[shown[-1]]
        yield f"M{x:.1f} {y:.1f}h.01"


def _line(chart: Chart, plot: Plot, index: int) -> list[str]:
    found, colour = points(chart, plot, index), frame.colour(chart, index)
    together = runs(found, chart.over)
    drawn = [
        svg.path(solid(together), f"line s{colour}"),
        svg.path(dashed(found, chart.over), f"line open s{colour}"),
    ]
    if not chart.has_several:
        below = area(together, plot.y(0))
        drawn.insert(0, svg.path(below, f"f{colour}", style="fill-opacity:.1"))
    return [one for one in drawn if one]


def _ends(chart: Chart, plot: Plot, names: list[str]) -> list[str]:
    """The names of the series beside their last points, as far apart as they have to be."""
    last = dict[int, Point]()
    for index in range(len(chart.series)):
        if found := last_point(chart, plot, index):
            last[index] = found
    order = sorted(last, key=lambda index: last[index][1])
    places = apart([last[index][1] for index in order], plot.y.last, plot.y.first)
    x = plot.x.last + 6
    return [
        svg.element(
            "g",
            svg.element("circle", class_=f"f{frame.colour(chart, index)}", cx=x, cy=y, r=3)
            + svg.text(names[index], x + 8, y + 4, "name"),
        )
        for index, y in zip(order, places, strict=True)
    ]


def apart(wanted: list[float], top: float, bottom: float) -> list[float]:
    """Places near those that are `wanted`, in their order, far enough apart, if there is room."""
    places = list[float]()
    for one in wanted:
        places.append(max(one, places[-1] + BETWEEN_NAMES if places else top))
    below = bottom
    for index in reversed(range(len(places))):
        places[index] = min(places[index], below)
        below = places[index] - BETWEEN_NAMES
    return places


def _mark(colour: str, dashed: str = "") -> Mark:
    return lambda x, y: svg.path([f"M{x - 6:.1f} {y:.1f}h14"], f"line {dashed} s{colour}")
