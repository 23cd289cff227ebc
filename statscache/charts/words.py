"""What a chart shows, in words, for whoever does not see it."""

from __future__ import annotations

from collections.abc import Iterator

from . import clock, scale
from .chart import Chart, Number, known

NAMES = {
    "line": "A line chart",
    "bar": "A bar chart",
    "stacked": "A chart of stacked bars",
    "spark": "A small line chart",
    "calendar": "A calendar with a square a day",
}
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
NOT_OVER = "not over yet"


def subtitle(chart: Chart) -> list[str]:
    """What is counted, from when to when, by whose clock, and what else there is to say."""
    return [measure(chart), f"{span(chart)} {chart.zone.key}", *chart.notes]


def measure(chart: Chart) -> str:
    return f"{chart.unit} {'per' if chart.is_rate else 'by'} {chart.per}"


def span(chart: Chart) -> str:
    return clock.span(chart.borders[0], chart.borders[-1], chart.zone)


def describe(chart: Chart, kind: str) -> str:
    """Range, highest and latest number, and what else there is to know."""
    return " ".join(_sentences(chart, kind))


def duration(seconds: int) -> str:
    """How long that is, in the largest unit that is whole: `day`, `6 hours`."""
    size, unit = next(one for one in UNITS if seconds % one[0] == 0)
    return many(seconds // size, unit)


def many(number: int, unit: str) -> str:
    """So many of a unit, where one is just the unit."""
    return unit if number == 1 else f"{number:,} {unit}s"


def value(chart: Chart, index: int, number: Number) -> str:
    """A number and its window: `1,234 on Jan 5, 2026`."""
    start, stop = chart.windows[index]
    return f"{scale.full(number)} ({clock.moment(start, stop, chart.zone)})"


def _sentences(chart: Chart, kind: str) -> Iterator[str]:
    yield f"{NAMES[kind]}: {measure(chart)}, {span(chart)}, time zone {chart.zone.key}."
    if chart.has_several:
        names = (one.name for one in chart.series)
        yield f"{len(chart.series)} series: {', '.join(names)}."
    found = [(number, -index, one.name) for one in chart.series for index, number in known(one)]
    if not found:
        yield "There are no numbers in this time."
        return
    number, index, name = max(found)
    of = f" of {name}" if chart.has_several else ""
    yield f"Highest: {value(chart, -index, number)}{of}."
    yield from _latest(chart)
    if chart.is_open:
        which = "window is" if chart.is_open == 1 else f"{chart.is_open} windows are"
        yield f"The last {which} {NOT_OVER}."
    yield from (f"{note[:1].upper()}{note[1:]}." for note in chart.notes)


def _latest(chart: Chart) -> Iterator[str]:
    """The numbers of the last window that has any, one that is over if there is such a one."""
    # Two may have the same name.
    of_each = [(one.name, dict(known(one))) for one in chart.series]
    indexes = {index for _, numbers in of_each for index in numbers}
    last = max([index for index in indexes if index < chart.over] or indexes)
    start, stop = chart.windows[last]
    found = [
        f"{scale.full(numbers[last])}{f' of {name}' if chart.has_several else ''}"
        for name, numbers in of_each
        if last in numbers
    ]
    yield f"Latest: {', '.join(found)} ({clock.moment(start, stop, chart.zone)})."
