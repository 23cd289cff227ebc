"""Bars, side by side or one on the other; hatched where a window is not over yet."""

from __future__ import annotations

from collections.abc import Iterator

from . import frame, svg
from .chart import Chart, Number, known
from .frame import Mark, Plot

NARROW = 3
"""Bars of fewer pixels have no room between them."""

Bar = tuple[int, int, Number, Number]
"""The number of the window and that of the place in it, and from where to where it reaches."""


def draw(chart: Chart, size: tuple[int, int]) -> str:
    """A bar for each series, side by side."""
    bars: list[list[Bar]] = [
        [(at, index, 0, number) for at, number in known(one)]
        for index, one in enumerate(chart.series)
    ]
    return _draw(chart, size, bars, "bar", len(chart.series))


def draw_stacked(chart: Chart, size: tuple[int, int]) -> str:
    """The series one on the other, the first one below; numbers below zero are left out."""
    reached: dict[int, Number] = {}
    bars = list[list[Bar]]()
    for one in chart.series:
        mine = list[Bar]()
        for at, number in known(one):
            if number > 0:
                lower = reached.get(at, 0)
                reached[at] = lower + number
                mine.append((at, 0, lower, reached[at]))
        bars.append(mine)
    return _draw(chart, size, bars, "stacked", 1)


def _draw(
    chart: Chart, size: tuple[int, int], bars: list[list[Bar]], kind: str, beside: int
) -> str:
    heading, top = frame.heading(chart, size[0], _open_mark(chart))
    legend = list[str]()
    if chart.has_several:
        marks = [_mark(chart, index) for index in range(len(chart.series))]
        legend, top = frame.legend(chart, size, top, marks)
    numbers = (number for series in bars for *_, number in series)
    plot, axes = frame.plot(chart, size, numbers, top)
    drawn = [
        svg.path(_bars(chart, plot, series, max(1, beside)), f"f{frame.colour(chart, index)}")
        for index, series in enumerate(bars)
    ]
    is_open = [bar for series in bars for bar in series if bar[0] >= chart.over]
    over = svg.path(_bars(chart, plot, is_open, max(1, beside)), "", fill=f"url(#{_hatch(chart)})")
    body = [
        frame.ground(size),
        frame.hatch(chart) if chart.is_open else "",
        *heading,
        *legend,
        *axes[:1],
        *drawn,
        over,
        *axes[1:],
        "" if any(drawn) else frame.empty(plot),
    ]
    return frame.document(chart, kind, size, body, data_plot=frame.place(plot))


def _bars(chart: Chart, plot: Plot, bars: list[Bar], beside: int) -> Iterator[str]:
    edges = [plot.x(border) for border in chart.borders]
    for at, place, lower, upper in bars:
        left, right = edges[at], edges[at + 1]
        between = _between(right - left)
        wide = (right - left - between) / beside
        first = round(left + between / 2 + place * wide)
        last = max(first + 1, round(left + between / 2 + (place + 1) * wide))
        if beside > 1 and wide >= NARROW:
            last -= 1
        foot = f"{plot.y(lower):.1f}"
        yield f"M{first} {foot}V{plot.y(upper):.1f}H{last}V{foot}Z"


def _between(wide: float) -> float:
    """How many pixels are left free between two windows."""
    return 0 if wide < NARROW else max(1, min(8, round(wide * 0.2)))


def _hatch(chart: Chart) -> str:
    return f"{chart.name}-{frame.HATCH}"


def _mark(chart: Chart, index: int) -> Mark:
    return lambda x, y: _square(x, y, class_=f"f{frame.colour(chart, index)}")


def _open_mark(chart: Chart) -> Mark:
    pattern = f"url(#{_hatch(chart)})"
    under = _mark(chart, 0)
    return lambda x, y: under(x, y) + _square(x, y, fill=pattern)


def _square(x: float, y: float, **attributes: object) -> str:
    return svg.element("rect", x=x - 5, y=y - 5, width=10, height=10, rx=2, **attributes)
