"""What stands around the numbers: the document, the heading, the axes, the legend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from . import clock, scale, style, svg, words
from .chart import Chart, Number
from .scale import Scale

LEFT, RIGHT = 16, 16
TITLE, SUBTITLE = 24, 42
"""Where the lines of the heading stand."""

HEAD, FOOT, ROW = 60, 28, 18
PER_TICK = 36
LABEL, DENSE_LABEL = 64, 52
"""Pixels for a label of the time axis; months and days are shorter than hours."""

LONGEST_NAME = 150
MORE = 50
"""Pixels for the number of those that have no room."""

LEAST_PLOT = 44
"""Pixels that are left for the numbers themselves."""

WIDE = 480
"""From this width on there is room for more words, and for names at the ends of lines."""

HATCH = "hatch"
BETWEEN = " · "

Mark = Callable[[float, float], str]
"""Draws a small sample whose middle is at a point."""


class Plot(NamedTuple):
    """From moments (epoch seconds) and numbers to pixels; `y` of 0 is the base."""

    x: Scale
    y: Scale


def document(
    chart: Chart,
    kind: str,
    size: tuple[int, int],
    body: Iterable[str],
    css: str = style.CSS,
    **place: str,
) -> str:
    """The whole picture; `place` are attributes that tell where its windows are drawn."""
    name, (width, height) = f"{chart.name}-{kind}", size
    told = [
        svg.element("title", svg.escape(chart.title), id=f"{name}-title"),
        svg.element("desc", svg.escape(words.describe(chart, kind)), id=f"{name}-desc"),
        f"<style>{css}</style>",
    ]
    return svg.element(
        "svg",
        "\n".join([*told, *filter(None, body), ""]),
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        **place,
    )


def place(plot: Plot) -> str:
    """Where the plot is: left, right, top, bottom."""
    return " ".join(map(svg.short, (plot.x.first, plot.x.last, plot.y.last, plot.y.first)))


def heading(chart: Chart, width: int, mark: Mark) -> tuple[list[str], int]:
    """Title and subtitle, and where they end; `mark` is a sample of what is not over yet."""
    room = width - LEFT - RIGHT
    key = list[str]()
    if chart.is_open and chart.series:
        label = f"{chart.per} {words.NOT_OVER}" if width >= WIDE else words.NOT_OVER
        wide = round(0.9 * svg.width(label, style.SIZE))
        key = [
            mark(width - RIGHT - wide - 15, TITLE - 4),
            svg.text(label, width - RIGHT, TITLE, "end"),
        ]
        room -= wide + 40
    title = svg.clipped(chart.title, style.TITLE_SIZE, room)
    below = _lines(words.subtitle(chart), width - LEFT - RIGHT)
    lines = [svg.text(one, LEFT, SUBTITLE + ROW * row, "") for row, one in enumerate(below)]
    return [svg.text(title, LEFT, TITLE, "title"), *lines, *key], HEAD + ROW * (len(below) - 1)


def ground(size: tuple[int, int]) -> str:
    return svg.element("rect", class_="ground", width=size[0], height=size[1], rx=6)


def hatch(chart: Chart) -> str:
    """The pattern laid over what is not over yet."""
    lines = svg.path(["M-1 5L5-1M3 9L9 3M-1 13L13-1"], "hatch")
    return svg.element(
        "defs",
        svg.element(
            "pattern",
            lines,
            id=f"{chart.name}-{HATCH}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        ),
    )


def colour(chart: Chart, index: int) -> str:
    """What the classes of a series end in: `s0` has its stroke, `f0` its fill."""
    is_rest = index < len(chart.series) and chart.series[index].is_rest
    return style.REST_NAME if is_rest else str(index % len(style.SERIES))


def legend(
    chart: Chart, size: tuple[int, int], top: int, marks: Sequence[Mark]
) -> tuple[list[str], int]:
    """The names of the series, each with its mark, in rows from `top` on; and where they end.

    They leave room for the numbers: of names that do not fit it says how many there are.
    """
    (width, height), room = size, min(LONGEST_NAME, size[0] - 100)
    found, x, y = list[str](), float(LEFT), top + 4
    names = svg.distinct([one.name for one in chart.series], style.SIZE, room)
    for index, (name, mark) in enumerate(zip(names, marks, strict=True)):
        wide = 20 + svg.width(name, style.SIZE)
        is_last_row = y + ROW + 14 > height - FOOT - LEAST_PLOT
        right = width - RIGHT - (MORE if is_last_row and index < len(names) - 1 else 0)
        if x > LEFT and x + wide > right:
            if is_last_row:
                found.append(svg.text(f"+ {len(names) - index} more", x, y, ""))
                break
            x, y = LEFT, y + ROW
        found += [mark(x + 6, y - 4), svg.text(name, x + 17, y, "name")]
        x += wide + 14
    return found, y + 14


def _lines(parts: Sequence[str], room: int) -> list[str]:
    """The parts in a line, or in two."""
    whole = BETWEEN.join(parts)
    if svg.width(whole, style.SIZE) <= room:
        return [whole]
    first = 1
    while svg.width(BETWEEN.join(parts[: first + 1]), style.SIZE) <= room:
        first += 1
    two = (BETWEEN.join(parts[:first]), BETWEEN.join(parts[first:]))
    return [svg.clipped(one, style.SIZE, room) for one in two]


def plot(
    chart: Chart, size: tuple[int, int], numbers: Iterable[Number], top: int, right: float = RIGHT
) -> tuple[Plot, list[str]]:
    """Scales for the `numbers` within what is left of the picture, and the axes for them."""
    width, height = size
    bottom = height - FOOT
    low, high = 0.0, 0.0
    is_whole = True
    for number in numbers:
        low, high = min(low, number), max(high, number)
        is_whole = is_whole and isinstance(number, int)
    marks = scale.ticks(low, high, max(2, (bottom - top) // PER_TICK), whole=is_whole)
    labels = [scale.short(one) for one in marks]
    left = LEFT + 8 + max(svg.width(one, style.SIZE) for one in labels)
    found = Plot(
        Scale(chart.borders[0], chart.borders[-1], round(left), round(width - right)),
        Scale(marks[0], marks[-1], bottom, top),
    )
    return found, [*_numbers(found, marks, labels), *_times(chart, found)]


def _numbers(found: Plot, marks: Sequence[Number], labels: Sequence[str]) -> list[str]:
    first, last = svg.short(found.x.first), svg.short(found.x.last)
    lines = [f"M{first} {round(found.y(one))}.5H{last}" for one in marks if one]
    return [
        svg.path(lines, "grid"),
        *(
            svg.text(label, found.x.first - 8, round(found.y(one)) + 4, "end")
            for one, label in zip(marks, labels, strict=True)
        ),
        svg.path([f"M{first} {round(found.y(0))}.5H{last}"], "base"),
    ]


def _times(chart: Chart, found: Plot) -> list[str]:
    x, bottom = found.x, found.y.first
    days = (x.high - x.low) / clock.DAY
    # No finer than the windows are.
    number = min((x.last - x.first) // (DENSE_LABEL if days > 4 else LABEL), len(chart.borders))
    marks = clock.ticks(round(x.low), round(x.high), chart.zone, int(number))
    half = svg.width("00:00", style.SIZE) / 2
    return [
        svg.path([f"M{round(x(one.time))}.5 {svg.short(bottom)}v4" for one in marks], "base"),
        *(
            svg.text(one.label, min(x(one.time), x.last - half + RIGHT / 2), bottom + 17, "middle")
            for one in marks
        ),
    ]


def empty(found: Plot) -> str:
    """What stands in a chart without numbers."""
    x, y = (found.x.first + found.x.last) / 2, (found.y.first + found.y.last) / 2
    return svg.text("No numbers in this time", x, y, "middle")
